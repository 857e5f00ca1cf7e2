package memstore

import (
	"context"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Pausable is a store that tests can stop between deciding and writing.
type Pausable struct{ *Store }

// PauseBeforeWrite implements modeltest.Pauser.
func (p Pausable) PauseBeforeWrite(hook func(context.Context)) { p.beforeWrite = hook }

// ShardsUsed tells into how many shards the ids of 1 to 255 fall.
func ShardsUsed(id func(byte) model.GrantID) int {
	s, used := New(), map[*shard]bool{}
	for i := range 255 {
		used[s.shard(id(byte(i+1)))] = true
	}
	return len(used)
}

// Stats counts what is in the store.
type Stats struct{ Tokens, Codes, Grants, Values, Indexed, Slots int }

// Stats counts what is in the store.
func (s *Store) Stats() (st Stats) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		st.Tokens += int(sh.tokens.n) - len(sh.tokens.free)
		st.Codes += int(sh.codes.n) - len(sh.codes.free)
		st.Grants += int(sh.grantRecords.n) - len(sh.grantRecords.free)
		st.Values += len(sh.values.ids)
		st.Indexed += len(sh.access) + len(sh.refresh) + len(sh.grants)
		st.Slots += int(sh.slots()) + int(sh.pairs.n) + len(sh.values.list)
		sh.mu.RUnlock()
	}
	return st
}
