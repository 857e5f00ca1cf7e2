package redisstore

import (
	"context"
	"fmt"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// tokenTTL is for how long the grant has to be there for the sake of this token.
func (s *Store) tokenTTL(t *model.Token) int64 {
	return s.ttl(t.IssuedAt, t.GrantExpiresAt, t.RetainUntil())
}

// tokenArgs are the last arguments of every script that saves a token: until when
// it can be used, what a list shows, both digests, the record.
func tokenArgs(t *model.Token) []any {
	info := grantInfo{
		ClientID: t.ClientID, UserID: t.UserID, Scope: t.GrantScope, Resources: t.GrantResources,
		LastUsedAt: t.IssuedAt, ExpiresAt: t.GrantExpiresAt,
	}
	var refresh []byte
	if !t.Refresh.IsZero() {
		refresh = t.Refresh[:]
	}
	return []any{t.RetainUntil().UnixMilli(), encodeInfo(&info), t.Access[:], refresh, encodeToken(t)}
}

// SaveToken implements [model.Model].
func (s *Store) SaveToken(ctx context.Context, token *model.Token) error {
	ttl := s.tokenTTL(token)
	w := s.opening(&s.scripts.tokenSave, token.GrantID, token.ClientID, token.UserID, ttl)
	w.behind = append([]any{ttl, token.IssuedAt.UnixMilli()}, tokenArgs(token)...)
	return s.write(ctx, "save token", w)
}

// GetAccessToken implements [model.Model]. It is one HMGET.
func (s *Store) GetAccessToken(ctx context.Context, key model.Key) (*model.Token, error) {
	const what = "get access token"
	if key.Digest.IsZero() {
		return nil, model.ErrNotFound
	}
	found, err := s.fields(ctx, key.Grant, "l", "a"+string(key.Digest[:]))
	if err != nil {
		return nil, fault(what, err)
	}
	if live, record := found[0], found[1]; live != "" && record != "" {
		return decodeFor(what, key.Grant, record)
	}
	return nil, model.ErrNotFound
}

// GetRefreshToken implements [model.Model]. It is one HMGET, and for a spent token,
// which is a replay or a retry, another one: of a spent pair the record is kept once
// only.
func (s *Store) GetRefreshToken(ctx context.Context, key model.Key) (*model.Token, error) {
	const what = "get refresh token"
	if key.Digest.IsZero() {
		return nil, model.ErrNotFound
	}
	digest := string(key.Digest[:])
	found, err := s.fields(ctx, key.Grant, "l", "f"+digest, "s"+digest)
	if err != nil {
		return nil, fault(what, err)
	}
	live, record, mark := found[0], found[1], found[2]
	switch {
	case live == "" || record == "" && mark == "":
		return nil, model.ErrNotFound
	case mark == "":
		return decodeFor(what, key.Grant, record)
	case len(mark) < digestLen:
		return nil, fault(what, errRecord)
	}
	// All of it again, so that the answer is of one moment.
	found, err = s.fields(ctx, key.Grant, "l", "a"+mark[:digestLen], "f"+digest, "e")
	if err != nil {
		return nil, fault(what, err)
	}
	live, record, seed := found[0], found[1]+found[2], found[3] // it is at one of the two
	if live == "" || record == "" {
		return nil, model.ErrNotFound
	}
	t, err := decodeFor(what, key.Grant, record)
	if err != nil {
		return nil, err
	}
	if t.SpentAt, err = spentAt(mark); err != nil {
		return nil, fault(what, err)
	}
	if len(seed) == len(t.Seed)+digestLen && seed[len(t.Seed):] == digest {
		copy(t.Seed[:], seed)
	}
	return t, nil
}

func decodeFor(what string, id model.GrantID, record string) (*model.Token, error) {
	t, err := decodeToken(record)
	if err != nil {
		return nil, fault(what, err)
	}
	t.GrantID = id
	return t, nil
}

// RotateRefreshToken implements [model.Model].
func (s *Store) RotateRefreshToken(ctx context.Context, key model.Key, seed [32]byte, successor *model.Token) error {
	if key.Digest.IsZero() {
		return model.ErrNotFound
	}
	if successor.GrantID != key.Grant {
		return errOtherGrant
	}
	now := successor.IssuedAt.UnixMilli()
	args := []any{key.Digest[:], seed[:], now, now - s.skew, s.tokenTTL(successor)}
	return s.verb(ctx, "rotate refresh token", &call{
		script: &s.scripts.tokenRotate, keys: []string{s.grantKey(key.Grant)},
		args: append(args, tokenArgs(successor)...),
	})
}

// RevokeAccessToken implements [model.Model].
func (s *Store) RevokeAccessToken(ctx context.Context, key model.Key) error {
	if key.Digest.IsZero() {
		return nil
	}
	return s.verb(ctx, "revoke access token", &call{
		script: &s.scripts.tokenRevoke, keys: []string{s.grantKey(key.Grant)}, args: []any{key.Digest[:]},
	})
}

// RevokeGrant implements [model.Model].
func (s *Store) RevokeGrant(ctx context.Context, id model.GrantID) error {
	_, err := s.revoke(ctx, id)
	return err
}

// revoke revokes a grant and reports whether it was open and not revoked.
func (s *Store) revoke(ctx context.Context, id model.GrantID) (bool, error) {
	const what = "revoke grant"
	status, err := s.status(ctx, s.revocation(id))
	switch {
	case err != nil:
		return false, fault(what, err)
	case status == "ok":
		return true, nil
	case status == "not found", status == "revoked":
		return false, nil
	}
	return false, fault(what, fmt.Errorf("the script answered %q", status))
}

func (s *Store) revocation(id model.GrantID) *call {
	return &call{script: &s.scripts.grantRevoke, keys: []string{s.grantKey(id)}}
}
