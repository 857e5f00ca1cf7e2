package memstore

import (
	"encoding/json"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// tokenRecord is what every token has: 96 bytes.
type tokenRecord struct {
	id              model.GrantID
	digest          model.Digest // of the access token
	issued, expires int64        // ms
	client, user    uint32       // in values, like the next three
	terms           uint32       // in terms
	extra           uint32
	grant           uint32 // the grant's record, or 0 for a lone token
	pair            uint32 // what the refresh token adds, or 0
	used            bool
	revoked         bool // of the access token alone, or of a lone token's grant
}

// pairRecord is what a token with a refresh token has besides.
type pairRecord struct {
	digest       model.Digest // of the refresh token
	expires      int64        // of the refresh token, ms
	grantExpires int64
	spentAt      int64
	spent        bool
}

// needsPair reports whether a tokenRecord alone cannot hold the token. Without a
// refresh token that is so only for expiries other than the contract's.
func needsPair(t *model.Token) bool {
	return !t.Refresh.IsZero() || !t.RefreshExpiresAt.IsZero() || !t.GrantExpiresAt.Equal(t.AccessExpiresAt)
}

// hashes are those of the keys of a token's two halves.
type hashes struct{ access, refresh uint64 }

// admit looks whether the token can be indexed. Nothing is written.
func (sh *shard) admit(t *model.Token) (hashes, error) {
	h := hashes{access: sh.hash(t.GrantID, t.Access)}
	if _, ok := sh.access[h.access]; ok {
		return h, errDuplicate
	}
	if !t.Refresh.IsZero() {
		h.refresh = sh.hash(t.GrantID, t.Refresh)
		if _, ok := sh.refresh[h.refresh]; ok {
			return h, errDuplicate
		}
	}
	return h, nil
}

// insert stores an admitted token in the grant record, or alone if grant is 0.
func (sh *shard) insert(t *model.Token, h hashes, grant uint32) uint32 {
	i := sh.tokens.alloc()
	r := sh.tokens.at(i)
	*r = tokenRecord{
		id:      t.GrantID,
		digest:  t.Access,
		issued:  t.IssuedAt.UnixMilli(),
		expires: t.AccessExpiresAt.UnixMilli(),
		client:  sh.values.add(t.ClientID),
		user:    sh.values.add(t.UserID),
		terms:   sh.terms.add(termsOf(t), terms.clone),
		extra:   sh.values.add(string(t.Extra)),
		grant:   grant,
		used:    true,
	}
	sh.access[h.access] = i
	if needsPair(t) {
		r.pair = sh.pairs.alloc()
		*sh.pairs.at(r.pair) = pairRecord{
			digest:       t.Refresh,
			expires:      t.RefreshExpiresAt.UnixMilli(),
			grantExpires: t.GrantExpiresAt.UnixMilli(),
		}
		if !t.Refresh.IsZero() {
			sh.refresh[h.refresh] = i
		}
	}
	if grant != 0 {
		sh.note(sh.grantRecords.at(grant), r, t.GrantExpiresAt.UnixMilli())
	}
	return i
}

// retention returns until when the token must be kept, in ms.
func (sh *shard) retention(r *tokenRecord) int64 {
	if r.pair == 0 {
		return r.expires
	}
	return max(r.expires, sh.pairs.at(r.pair).expires)
}

// byAccess finds a token by its access half, whatever its state, or returns nil.
func (sh *shard) byAccess(key model.Key, h uint64) *tokenRecord {
	i, ok := sh.access[h]
	if !ok || key.Digest.IsZero() {
		return nil
	}
	if r := sh.tokens.at(i); r.digest == key.Digest && r.id == key.Grant {
		return r
	}
	return nil
}

// byRefresh finds a token by its refresh half, whatever its state, or returns nil.
func (sh *shard) byRefresh(key model.Key, h uint64) (*tokenRecord, uint32) {
	i, ok := sh.refresh[h]
	if !ok {
		return nil, 0
	}
	if r := sh.tokens.at(i); sh.pairs.at(r.pair).digest == key.Digest && r.id == key.Grant {
		return r, i
	}
	return nil, 0
}

// fill makes t what was saved.
func (sh *shard) fill(t *model.Token, r *tokenRecord) {
	t.GrantID = r.id
	t.ClientID = sh.values.get(r.client)
	t.UserID = sh.values.get(r.user)
	t.Access = r.digest
	a := sh.terms.get(r.terms)
	t.Scope, t.GrantScope, t.Resources, t.GrantResources = a.scope, a.grantScope, a.resources, a.grantResources
	t.IssuedAt = fromMilli(r.issued)
	t.AccessExpiresAt = fromMilli(r.expires)
	t.GrantExpiresAt = t.AccessExpiresAt
	if r.pair != 0 {
		p := sh.pairs.at(r.pair)
		t.Refresh = p.digest
		t.RefreshExpiresAt = fromMilli(p.expires)
		t.GrantExpiresAt = fromMilli(p.grantExpires)
	}
	if r.extra != 0 {
		t.Extra = json.RawMessage(sh.values.get(r.extra))
	}
}

func (sh *shard) removeToken(i uint32) {
	r := sh.tokens.at(i)
	delete(sh.access, sh.hash(r.id, r.digest))
	if r.pair != 0 {
		if p := sh.pairs.at(r.pair); !p.digest.IsZero() {
			delete(sh.refresh, sh.hash(r.id, p.digest))
		}
		sh.pairs.release(r.pair)
	}
	if r.grant == 0 {
		delete(sh.grants, r.id)
	} else {
		g := sh.grantRecords.at(r.grant)
		g.tokens--
		if g.seedOf == i {
			g.seed, g.seedOf = [32]byte{}, 0
		}
	}
	sh.values.drop(r.client)
	sh.values.drop(r.user)
	sh.terms.drop(r.terms)
	sh.values.drop(r.extra)
	sh.tokens.release(i)
}
