package redisstore

import (
	"encoding/hex"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// The grants of a user and of a client are found through indexes: sorted sets of
// grant ids, in slots of their own. In a cluster no script can write a grant and
// its indexes at once, so the order of the writes and how they are read make it
// right:
//
//   - The entry is written first. Whoever crashes between the two leaves an entry
//     without a grant, which is no harm; a grant without an entry, which nobody
//     could list or revoke, there never is.
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
	return s.prefix + "of:" + hex.EncodeToString([]byte{part})[1:] + ":" + clientID
}

// indexesOf returns in which indexes a grant is.
func (s *Store) indexesOf(id model.GrantID, clientID, userID string) []string {
	keys := append(make([]string, 0, 2), s.clientIndex(clientID, id[0]%parts))
	if userID != "" {
		keys = append(keys, s.userIndex(userID))
	}
	return keys
}
