package memstore

import (
	"context"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// codeRecord is a stored authorization code. It is found through its grant.
type codeRecord struct {
	digest, challenge             [32]byte
	issued, expires, retain       int64  // ms
	grant                         uint32 // 0: the slot is free
	client, user, scope, redirect uint32 // in values
	resources                     uint32
	redirectSent, hasChallenge    bool
	spent                         bool
}

// SaveAuthorizationCode implements [model.Model].
func (s *Store) SaveAuthorizationCode(ctx context.Context, code *model.AuthorizationCode) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.shard(code.Key.Grant)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, ok := sh.grants[code.Key.Grant]; ok {
		return model.ErrExists
	}
	s.pause(ctx)
	gi := sh.openGrant(code.Key.Grant, code.ClientID, code.UserID, terms{grantScope: code.Scope, grantResources: code.Resources}, code.IssuedAt)
	ci := sh.codes.alloc()
	*sh.codes.at(ci) = codeRecord{
		digest:       code.Key.Digest,
		challenge:    code.Challenge,
		hasChallenge: code.HasChallenge,
		issued:       code.IssuedAt.UnixMilli(),
		expires:      code.ExpiresAt.UnixMilli(),
		retain:       code.RetainUntil.UnixMilli(),
		grant:        gi,
		client:       sh.values.add(code.ClientID),
		user:         sh.values.add(code.UserID),
		scope:        sh.values.add(string(code.Scope)),
		resources:    sh.values.add(string(code.Resources)),
		redirect:     sh.values.add(code.RedirectURI),
		redirectSent: code.RedirectURISent,
	}
	g := sh.grantRecords.at(gi)
	g.code, g.keepUntil = ci, code.RetainUntil.UnixMilli()
	g.expires = code.ExpiresAt.UnixMilli()
	g.liveUntil = g.expires
	sh.inserted(code.IssuedAt.UnixMilli())
	return nil
}

// GetAuthorizationCode implements [model.Model].
func (s *Store) GetAuthorizationCode(ctx context.Context, key model.Key) (*model.AuthorizationCode, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := s.shard(key.Grant)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	g, c := sh.code(key)
	if c == nil || g.revoked {
		return nil, model.ErrNotFound
	}
	return &model.AuthorizationCode{
		Key:             key,
		ClientID:        sh.values.get(c.client),
		UserID:          sh.values.get(c.user),
		Scope:           model.Scope(sh.values.get(c.scope)),
		Resources:       model.Resources(sh.values.get(c.resources)),
		RedirectURI:     sh.values.get(c.redirect),
		RedirectURISent: c.redirectSent,
		Challenge:       c.challenge,
		HasChallenge:    c.hasChallenge,
		IssuedAt:        fromMilli(c.issued),
		ExpiresAt:       fromMilli(c.expires),
		RetainUntil:     fromMilli(c.retain),
		Spent:           c.spent,
	}, nil
}

// RedeemAuthorizationCode implements [model.Model].
func (s *Store) RedeemAuthorizationCode(ctx context.Context, key model.Key, token *model.Token) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if token != nil && token.GrantID != key.Grant {
		return errOtherGrant
	}
	sh := s.shard(key.Grant)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	g, c := sh.code(key)
	switch {
	case c == nil:
		return model.ErrNotFound
	case g.revoked:
		return model.ErrRevoked
	case c.spent:
		return model.ErrSpent
	}
	if token == nil {
		s.pause(ctx)
		c.spent, g.liveUntil = true, 0
		return nil
	}
	h, err := sh.admit(token)
	if err != nil {
		return err
	}
	s.pause(ctx)
	c.spent = true
	sh.insert(token, h, c.grant)
	sh.inserted(token.IssuedAt.UnixMilli())
	return nil
}

// code finds a code and its grant, whatever their state, or returns nil.
func (sh *shard) code(key model.Key) (*grantRecord, *codeRecord) {
	g, _ := sh.grant(key.Grant)
	if g == nil || g.code == 0 || key.Digest.IsZero() {
		return nil, nil
	}
	c := sh.codes.at(g.code)
	if c.digest != key.Digest {
		return nil, nil
	}
	return g, c
}

func (sh *shard) removeCode(i uint32) {
	c := sh.codes.at(i)
	sh.grantRecords.at(c.grant).code = 0
	sh.values.drop(c.client)
	sh.values.drop(c.user)
	sh.values.drop(c.scope)
	sh.values.drop(c.resources)
	sh.values.drop(c.redirect)
	sh.codes.release(i)
}
