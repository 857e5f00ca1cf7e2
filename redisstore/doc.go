// Package redisstore is a [model.Model] in Redis, Valkey or Redis Cluster, for a
// server of several instances:
//
//	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
//	store, err := redisstore.New(ctx, client, redisstore.Options{})
//	if err != nil {
//		return err
//	}
//	err = store.CreateClient(ctx, &model.Client{
//		ID:           "web",
//		Secrets:      model.HashSecrets(secret),
//		RedirectURIs: []string{"https://web.example/callback"},
//		Scope:        "read write",
//	})
//	if err != nil && !errors.Is(err, model.ErrExists) {
//		return err
//	}
//	oauth, err := ginoauth.New(engine.Config{Model: store, …}, ginoauth.Options{…})
//
// It holds everything that the engine can store: registered clients, consents,
// device codes, rate limits that all instances share, and the lists of what a user or
// client has. Nothing has to be set up or swept: every key but a registered client's
// has a time to live, and a family that is refreshed for months drops its spent
// tokens as it goes.
//
// # What Redis must be set to
//
//	appendonly        yes
//	appendfsync       always
//	maxmemory-policy  noeviction
//
// [New] asks the server and warns of each setting that is another, with what it
// loses. For tokens a lost write is more than a lost write: a grant that was revoked
// is back, with all its tokens; a code or refresh token that was spent can be spent
// again, once, by whoever has it.
//
//   - appendfsync everysec loses about the last second when the machine stops, or two
//     when its disk is slow. That may be good enough: it is for you to say.
//   - Without an append-only file all since the last snapshot is lost.
//   - An evicting maxmemory-policy takes live tokens, and with them the marks of what
//     was revoked and spent, when memory is short. With noeviction nothing new
//     is stored then; what is stored stays, and can be revoked.
//
// The server must be Redis 5 or later (it is tested with 7.0), or Valkey. An ACL must
// allow scripts (EVAL, EVALSHA, SCRIPT LOAD), hashes, strings and sorted sets, on keys
// that begin with the prefix. INFO and CONFIG GET let New see what it should warn of;
// what it may not ask it says.
//
// A user's grant takes about 1.7 kB, its indexes included, and 0.45 kB more for each
// refresh of the last 14 days; a token of a machine 0.95 kB. With
//
//	hash-max-listpack-value 1024
//
// it is 1.3, 0.35 and 0.55 kB, because Redis then packs small hashes with records as
// long as these.
//
// # Replicas and failover
//
// Replication is asynchronous: the replica that becomes the master lacks the writes of
// the last moment, though they were acknowledged and though appendfsync is always. A
// grant revoked in that moment lives again. min-replicas-to-write bounds how long a
// master that was cut off goes on taking writes which are lost when it comes back.
// In a cluster a grant and the indexes that it is found by may have different masters.
// When that of an index loses its last moment, the grants opened in it live on, and
// lists and RevokeGrants do not find them; RevokeGrant does. Where that is too much,
// use a store on a database that replicates synchronously.
//
// Nothing may be read from replicas: one that lags answers for a revoked grant. New
// refuses a replica, and cluster clients that read from them (ReadOnly,
// RouteByLatency, RouteRandomly). It refuses [redis.Ring] too, which sends keys to
// another server while theirs is down, and with that forgets what was revoked.
//
// During an outage every verb fails, and the engine answers with 5xx. Afterwards all
// goes on by itself. Set ContextTimeoutEnabled, or a request waits for ReadTimeout
// whatever its deadline.
//
// # Keys, slots and round trips
//
// One grant is one hash, oauth:{<grant>}, with its code and its tokens. The braces make the grant alone decide about the slot, so every verb is
// one script in one slot, in one round trip; the scripts are in the folder lua. A
// reading verb is one HMGET without script, and that of a spent refresh token two. A
// client is one GET.
//
// Verbs that open a grant also note it in an index of the user and one of the client,
// through which it is found for lists and to be revoked. On one server this is part of
// the script. In a cluster the indexes are in other slots, so they are written in one
// more round trip, before.
//
// Writing commands are sent once, whatever MaxRetries says. When an answer is lost,
// nobody knows whether the code was redeemed, and asking again would read as a replay:
// the verb returns a fault, and the engine looks whether its own token is there.
//
// The times of records are those of the instances; the server's clock only counts down.
// So tests may use a clock of their own, and Options.ClockSkew says how far the clocks
// of the instances may be apart.
package redisstore
