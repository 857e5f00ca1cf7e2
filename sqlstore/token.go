package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	insertToken = `INSERT INTO {prefix}tokens
	(grant_id, access, refresh, client_id, user_id, scope, grant_scope, resources, grant_resources, issued_at, access_expires_at, refresh_expires_at, grant_expires_at, keep_until, extra)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	// The end of a statement whose part u yields the id of the grant. The first 15
	// parameters are those of tokenValues.
	insertTokenPostgreSQL = `INSERT INTO {prefix}tokens
	(grant_id, access, refresh, client_id, user_id, scope, grant_scope, resources, grant_resources, issued_at, access_expires_at, refresh_expires_at, grant_expires_at, keep_until, extra)
	SELECT u.id, $2::bytea, $3::bytea, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::bigint, $11::bigint, $12::bigint, $13::bigint, $14::bigint, $15::text FROM u`
)

var (
	errOtherGrant = errors.New("the token is of another grant than the key")
	errNoAccess   = errors.New("the token has no digest of an access token")
)

// refuseToken returns an error for a token that cannot be stored.
func refuseToken(key model.Key, t *model.Token) error {
	switch {
	case t.GrantID != key.Grant:
		return errOtherGrant
	case t.Access.IsZero():
		return errNoAccess
	}
	return refuse(field{"the client id", t.ClientID, maxClientID}, field{"the user id", t.UserID, maxUserID},
		field{"the scope", string(t.Scope), maxText}, field{"the grant's scope", string(t.GrantScope), maxText},
		field{"the resources", string(t.Resources), maxText}, field{"the grant's resources", string(t.GrantResources), maxText},
		field{"the extended attributes", string(t.Extra), maxJSON})
}

// tokenValues are a token's columns, in the order of insertToken.
func tokenValues(t *model.Token) []any {
	var extra any
	if t.Extra != nil {
		extra = string(t.Extra)
	}
	return []any{
		t.GrantID[:], t.Access[:], digestOrNull(t.Refresh), t.ClientID, t.UserID, // 5
		string(t.Scope), string(t.GrantScope), string(t.Resources), string(t.GrantResources), // 9
		t.IssuedAt.UnixMilli(), t.AccessExpiresAt.UnixMilli(), milliOrNull(t.RefreshExpiresAt), // 12
		t.GrantExpiresAt.UnixMilli(), t.RetainUntil().UnixMilli(), extra, // 15
	}
}

func (t *tx) insertToken(ctx context.Context, token *model.Token) error {
	_, err := t.exec(ctx, insertToken, tokenValues(token)...)
	return err
}

const (
	openByToken = `INSERT {ignore} INTO {prefix}grants
	(id, client_id, user_id, scope, resources, issued_at, last_used_at, expires_at, live_until, keep_until)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) {conflict}`

	saveTokenPostgreSQL = `WITH u AS (
	INSERT INTO {prefix}grants (id, client_id, user_id, scope, resources, issued_at, last_used_at, expires_at, live_until, keep_until)
	VALUES ($1, $4, $5, $7, $9, $10, $10, $13, $14, greatest($13::bigint, $14::bigint)) ON CONFLICT DO NOTHING RETURNING id)
` + insertTokenPostgreSQL
)

// SaveToken implements [model.Model].
func (s *Store) SaveToken(ctx context.Context, token *model.Token) error {
	return fault("save token", s.saveToken(ctx, token))
}

func (s *Store) saveToken(ctx context.Context, t *model.Token) error {
	if err := refuseToken(model.Key{Grant: t.GrantID}, t); err != nil {
		return err
	}
	if s.dialect == PostgreSQL {
		return existsUnless(s.exec(ctx, saveTokenPostgreSQL, tokenValues(t)...))
	}
	return s.transaction(ctx, func(tx *tx) error { return tx.open(ctx, t) })
}

// open opens the grant of a token and saves the token, or returns ErrExists.
func (t *tx) open(ctx context.Context, token *model.Token) error {
	issued, expires, retain := token.IssuedAt.UnixMilli(), token.GrantExpiresAt.UnixMilli(), token.RetainUntil().UnixMilli()
	if err := existsUnless(t.exec(ctx, openByToken, token.GrantID[:], token.ClientID, token.UserID, string(token.GrantScope), string(token.GrantResources),
		issued, issued, expires, retain, max(expires, retain))); err != nil {
		return err
	}
	return t.insertToken(ctx, token)
}

const (
	tokenColumns = `t.access, t.refresh, t.client_id, t.user_id, t.scope, t.grant_scope, t.resources, t.grant_resources, t.issued_at, t.access_expires_at, t.refresh_expires_at, t.grant_expires_at, t.extra`

	getAccess = `SELECT ` + tokenColumns + `
	FROM {prefix}tokens t JOIN {prefix}grants g ON g.id = t.grant_id
	WHERE t.grant_id = ? AND t.access = ? AND NOT t.access_revoked AND NOT g.revoked`

	getRefresh = `SELECT ` + tokenColumns + `, t.spent_at, CASE WHEN g.seed_of = t.refresh THEN g.seed END
	FROM {prefix}tokens t JOIN {prefix}grants g ON g.id = t.grant_id
	WHERE t.grant_id = ? AND t.refresh = ? AND NOT g.revoked`
)

// GetAccessToken implements [model.Model].
func (s *Store) GetAccessToken(ctx context.Context, key model.Key) (*model.Token, error) {
	t, err := s.token(ctx, getAccess, key, nil)
	return t, fault("get access token", err)
}

// GetRefreshToken implements [model.Model].
func (s *Store) GetRefreshToken(ctx context.Context, key model.Key) (*model.Token, error) {
	var spent sql.NullInt64
	var seed [32]byte
	t, err := s.token(ctx, getRefresh, key, []any{&spent, bytes32{&seed}})
	if err != nil {
		return nil, fault("get refresh token", err)
	}
	t.SpentAt, t.Seed = fromMilliOrNull(spent), seed
	return t, nil
}

// token reads a token, and what the query has besides.
func (s *Store) token(ctx context.Context, query string, key model.Key, besides []any) (*model.Token, error) {
	if key.Digest.IsZero() {
		return nil, model.ErrNotFound
	}
	t := &model.Token{GrantID: key.Grant}
	var issued, accessExpires, grantExpires int64
	var refreshExpires sql.NullInt64
	var extra []byte
	dest := []any{
		bytes32{(*[32]byte)(&t.Access)}, bytes32{(*[32]byte)(&t.Refresh)}, &t.ClientID, &t.UserID, &t.Scope, &t.GrantScope, &t.Resources, &t.GrantResources,
		&issued, &accessExpires, &refreshExpires, &grantExpires, &extra,
	}
	if err := s.queryRow(ctx, query, []any{key.Grant[:], key.Digest[:]}, append(dest, besides...)...); err != nil {
		return nil, notFound(err)
	}
	t.IssuedAt, t.AccessExpiresAt, t.RefreshExpiresAt, t.GrantExpiresAt = fromMilli(issued), fromMilli(accessExpires), fromMilliOrNull(refreshExpires), fromMilli(grantExpires)
	if extra != nil {
		t.Extra = json.RawMessage(extra)
	}
	return t, nil
}
