package sqlstore

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const listGrants = `SELECT id, client_id, user_id, scope, resources, issued_at, last_used_at, expires_at
	FROM {prefix}grants WHERE NOT revoked AND live_until > ?`

// where returns the condition of a filter with its parameters. That the user is
// not empty says that the index on users will do.
func where(f model.GrantFilter) (condition string, args []any) {
	if f.UserID != "" {
		condition, args = ` AND user_id = ? AND user_id <> ''`, append(args, f.UserID)
	}
	if f.ClientID != "" {
		condition, args = condition+` AND client_id = ?`, append(args, f.ClientID)
	}
	return condition, args
}

// ListGrants implements [model.GrantModel]. It reads the grants of the user or
// client from the newest on, by an index, until it has found enough that are open.
func (s *Store) ListGrants(ctx context.Context, filter model.GrantFilter, now time.Time, limit int) ([]model.GrantInfo, error) {
	if err := filter.Check(); err != nil {
		return nil, err
	}
	if !storableFilter(filter) {
		return nil, nil
	}
	condition, args := where(filter)
	query, args := listGrants+condition+` ORDER BY issued_at DESC, id DESC`, append([]any{now.UnixMilli()}, args...)
	if limit > 0 {
		query, args = query+` LIMIT ?`, append(args, limit)
	}
	var found []model.GrantInfo
	err := s.queryAll(ctx, query, args, func() { found = nil }, func(rows *sql.Rows) error {
		var g model.GrantInfo
		var issued, expires int64
		var lastUsed sql.NullInt64
		err := rows.Scan(bytes16{&g.ID}, &g.ClientID, &g.UserID, &g.Scope, &g.Resources, &issued, &lastUsed, &expires)
		g.IssuedAt, g.LastUsedAt, g.ExpiresAt = fromMilli(issued), fromMilliOrNull(lastUsed), fromMilli(expires)
		found = append(found, g)
		return err
	})
	return found, fault("list grants", err)
}

// A batch of grants begins where the one before ended. Those that have the same
// time as its last are looked at again, but for the ones that are revoked by then.
const grantsToRevoke = `SELECT id, issued_at FROM {prefix}grants WHERE NOT revoked AND issued_at >= ?`

// RevokeGrants implements [model.GrantModel]. It revokes in batches, so that it
// never holds many locks, also for a client with a million grants.
func (s *Store) RevokeGrants(ctx context.Context, filter model.GrantFilter) (revoked int, err error) {
	if err := filter.Check(); err != nil {
		return 0, err
	}
	if !storableFilter(filter) {
		return 0, nil
	}
	condition, matching := where(filter)
	query := grantsToRevoke + condition + ` ORDER BY issued_at, id LIMIT ` + strconv.Itoa(grantsAtOnce)
	since := int64(-1) << 62
	for {
		var ids []any
		err := s.queryAll(ctx, query, append([]any{since}, matching...), func() { ids = nil }, func(rows *sql.Rows) error {
			var id model.GrantID
			err := rows.Scan(bytes16{&id}, &since)
			ids = append(ids, id[:])
			return err
		})
		if err != nil || len(ids) == 0 {
			return revoked, fault("revoke grants", err)
		}
		n, err := s.revokeThese(ctx, ids)
		revoked += int(n)
		if err != nil || len(ids) < grantsAtOnce {
			return revoked, fault("revoke grants", err)
		}
	}
}

const revokeThese = `UPDATE {prefix}grants SET revoked = TRUE, seed = NULL, seed_of = NULL WHERE NOT revoked AND id IN {list}`

func (s *Store) revokeThese(ctx context.Context, ids []any) (revoked int64, err error) {
	err = s.transaction(ctx, func(tx *tx) error {
		revoked, err = tx.execList(ctx, revokeThese, ids)
		return err
	})
	return revoked, err
}
