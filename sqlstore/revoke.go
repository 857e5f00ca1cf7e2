package sqlstore

import (
	"context"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	// A grant that has nothing but this access token is not open any more.
	revokeLone = `UPDATE {prefix}grants SET live_until = 0
	WHERE id = ? AND EXISTS (SELECT 1 FROM {prefix}tokens t WHERE t.grant_id = ? AND t.access = ? AND t.refresh IS NULL)
	AND NOT EXISTS (SELECT 1 FROM {prefix}tokens t WHERE t.grant_id = ? AND t.access <> ?)`

	revokeAccess = `UPDATE {prefix}tokens SET access_revoked = TRUE WHERE grant_id = ? AND access = ?`

	revokeAccessPostgreSQL = `WITH g AS (
	UPDATE {prefix}grants g SET live_until = 0
	WHERE g.id = $1 AND EXISTS (SELECT 1 FROM {prefix}tokens t WHERE t.grant_id = $1 AND t.access = $2 AND t.refresh IS NULL)
	AND NOT EXISTS (SELECT 1 FROM {prefix}tokens t WHERE t.grant_id = $1 AND t.access <> $2) RETURNING 1),
n AS (SELECT count(*) AS changed FROM g)
UPDATE {prefix}tokens t SET access_revoked = TRUE FROM n WHERE t.grant_id = $1 AND t.access = $2 AND n.changed >= 0`
)

// RevokeAccessToken implements [model.Model].
func (s *Store) RevokeAccessToken(ctx context.Context, key model.Key) (err error) {
	if key.Digest.IsZero() {
		return nil
	}
	id, access := key.Grant[:], key.Digest[:]
	if s.dialect == PostgreSQL {
		_, err = s.exec(ctx, revokeAccessPostgreSQL, id, access)
		return fault("revoke access token", err)
	}
	return fault("revoke access token", s.transaction(ctx, func(tx *tx) error {
		if _, err := tx.exec(ctx, revokeLone, id, id, access, id, access); err != nil {
			return err
		}
		_, err := tx.exec(ctx, revokeAccess, id, access)
		return err
	}))
}

// The mark is enough: whatever is read or saved in the grant looks at it. The
// seed goes, because it is good for nothing any more.
const revokeGrant = `UPDATE {prefix}grants SET revoked = TRUE, seed = NULL, seed_of = NULL WHERE id = ? AND NOT revoked`

// RevokeGrant implements [model.Model].
func (s *Store) RevokeGrant(ctx context.Context, id model.GrantID) error {
	_, err := s.exec(ctx, revokeGrant, id[:])
	return fault("revoke grant", err)
}
