package memstore

import (
	"context"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// SaveToken implements [model.Model].
func (s *Store) SaveToken(ctx context.Context, token *model.Token) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.shard(token.GrantID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, ok := sh.grants[token.GrantID]; ok {
		return model.ErrExists
	}
	h, err := sh.admit(token)
	if err != nil {
		return err
	}
	s.pause(ctx)
	if needsPair(token) {
		sh.insert(token, h, sh.openGrant(token.GrantID, token.ClientID, token.UserID, termsOf(token), token.IssuedAt))
	} else {
		sh.grants[token.GrantID] = loneToken | grantRef(sh.insert(token, h, 0))
	}
	sh.inserted(token.IssuedAt.UnixMilli())
	return nil
}

// GetAccessToken implements [model.Model].
func (s *Store) GetAccessToken(ctx context.Context, key model.Key) (*model.Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := s.shard(key.Grant)
	h := sh.hash(key.Grant, key.Digest)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	r := sh.byAccess(key, h)
	if r == nil || r.revoked || sh.isRevoked(r) {
		return nil, model.ErrNotFound
	}
	t := new(model.Token)
	sh.fill(t, r)
	return t, nil
}

// GetRefreshToken implements [model.Model].
func (s *Store) GetRefreshToken(ctx context.Context, key model.Key) (*model.Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := s.shard(key.Grant)
	h := sh.hash(key.Grant, key.Digest)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	r, i := sh.byRefresh(key, h)
	if r == nil || sh.isRevoked(r) {
		return nil, model.ErrNotFound
	}
	t := new(model.Token)
	sh.fill(t, r)
	if p := sh.pairs.at(r.pair); p.spent {
		t.SpentAt = fromMilli(p.spentAt)
		if g := sh.grantRecords.at(r.grant); g.seedOf == i {
			t.Seed = g.seed
		}
	}
	return t, nil
}

// RotateRefreshToken implements [model.Model].
func (s *Store) RotateRefreshToken(ctx context.Context, key model.Key, seed [32]byte, successor *model.Token) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if successor.GrantID != key.Grant {
		return errOtherGrant
	}
	sh := s.shard(key.Grant)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r, i := sh.byRefresh(key, sh.hash(key.Grant, key.Digest))
	if r == nil {
		return model.ErrNotFound
	}
	if sh.isRevoked(r) {
		return model.ErrRevoked
	}
	p := sh.pairs.at(r.pair)
	if p.spent {
		return model.ErrSpent
	}
	h, err := sh.admit(successor)
	if err != nil {
		return err
	}
	s.pause(ctx)
	p.spent, p.spentAt = true, successor.IssuedAt.UnixMilli()
	g := sh.grantRecords.at(r.grant)
	g.seed, g.seedOf = seed, i
	sh.insert(successor, h, r.grant)
	sh.inserted(successor.IssuedAt.UnixMilli())
	return nil
}

// RevokeAccessToken implements [model.Model].
func (s *Store) RevokeAccessToken(ctx context.Context, key model.Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.shard(key.Grant)
	h := sh.hash(key.Grant, key.Digest)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.byAccess(key, h)
	s.pause(ctx)
	if r == nil {
		return nil
	}
	r.revoked = true
	// Without a refresh token there was nothing else in the grant that could be
	// used, so it is not open any more.
	if r.grant != 0 && (r.pair == 0 || sh.pairs.at(r.pair).digest.IsZero()) {
		if g := sh.grantRecords.at(r.grant); g.tokens == 1 {
			g.liveUntil = 0
		}
	}
	return nil
}

// isRevoked reports whether the token's grant was revoked.
func (sh *shard) isRevoked(r *tokenRecord) bool {
	return r.grant != 0 && sh.grantRecords.at(r.grant).revoked
}

func fromMilli(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
