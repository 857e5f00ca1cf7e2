package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	openByCode = `INSERT {ignore} INTO {prefix}grants
	(id, client_id, user_id, scope, resources, issued_at, expires_at, live_until, keep_until)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) {conflict}`

	insertCode = `INSERT INTO {prefix}codes
	(grant_id, digest, client_id, user_id, scope, resources, redirect_uri, redirect_uri_sent, challenge, issued_at, expires_at, keep_until)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	// Both in one round trip.
	saveCodePostgreSQL = `WITH g AS (
	INSERT INTO {prefix}grants (id, client_id, user_id, scope, resources, issued_at, expires_at, live_until, keep_until)
	VALUES ($1, $3, $4, $5, $6, $10, $11, $11, $12) ON CONFLICT DO NOTHING RETURNING id)
INSERT INTO {prefix}codes
	(grant_id, digest, client_id, user_id, scope, resources, redirect_uri, redirect_uri_sent, challenge, issued_at, expires_at, keep_until)
	SELECT g.id, $2::bytea, $3::text, $4::text, $5::text, $6::text, $7::text, $8::boolean, $9::bytea, $10::bigint, $11::bigint, $12::bigint FROM g`
)

// SaveAuthorizationCode implements [model.Model].
func (s *Store) SaveAuthorizationCode(ctx context.Context, code *model.AuthorizationCode) error {
	return fault("save authorization code", s.saveCode(ctx, code))
}

func (s *Store) saveCode(ctx context.Context, c *model.AuthorizationCode) error {
	if err := refuse(field{"the client id", c.ClientID, maxClientID}, field{"the user id", c.UserID, maxUserID}, field{"the scope", string(c.Scope), maxText},
		field{"the resources", string(c.Resources), maxText}, field{"the redirect URI", c.RedirectURI, maxText}); err != nil {
		return err
	}
	id, issued, expires, keep := c.Key.Grant[:], c.IssuedAt.UnixMilli(), c.ExpiresAt.UnixMilli(), c.RetainUntil.UnixMilli()
	var challenge any
	if c.HasChallenge {
		challenge = c.Challenge[:]
	}
	code := []any{id, c.Key.Digest[:], c.ClientID, c.UserID, string(c.Scope), string(c.Resources), c.RedirectURI, c.RedirectURISent, challenge, issued, expires, keep}
	if s.dialect == PostgreSQL {
		return existsUnless(s.exec(ctx, saveCodePostgreSQL, code...))
	}
	return s.transaction(ctx, func(tx *tx) error {
		if err := existsUnless(tx.exec(ctx, openByCode, id, c.ClientID, c.UserID, string(c.Scope), string(c.Resources), issued, expires, expires, keep)); err != nil {
			return err
		}
		_, err := tx.exec(ctx, insertCode, code...)
		return err
	})
}

// existsUnless makes an insert that did nothing ErrExists.
func existsUnless(inserted int64, err error) error {
	if err == nil && inserted == 0 {
		return model.ErrExists
	}
	return err
}

const getCode = `SELECT c.client_id, c.user_id, c.scope, c.resources, c.redirect_uri, c.redirect_uri_sent, c.challenge, c.issued_at, c.expires_at, c.keep_until, c.spent
	FROM {prefix}codes c JOIN {prefix}grants g ON g.id = c.grant_id
	WHERE c.grant_id = ? AND c.digest = ? AND NOT g.revoked`

// GetAuthorizationCode implements [model.Model].
func (s *Store) GetAuthorizationCode(ctx context.Context, key model.Key) (*model.AuthorizationCode, error) {
	if key.Digest.IsZero() {
		return nil, model.ErrNotFound
	}
	c := &model.AuthorizationCode{Key: key}
	var challenge []byte
	var issued, expires, keep int64
	err := s.queryRow(ctx, getCode, []any{key.Grant[:], key.Digest[:]},
		&c.ClientID, &c.UserID, &c.Scope, &c.Resources, &c.RedirectURI, &c.RedirectURISent, &challenge, &issued, &expires, &keep, &c.Spent)
	if err != nil {
		return nil, fault("get authorization code", notFound(err))
	}
	c.HasChallenge = len(challenge) == len(c.Challenge)
	copy(c.Challenge[:], challenge)
	c.IssuedAt, c.ExpiresAt, c.RetainUntil = fromMilli(issued), fromMilli(expires), fromMilli(keep)
	return c, nil
}

// notFound makes an empty result ErrNotFound.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return model.ErrNotFound
	}
	return err
}

const (
	// The grant is locked before the code: every verb goes that way round.
	lockGrant = `SELECT id FROM {prefix}grants WHERE id = ? AND NOT revoked {lock}`

	spendCode = `UPDATE {prefix}codes SET spent = TRUE WHERE grant_id = ? AND digest = ? AND NOT spent`

	// What a token says about its grant. It is the first, so the row changes for certain.
	useGrant = `UPDATE {prefix}grants SET scope = ?, resources = ?, last_used_at = ?, expires_at = ?, live_until = ?,
	keep_until = CASE WHEN keep_until < ? THEN ? ELSE keep_until END
	WHERE id = ? AND NOT revoked`

	unuseGrant = `UPDATE {prefix}grants SET live_until = 0 WHERE id = ?`

	burnCodePostgreSQL = `WITH g AS (
	SELECT id FROM {prefix}grants WHERE id = $1 AND NOT revoked FOR UPDATE),
c AS (
	UPDATE {prefix}codes c SET spent = TRUE FROM g WHERE c.grant_id = g.id AND c.digest = $2 AND NOT c.spent RETURNING c.grant_id)
UPDATE {prefix}grants u SET live_until = 0 FROM c WHERE u.id = c.grant_id`

	// Each part reads from the one before. Only the row that a part locks or
	// changes is looked at anew after it has waited for another, so that is where
	// it is decided: revoked on the grant, spent on the code.
	redeemPostgreSQL = `WITH g AS (
	SELECT id FROM {prefix}grants WHERE id = $1 AND NOT revoked FOR UPDATE),
c AS (
	UPDATE {prefix}codes c SET spent = TRUE FROM g WHERE c.grant_id = g.id AND c.digest = $16 AND NOT c.spent RETURNING c.grant_id),
u AS (
	UPDATE {prefix}grants u SET scope = $7, resources = $9, last_used_at = $10, expires_at = $13, live_until = $14,
		keep_until = greatest(u.keep_until, $13::bigint, $14::bigint)
	FROM c WHERE u.id = c.grant_id RETURNING u.id)
` + insertTokenPostgreSQL
)

// RedeemAuthorizationCode implements [model.Model].
func (s *Store) RedeemAuthorizationCode(ctx context.Context, key model.Key, token *model.Token) error {
	return fault("redeem authorization code", s.redeem(ctx, key, token))
}

func (s *Store) redeem(ctx context.Context, key model.Key, token *model.Token) error {
	if key.Digest.IsZero() {
		return model.ErrNotFound
	}
	var done bool
	var err error
	if token == nil {
		done, err = s.burnCode(ctx, key)
	} else {
		if err := refuseToken(key, token); err != nil {
			return err
		}
		done, err = s.redeemFor(ctx, key, token)
	}
	if err != nil || done {
		return err
	}
	return s.whyNot(ctx, whyNotCode, key)
}

func (s *Store) redeemFor(ctx context.Context, key model.Key, t *model.Token) (done bool, err error) {
	if s.dialect == PostgreSQL {
		return one(s.exec(ctx, redeemPostgreSQL, append(tokenValues(t), key.Digest[:])...))
	}
	err = s.transaction(ctx, func(tx *tx) error {
		grantExpires, retain := t.GrantExpiresAt.UnixMilli(), t.RetainUntil().UnixMilli()
		keep := max(grantExpires, retain)
		if err := tx.mustChange(ctx, useGrant, string(t.GrantScope), string(t.GrantResources), t.IssuedAt.UnixMilli(), grantExpires, retain, keep, keep, key.Grant[:]); err != nil {
			return err
		}
		if err := tx.mustChange(ctx, spendCode, key.Grant[:], key.Digest[:]); err != nil {
			return err
		}
		return tx.insertToken(ctx, t)
	})
	return unlessUnchanged(err)
}

func (s *Store) burnCode(ctx context.Context, key model.Key) (done bool, err error) {
	if s.dialect == PostgreSQL {
		return one(s.exec(ctx, burnCodePostgreSQL, key.Grant[:], key.Digest[:]))
	}
	err = s.transaction(ctx, func(tx *tx) error {
		var id model.GrantID
		if err := tx.queryRow(ctx, lockGrant, []any{key.Grant[:]}, bytes16{&id}); err != nil {
			return unchangedIf(err)
		}
		if err := tx.mustChange(ctx, spendCode, key.Grant[:], key.Digest[:]); err != nil {
			return err
		}
		_, err := tx.exec(ctx, unuseGrant, key.Grant[:])
		return err
	})
	return unlessUnchanged(err)
}

const whyNotCode = `SELECT g.revoked, c.spent FROM {prefix}codes c JOIN {prefix}grants g ON g.id = c.grant_id WHERE c.grant_id = ? AND c.digest = ?`
