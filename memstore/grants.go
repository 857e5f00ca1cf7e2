package memstore

import (
	"context"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// grantRef is what a grant id stands for: a grantRecord, or, for a grant that
// was opened by a token without refresh token and so can never get another
// save, that token itself. Half of all grants of a server for machines need no
// record that way.
type grantRef uint32

const loneToken grantRef = 1 << 31

func (r grantRef) isLone() bool  { return r&loneToken != 0 }
func (r grantRef) index() uint32 { return uint32(r &^ loneToken) }

// grantRecord is the state that the code and the tokens of a grant share.
type grantRecord struct {
	id        model.GrantID
	keepUntil int64 // the latest retention of anything ever saved in it, ms
	seed      [32]byte
	seedOf    uint32 // the token whose rotation put the seed
	code      uint32
	tokens    uint32 // how many are there
	revoked   bool
	used      bool
}

// openGrant makes the record of a grant that is not there yet.
func (sh *shard) openGrant(id model.GrantID) uint32 {
	i := sh.grantRecords.alloc()
	g := sh.grantRecords.at(i)
	g.id, g.used = id, true
	sh.grants[id] = grantRef(i)
	return i
}

// grant returns the record of a grant, or nil if there is none.
func (sh *shard) grant(id model.GrantID) (*grantRecord, uint32) {
	ref, ok := sh.grants[id]
	if !ok || ref.isLone() {
		return nil, 0
	}
	return sh.grantRecords.at(ref.index()), ref.index()
}

// RevokeGrant implements [model.Model].
func (s *Store) RevokeGrant(ctx context.Context, id model.GrantID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ref, ok := sh.grants[id]
	s.pause(ctx)
	switch {
	case !ok:
	case ref.isLone():
		sh.tokens.at(ref.index()).revoked = true
	default:
		// The mark is enough: whatever is read or saved in the grant looks at it.
		g := sh.grantRecords.at(ref.index())
		g.revoked = true
		g.seed, g.seedOf = [32]byte{}, 0
	}
	return nil
}
