package redisstore

import (
	"context"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// The grants of a user and of a client are found through indexes: sorted sets of
// grant ids, in slots of their own. In a cluster no script can write a grant and
// its indexes at once, so the order of the writes and how they are read make it
// right:
//
//   - The entry is written first. Whoever crashes between the two leaves an entry
//     without a grant, which is no harm; a grant without an entry, which nobody
//     could list or revoke, there never is, unless the index's server loses what it
//     acknowledged.
//   - An index is a superset. Every entry is looked up in the grant itself, which
//     alone says whose it is and whether it is open.
//   - An entry is scored by when it may be forgotten, in the time of the server that
//     holds the index, and outlives its grant by the clock skew. Each insert forgets
//     a few entries that are past, more than it adds, and the whole index goes with
//     its last entry. An entry is never removed because its grant is not there: the
//     grant may be about to be written.
//   - A rotation writes no entry: the limit of the family, and so how long it must be
//     found, was known when its first token was saved.
//
// A server without slots does the same in the one script of the verb, in that order.

// parts is into how many keys the index of a client is cut, so that one that has a
// million grants does not have them all on one server of a cluster.
const parts = 16

func (s *Store) userIndex(userID string) string { return s.prefix + "user:" + userID }

func (s *Store) clientIndex(clientID string, part byte) string {
	return s.prefix + "of:" + partName(part) + ":" + clientID
}

func partName(part byte) string { return strconv.FormatUint(uint64(part), parts) }

// indexesOf returns in which indexes a grant is.
func (s *Store) indexesOf(id model.GrantID, clientID, userID string) []string {
	keys := append(make([]string, 0, 2), s.clientIndex(clientID, id[0]%parts))
	if userID != "" {
		keys = append(keys, s.userIndex(userID))
	}
	return keys
}

// indexedWrite is a verb that writes what has to be found through indexes.
type indexedWrite struct {
	key, member    string
	indexes        []string
	ttl            int64 // ms, of what is written; its entries get more
	script         *script
	before, behind []any // arguments on both sides of the index member and its ttl
}

// write notes the entries and then runs the verb.
func (s *Store) write(ctx context.Context, what string, w *indexedWrite) error {
	ttl := w.ttl + s.skew
	c := call{script: w.script, keys: []string{w.key}}
	c.args = append(append(append(c.args, w.before...), w.member, ttl), w.behind...)
	if s.oneSlot {
		c.keys = append(c.keys, w.indexes...)
		return s.verb(ctx, what, &c)
	}
	calls := make([]call, len(w.indexes))
	for i, key := range w.indexes {
		calls[i] = call{script: &s.scripts.index, keys: []string{key}, args: []any{w.member, ttl}}
	}
	if _, err := s.runAll(ctx, calls); err != nil {
		return fault(what+": write the index", err)
	}
	return s.verb(ctx, what, &c)
}

// opening returns what writing to a grant of this client and user begins with.
func (s *Store) opening(script *script, id model.GrantID, clientID, userID string, ttl int64) *indexedWrite {
	return &indexedWrite{
		key: s.grantKey(id), member: string(id[:]), indexes: s.indexesOf(id, clientID, userID), ttl: ttl, script: script,
	}
}

// scan calls do with the members of an index, some at a time and each once. It goes by
// their scores, which a server that starts anew, or takes over, has too; the cursor of
// a ZSCAN means something else there, and members would be passed over. The score of a
// member only grows, so none that is there all the time gets behind.
func (s *Store) scan(ctx context.Context, key string, do func(members []string) error) error {
	seen := map[string]bool{}
	for from, most := "-inf", int64(atOnce); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := s.client.ZRangeByScoreWithScores(ctx, key, &redis.ZRangeBy{Min: from, Max: "+inf", Count: most}).Result()
		if err != nil {
			return err
		}
		var members []string
		for _, entry := range page {
			if member, _ := entry.Member.(string); !seen[member] {
				seen[member] = true
				members = append(members, member)
			}
		}
		for some := range slices.Chunk(members, atOnce) {
			if err := do(some); err != nil {
				return err
			}
		}
		if int64(len(page)) < most {
			return nil
		}
		// The next page begins with the score that this one ends with. If that is no
		// step ahead, the score has more members than fit on a page.
		last := strconv.FormatFloat(page[len(page)-1].Score, 'f', -1, 64)
		if last == from {
			most *= 2
		}
		from = last
	}
}
