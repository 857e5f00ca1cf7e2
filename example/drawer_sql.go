package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// tries is how often an update begins anew when others were quicker.
const tries = 20

var errBusy = errors.New("too many change the same thing at once")

// sqlDrawer is a drawer in a table of its own.
type sqlDrawer struct {
	db      *sql.DB
	dialect sqlstore.Dialect
}

// newSQLDrawer makes the table, if nobody has. It has no index on the time: it is
// small.
func newSQLDrawer(ctx context.Context, db *sql.DB, dialect sqlstore.Dialect) (*sqlDrawer, error) {
	d := &sqlDrawer{db, dialect}
	blob := map[sqlstore.Dialect]string{sqlstore.PostgreSQL: "BYTEA", sqlstore.MySQL: "MEDIUMBLOB", sqlstore.SQLite: "BLOB"}[dialect]
	_, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS demo_drawer (name VARCHAR(80) NOT NULL PRIMARY KEY, value "+blob+" NOT NULL, version BIGINT NOT NULL, until_ms BIGINT NOT NULL)")
	if err != nil {
		// PostgreSQL may say so to one of two programs that do it at the same time.
		if _, missing := d.read(ctx, "none"); missing == nil {
			return d, nil
		}
		return nil, err
	}
	return d, nil
}

// exec runs a statement with ? for its arguments and returns how many rows it
// changed.
func (d *sqlDrawer) exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := d.db.ExecContext(ctx, d.numbered(query), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// numbered writes $1, $2 … for each ?, where the dialect has them so.
func (d *sqlDrawer) numbered(query string) string {
	if d.dialect != sqlstore.PostgreSQL {
		return query
	}
	parts := strings.Split(query, "?")
	var b strings.Builder
	b.WriteString(parts[0])
	for i, part := range parts[1:] {
		fmt.Fprintf(&b, "$%d%s", i+1, part)
	}
	return b.String()
}

// get returns what is there, and the version of the row; 0: there is no row.
func (d *sqlDrawer) get(ctx context.Context, name string) (value []byte, version int64, err error) {
	var until int64
	err = d.db.QueryRowContext(ctx, d.numbered("SELECT value, version, until_ms FROM demo_drawer WHERE name = ?"), name).Scan(&value, &version, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, nil
	}
	if until <= time.Now().UnixMilli() {
		value = nil
	}
	return value, version, err
}

func (d *sqlDrawer) read(ctx context.Context, name string) ([]byte, error) {
	value, _, err := d.get(ctx, name)
	return value, err
}

func (d *sqlDrawer) update(ctx context.Context, name string, keep time.Duration, change func([]byte) ([]byte, error)) error {
	for range tries {
		old, version, err := d.get(ctx, name)
		if err != nil {
			return err
		}
		value, err := change(old)
		if err != nil {
			return err
		}
		done, err := d.put(ctx, name, value, version, time.Now().Add(keep).UnixMilli())
		if err != nil || done {
			return err
		}
	}
	return errBusy
}

// put replaces the row if it still has this version.
func (d *sqlDrawer) put(ctx context.Context, name string, value []byte, version, until int64) (done bool, err error) {
	var n int64
	switch {
	case value == nil && version == 0:
		return true, nil
	case value == nil:
		n, err = d.exec(ctx, "DELETE FROM demo_drawer WHERE name = ? AND version = ?", name, version)
	case version != 0:
		n, err = d.exec(ctx, "UPDATE demo_drawer SET value = ?, version = version + 1, until_ms = ? WHERE name = ? AND version = ?", value, until, name, version)
	default:
		// The time, so that no version comes twice when rows go and come.
		n, err = d.exec(ctx, "INSERT INTO demo_drawer (name, value, version, until_ms) VALUES (?, ?, ?, ?)", name, value, time.Now().UnixNano(), until)
		if err != nil {
			if _, there, again := d.get(ctx, name); again == nil && there != 0 {
				return false, nil // somebody was quicker
			}
		}
	}
	return n == 1, err
}

// Sweep implements [model.Sweeper]. It is no work: the table is small.
func (d *sqlDrawer) Sweep(ctx context.Context, now time.Time, _ int) (int, error) {
	n, err := d.exec(ctx, "DELETE FROM demo_drawer WHERE until_ms <= ?", now.UnixMilli())
	return int(n), err
}
