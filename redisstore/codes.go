package redisstore

import (
	"context"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// SaveAuthorizationCode implements [model.Model].
func (s *Store) SaveAuthorizationCode(ctx context.Context, code *model.AuthorizationCode) error {
	ttl := s.ttl(code.IssuedAt, code.RetainUntil)
	info := grantInfo{ClientID: code.ClientID, UserID: code.UserID, Scope: code.Scope, Resources: code.Resources, ExpiresAt: code.ExpiresAt}
	w := s.opening(&s.scripts.codeSave, code.Key.Grant, code.ClientID, code.UserID, ttl)
	w.behind = []any{ttl, code.IssuedAt.UnixMilli(), code.ExpiresAt.UnixMilli(), encodeInfo(&info), encodeCode(code)}
	return s.write(ctx, "save authorization code", w)
}

// GetAuthorizationCode implements [model.Model].
func (s *Store) GetAuthorizationCode(ctx context.Context, key model.Key) (*model.AuthorizationCode, error) {
	const what = "get authorization code"
	if key.Digest.IsZero() {
		return nil, model.ErrNotFound
	}
	found, err := s.fields(ctx, key.Grant, "l", "c", "x")
	if err != nil {
		return nil, fault(what, err)
	}
	live, record, spent := found[0], found[1], found[2]
	if live == "" || len(record) < digestLen || record[:digestLen] != string(key.Digest[:]) {
		return nil, model.ErrNotFound
	}
	code, err := decodeCode(record)
	if err != nil {
		return nil, fault(what, err)
	}
	code.Key, code.Spent = key, spent != ""
	return code, nil
}

// RedeemAuthorizationCode implements [model.Model].
func (s *Store) RedeemAuthorizationCode(ctx context.Context, key model.Key, token *model.Token) error {
	const what = "redeem authorization code"
	if key.Digest.IsZero() {
		return model.ErrNotFound
	}
	if token == nil {
		return s.verb(ctx, what, &call{
			script: &s.scripts.codeRedeem, keys: []string{s.grantKey(key.Grant)}, args: []any{key.Digest[:]},
		})
	}
	if token.GrantID != key.Grant {
		return errOtherGrant
	}
	ttl := s.tokenTTL(token)
	w := s.opening(&s.scripts.codeRedeem, key.Grant, token.ClientID, token.UserID, ttl)
	w.before = []any{key.Digest[:]}
	w.behind = append([]any{ttl}, tokenArgs(token)...)
	return s.write(ctx, what, w)
}

// fields reads fields of a grant; "" stands for one that is not there.
func (s *Store) fields(ctx context.Context, id model.GrantID, names ...string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	values, err := s.client.HMGet(ctx, s.grantKey(id), names...).Result()
	if err != nil {
		return nil, err
	}
	return texts(values), nil
}

// texts returns the values of an HMGET; "" stands for a field that is not there.
func texts(values []any) []string {
	found := make([]string, len(values))
	for i, v := range values {
		found[i], _ = v.(string)
	}
	return found
}
