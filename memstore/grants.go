package memstore

import (
	"context"
	"time"

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

	// What ListGrants shows; it need not look for the tokens.
	client, user     uint32 // in values
	terms            uint32 // of the latest token or of the code
	opened, lastUsed int64  // ms; lastUsed is 0 without a token
	expires          int64  // GrantExpiresAt, or that of the code
	liveUntil        int64  // when the last of what can be used expires
}

// openGrant makes the record of a grant that is not there yet.
func (sh *shard) openGrant(id model.GrantID, clientID, userID string, t terms, opened time.Time) uint32 {
	i := sh.grantRecords.alloc()
	g := sh.grantRecords.at(i)
	g.id, g.used = id, true
	g.client, g.user = sh.values.add(clientID), sh.values.add(userID)
	g.terms = sh.terms.add(t, terms.clone)
	g.opened = opened.UnixMilli()
	sh.grants[id] = grantRef(i)
	return i
}

// note takes over what a new token says about its grant.
func (sh *shard) note(g *grantRecord, r *tokenRecord, grantExpires int64) {
	g.tokens++
	g.keepUntil = max(g.keepUntil, grantExpires, sh.retention(r))
	if g.lastUsed == 0 {
		g.liveUntil = 0 // that of the code, which is spent
	}
	g.liveUntil = max(g.liveUntil, sh.retention(r))
	g.lastUsed, g.expires = r.issued, grantExpires
	if g.terms != r.terms {
		sh.terms.drop(g.terms)
		g.terms = sh.terms.keep(r.terms)
	}
}

func (sh *shard) removeGrant(i uint32) {
	g := sh.grantRecords.at(i)
	delete(sh.grants, g.id)
	sh.values.drop(g.client)
	sh.values.drop(g.user)
	sh.terms.drop(g.terms)
	sh.grantRecords.release(i)
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
		sh.grantRecords.at(ref.index()).revoke()
	}
	return nil
}

func (g *grantRecord) revoke() {
	g.revoked = true
	g.seed, g.seedOf = [32]byte{}, 0
}
