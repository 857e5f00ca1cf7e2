package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"time"
)

// Migrate makes the tables or brings them to the version of this package. It may
// be called at each start, by all instances at once: one does the work and the
// others wait for it. What it has done is noted in the table {prefix}migrations.
// It needs the right to create tables and indexes only if there is something to
// do; those who do not give it to an application let Migrate run with another
// user before, or use [WriteMigrations] or [Migrations].
//
// It never goes back. A database that a later version of this package has
// migrated is left as it is: migrations only add, so that the versions before
// and after one can run side by side.
func Migrate(ctx context.Context, db *sql.DB, dialect Dialect, opts Options) error {
	opts, err := opts.check(dialect)
	if err != nil {
		return err
	}
	m := migrator{dialect, opts.Prefix}
	if err := m.migrate(ctx, db); err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	return nil
}

type migrator struct {
	dialect Dialect
	prefix  string
}

func (m migrator) migrate(ctx context.Context, db *sql.DB) (err error) {
	list, err := migrations(m.dialect, m.prefix)
	if err != nil {
		return err
	}
	// All on one connection: it holds the lock.
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := m.mustCommit(ctx, conn); err != nil {
		return err
	}
	// Mostly there is nothing to do. An error says that there is, or comes again.
	if done, err := m.version(ctx, conn); err == nil && done >= list[len(list)-1].version {
		return nil
	}
	unlock, err := m.lock(ctx, conn)
	if err != nil {
		return fmt.Errorf("wait for other instances: %w", err)
	}
	err = m.apply(ctx, conn, list)
	if unlockErr := unlock(context.WithoutCancel(ctx), err == nil); unlockErr != nil {
		// Whatever the connection still holds ends with it.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		err = errors.Join(err, fmt.Errorf("let other instances go on: %w", unlockErr))
	}
	return err
}

// apply runs what was not run before.
func (m migrator) apply(ctx context.Context, conn *sql.Conn, list []migration) error {
	if _, err := conn.ExecContext(ctx, m.render(`CREATE TABLE IF NOT EXISTS {prefix}migrations (version INTEGER PRIMARY KEY)`)); err != nil {
		return err
	}
	done, err := m.version(ctx, conn)
	if err != nil {
		return err
	}
	for _, step := range list {
		if step.version <= done {
			continue
		}
		for _, statement := range step.statements() {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
		}
		// It may be there: the lock of MySQL is that of one server, and of a cluster
		// each may be migrated at once.
		if _, err := conn.ExecContext(ctx, m.render(`INSERT {ignore} INTO {prefix}migrations (version) VALUES (?) {conflict}`), step.version); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// mustCommit refuses a connection of MySQL that does not commit by itself: what a
// single statement writes would be lost with the connection, and what one reads
// would be what was there at its first read.
func (m migrator) mustCommit(ctx context.Context, conn *sql.Conn) error {
	if m.dialect != MySQL {
		return nil
	}
	var on bool
	if err := conn.QueryRowContext(ctx, `SELECT @@autocommit`).Scan(&on); err != nil {
		return err
	}
	if !on {
		return errors.New("autocommit is off, by the data source name or the server's settings: turn it on for the connections of the store")
	}
	return nil
}

// version returns up to where the database is migrated.
func (m migrator) version(ctx context.Context, conn *sql.Conn) (int, error) {
	var done sql.NullInt64
	err := conn.QueryRowContext(ctx, m.render(`SELECT max(version) FROM {prefix}migrations`)).Scan(&done)
	return int(done.Int64), err
}

func (m migrator) render(statement string) string { return m.dialect.render(statement, m.prefix) }

// lock waits until no other instance migrates. PostgreSQL and SQLite do all or
// nothing, in a transaction. MySQL commits after each statement that makes a
// table; what was interrupted is done again, and passes over what is there.
func (m migrator) lock(ctx context.Context, conn *sql.Conn) (unlock func(ctx context.Context, done bool) error, err error) {
	run := func(ctx context.Context, statement string, args ...any) error {
		_, err := conn.ExecContext(ctx, statement, args...)
		return err
	}
	end := func(ctx context.Context, done bool) error {
		if done {
			return run(ctx, `COMMIT`)
		}
		return run(ctx, `ROLLBACK`)
	}
	switch m.dialect {
	case PostgreSQL:
		if err := run(ctx, `BEGIN ISOLATION LEVEL READ COMMITTED`); err != nil {
			return nil, err
		}
		h := fnv.New64a()
		_, _ = h.Write([]byte("sqlstore " + m.prefix)) // never fails
		if err := run(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(h.Sum64())); err != nil {
			return nil, errors.Join(err, end(context.WithoutCancel(ctx), false))
		}
		return end, nil
	case MySQL:
		return m.lockMySQL(ctx, conn)
	default:
		for {
			err := run(ctx, `BEGIN IMMEDIATE`)
			if err == nil {
				return end, nil
			}
			if !m.dialect.retryable(err) {
				return nil, err
			}
			select {
			case <-ctx.Done():
				return nil, errors.Join(ctx.Err(), err)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// lockMySQL takes a lock by name. It is the server's, so the name holds that of
// the database, cut short to what a name may have. Each attempt takes less than
// what a connection may be silent for (readTimeout).
func (m migrator) lockMySQL(ctx context.Context, conn *sql.Conn) (unlock func(context.Context, bool) error, err error) {
	const name = `CONCAT(?, LEFT(SHA2(DATABASE(), 256), 16))`
	for {
		var got sql.NullInt64
		if err := conn.QueryRowContext(ctx, `SELECT GET_LOCK(`+name+`, 1)`, m.prefix).Scan(&got); err != nil {
			return nil, err
		}
		if !got.Valid {
			return nil, errors.New("GET_LOCK gives no lock: is a database selected?")
		}
		if got.Int64 == 1 {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, _ bool) error {
		var released sql.NullInt64
		if err := conn.QueryRowContext(ctx, `SELECT RELEASE_LOCK(`+name+`)`, m.prefix).Scan(&released); err != nil {
			return err
		}
		if released.Int64 != 1 {
			return errors.New("the lock was lost")
		}
		return nil
	}, nil
}
