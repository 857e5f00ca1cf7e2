package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
)

// statement is a statement as the database gets it.
type statement struct {
	text     string
	prepared atomic.Pointer[sql.Stmt]
}

// statement renders a statement once. What is looked up here are constants.
func (s *Store) statement(written string) *statement {
	if st, ok := s.statements.Load(written); ok {
		return st.(*statement)
	}
	st, _ := s.statements.LoadOrStore(written, &statement{text: s.dialect.render(written, s.prefix)})
	return st.(*statement)
}

// runner runs one statement: as it stands, or prepared.
type runner interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

// handle is a pool, connection or transaction.
type handle interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// direct runs a statement as it stands.
type direct struct {
	on   handle
	text string
}

func (d direct) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return d.on.ExecContext(ctx, d.text, args...)
}

func (d direct) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return d.on.QueryContext(ctx, d.text, args...)
}

func (d direct) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return d.on.QueryRowContext(ctx, d.text, args...)
}

// prepares reports whether statements are prepared here. The drivers of
// PostgreSQL do that by themselves, in the way that suits the pooler between.
// With MySQL it spares a round trip, with SQLite the parsing.
func (s *Store) prepares() bool { return s.dialect != PostgreSQL }

// prepare prepares a statement, once for all connections: database/sql repeats
// it on each that needs it, also after a reconnect. It takes a connection, so it
// is not called by who holds one. What cannot be prepared, because the server has
// too many statements already or lacks a table, is run as it stands, and then says
// itself what is wrong.
func (s *Store) prepare(ctx context.Context, st *statement) runner {
	if !s.prepares() {
		return direct{s.db, st.text}
	}
	if p := st.prepared.Load(); p != nil {
		return p
	}
	p, err := s.db.PrepareContext(ctx, st.text)
	if err != nil {
		return direct{s.db, st.text}
	}
	if !st.prepared.CompareAndSwap(nil, p) { // another was faster
		_ = p.Close() //nolint:sqlclosecheck // one that is kept is never closed
	}
	return st.prepared.Load()
}

// queryRow runs a statement by itself that returns one row, and scans it.
// [sql.ErrNoRows] if there is none.
func (s *Store) queryRow(ctx context.Context, written string, args []any, dest ...any) error {
	return s.retry(ctx, func(attempt int) error {
		if s.mustBegin(attempt) {
			return s.attempt(ctx, func(tx *tx) error { return tx.queryRow(ctx, written, args, dest...) })
		}
		return s.prepare(ctx, s.statement(written)).QueryRowContext(ctx, args...).Scan(dest...)
	})
}

// queryAll runs a statement by itself and calls scan for each row. It calls reset
// before, also when it has to begin again.
func (s *Store) queryAll(ctx context.Context, written string, args []any, reset func(), scan func(*sql.Rows) error) error {
	return s.retry(ctx, func(attempt int) error {
		reset()
		if s.mustBegin(attempt) {
			return s.attempt(ctx, func(tx *tx) error { return tx.queryAll(ctx, written, args, scan) })
		}
		rows, err := s.prepare(ctx, s.statement(written)).QueryContext(ctx, args...)
		if err != nil {
			return err
		}
		return scanAll(rows, scan)
	})
}

func scanAll(rows *sql.Rows, scan func(*sql.Rows) error) error {
	for rows.Next() {
		if err := scan(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// exec runs a statement by itself and returns how many rows it changed.
func (s *Store) exec(ctx context.Context, written string, args ...any) (changed int64, err error) {
	err = s.retry(ctx, func(attempt int) error {
		if s.mustBegin(attempt) {
			return s.attempt(ctx, func(tx *tx) (err error) {
				changed, err = tx.exec(ctx, written, args...)
				return err
			})
		}
		release, err := s.acquireWriter(ctx)
		if err != nil {
			return err
		}
		defer release()
		result, err := s.execOnce(ctx, s.statement(written), args)
		if err != nil {
			return err
		}
		changed, err = result.RowsAffected()
		return err
	})
	return changed, err
}

// execOnce runs a statement that must not be run twice: whoever spends a token and
// then is told that it was spent takes himself for a thief. The pool repeats what
// failed with driver.ErrBadConn, for which a driver promises that nothing was
// sent; lib/pq says so too when the server ends after it was. On a connection of
// one's own nothing is repeated. The drivers of the others keep the promise.
func (s *Store) execOnce(ctx context.Context, st *statement, args []any) (sql.Result, error) {
	if s.prepares() {
		return s.prepare(ctx, st).ExecContext(ctx, args...)
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool, which cannot fail
	return conn.ExecContext(ctx, st.text, args...)
}

// mustBegin reports whether a single statement needs a transaction around it. By
// itself it runs at the isolation that the database is set to. Where that is more
// than READ COMMITTED, PostgreSQL fails it instead of waiting for another's
// transaction and looking again; the second attempt then asks for the level.
func (s *Store) mustBegin(attempt int) bool { return s.dialect == PostgreSQL && attempt > 1 }

// acquireWriter waits for the turn to write on SQLite.
func (s *Store) acquireWriter(ctx context.Context) (release func(), err error) {
	if s.writer == nil {
		return func() {}, nil
	}
	select {
	case s.writer <- struct{}{}:
		return func() { <-s.writer }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
