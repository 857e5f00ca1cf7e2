package sqlstore

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Sweep implements [model.Sweeper]. Each kind of record has an index on the time
// until which it is kept, so a sweep that finds nothing costs a few look-ups,
// however large the tables are. What others are working on is passed over.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	ms := now.UnixMilli()
	for _, step := range s.sweeps() {
		for removed < limit {
			n, err := step(ctx, ms, limit-removed)
			removed += n
			if err != nil {
				return removed, fault("sweep", err)
			}
			if n == 0 {
				break
			}
		}
	}
	return removed, nil
}

type sweep func(ctx context.Context, now int64, limit int) (removed int, err error)

// sweeps are the kinds of records in the order in which they go. Grants are the
// first, each with all that is in it, so that one with a single token goes with it.
func (s *Store) sweeps() []sweep {
	return []sweep{
		s.sweepGrants,
		s.sweepTable("tokens", "keep_until"), s.sweepTable("codes", "keep_until"), s.sweepTable("devices", "keep_until"),
		s.sweepTable("consents", "expires_at"), s.sweepTable("clients", "expires_at"), s.sweepTable("limits", "keep_until"),
	}
}

// sweepTable removes rows by themselves, in one statement that finds them by
// their place in the table.
func (s *Store) sweepTable(table, until string) sweep {
	replace := strings.NewReplacer("{table}", "{prefix}"+table, "{until}", until)
	statement := replace.Replace(map[Dialect]string{
		PostgreSQL: `DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {until} <= ? ORDER BY {until} LIMIT ? {skip}))`,
		MySQL:      `DELETE FROM {table} WHERE {until} <= ? ORDER BY {until} LIMIT ?`,
		SQLite:     `DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {until} <= ? ORDER BY {until} LIMIT ?)`,
	}[s.dialect])
	return func(ctx context.Context, now int64, limit int) (int, error) {
		n, err := s.execCommitted(ctx, statement, now, limit)
		return int(n), err
	}
}

const expiredGrants = `SELECT id FROM {prefix}grants WHERE keep_until <= ? ORDER BY keep_until LIMIT ? {skip}`

// A transaction removes or revokes at most so many grants, and removes at most so
// many tokens: a family that was refreshed each hour has hundreds that end with it.
const (
	grantsAtOnce = 500
	tokensAtOnce = 5000
)

// sweepGrants removes grants with what is left of them. The grant is locked
// first, so that nothing is saved in it meanwhile.
func (s *Store) sweepGrants(ctx context.Context, now int64, limit int) (removed int, err error) {
	tokens := map[Dialect]string{
		PostgreSQL: `DELETE FROM {prefix}tokens WHERE ctid = ANY (ARRAY(SELECT ctid FROM {prefix}tokens WHERE grant_id IN {list} LIMIT {some} FOR UPDATE))`,
		MySQL:      `DELETE FROM {prefix}tokens WHERE grant_id IN {list} LIMIT {some}`,
		SQLite:     `DELETE FROM {prefix}tokens WHERE rowid IN (SELECT rowid FROM {prefix}tokens WHERE grant_id IN {list} LIMIT {some})`,
	}[s.dialect]
	tokens = strings.Replace(tokens, "{some}", strconv.Itoa(tokensAtOnce), 1)
	err = s.transaction(ctx, func(tx *tx) error {
		removed = 0
		var ids []any
		err := tx.queryAll(ctx, expiredGrants, []any{now, min(limit, grantsAtOnce)}, func(rows *sql.Rows) error {
			var id model.GrantID
			err := rows.Scan(bytes16{&id})
			ids = append(ids, id[:])
			return err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, statement := range []string{tokens, `DELETE FROM {prefix}codes WHERE grant_id IN {list}`, `DELETE FROM {prefix}grants WHERE id IN {list}`} {
			n, err := tx.execList(ctx, statement, ids)
			if removed += int(n); err != nil {
				return err
			}
			if n == tokensAtOnce {
				break // there may be more, and the grants stay until they are gone
			}
		}
		return nil
	})
	return removed, err
}
