package sqlstore

import (
	"context"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	// No seed is ever put twice for one token, so the row changes for certain.
	rotateGrant = `UPDATE {prefix}grants SET seed = ?, seed_of = ?, scope = ?, resources = ?, last_used_at = ?, expires_at = ?,
	live_until = CASE WHEN live_until < ? THEN ? ELSE live_until END,
	keep_until = CASE WHEN keep_until < ? THEN ? ELSE keep_until END
	WHERE id = ? AND NOT revoked`

	spendRefresh = `UPDATE {prefix}tokens SET spent_at = ? WHERE grant_id = ? AND refresh = ? AND spent_at IS NULL`

	// See redeemPostgreSQL.
	rotatePostgreSQL = `WITH g AS (
	SELECT id FROM {prefix}grants WHERE id = $1 AND NOT revoked FOR UPDATE),
t AS (
	UPDATE {prefix}tokens t SET spent_at = $10 FROM g WHERE t.grant_id = g.id AND t.refresh = $16 AND t.spent_at IS NULL RETURNING t.grant_id),
u AS (
	UPDATE {prefix}grants u SET seed = $17, seed_of = $16, scope = $7, resources = $9, last_used_at = $10, expires_at = $13,
		live_until = greatest(u.live_until, $14::bigint), keep_until = greatest(u.keep_until, $13::bigint, $14::bigint)
	FROM t WHERE u.id = t.grant_id RETURNING u.id)
` + insertTokenPostgreSQL

	whyNotRefresh = `SELECT g.revoked, t.spent_at IS NOT NULL FROM {prefix}tokens t JOIN {prefix}grants g ON g.id = t.grant_id WHERE t.grant_id = ? AND t.refresh = ?`
)

// RotateRefreshToken implements [model.Model].
func (s *Store) RotateRefreshToken(ctx context.Context, key model.Key, seed [32]byte, successor *model.Token) error {
	return fault("rotate refresh token", s.rotate(ctx, key, seed, successor))
}

func (s *Store) rotate(ctx context.Context, key model.Key, seed [32]byte, t *model.Token) error {
	if key.Digest.IsZero() {
		return model.ErrNotFound
	}
	if err := refuseToken(key, t); err != nil {
		return err
	}
	var done bool
	var err error
	if s.dialect == PostgreSQL {
		done, err = one(s.exec(ctx, rotatePostgreSQL, append(tokenValues(t), key.Digest[:], seed[:])...))
	} else {
		done, err = s.rotateIn(ctx, key, seed, t)
	}
	if err != nil || done {
		return err
	}
	return s.whyNot(ctx, whyNotRefresh, key)
}

func (s *Store) rotateIn(ctx context.Context, key model.Key, seed [32]byte, t *model.Token) (done bool, err error) {
	issued, expires, retain := t.IssuedAt.UnixMilli(), t.GrantExpiresAt.UnixMilli(), t.RetainUntil().UnixMilli()
	keep := max(expires, retain)
	err = s.transaction(ctx, func(tx *tx) error {
		if err := tx.mustChange(ctx, rotateGrant, seed[:], key.Digest[:], string(t.GrantScope), string(t.GrantResources), issued, expires, retain, retain, keep, keep, key.Grant[:]); err != nil {
			return err
		}
		if err := tx.mustChange(ctx, spendRefresh, issued, key.Grant[:], key.Digest[:]); err != nil {
			return err
		}
		return tx.insertToken(ctx, t)
	})
	return unlessUnchanged(err)
}
