// Package memstore is a [model.Model] that keeps everything in memory: for
// demos, for tests, and for a server of one process whose tokens may end when
// it ends.
//
//	store := memstore.New()
//	err := store.AddClient(model.Client{
//		ID:           "web",
//		Secrets:      model.HashSecrets(secret),
//		RedirectURIs: []string{"https://web.example/callback"},
//		Scope:        "read write",
//	})
//
// It is built for a million live tokens. Records hold no pointers, so that the
// garbage collector has nothing to follow in them; client ids, user ids, scopes
// and the like are kept once and counted. The store is cut into shards by grant,
// each with a lock of its own: no lock covers the whole store, and one grant
// lives in one shard, so that every verb is one critical section.
//
// Expired records go by themselves. Each insert looks at a few records of its
// shard, and [Store.Sweep] looks at all of them, in bounded steps; run it with
// [model.SweepEvery] to give memory back to other records in quiet times as
// well. The store reads no clock: for the sweep at an insert, now is the
// earliest issue time in the last full round of inserts into the shard, so that
// a few records from a clock that ran ahead remove nothing that must be kept.
// Space once needed is used again and not given back to the system.
//
// Consents, the list of grants, changes of clients, device codes and limits are
// stored too. There is no index of a user's grants: [Store.ListGrants] says what
// looking for them costs.
//
// Nothing is started by [New], and nothing has to be closed.
package memstore
