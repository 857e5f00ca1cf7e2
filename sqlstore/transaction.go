package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
)

// tx is a transaction under way.
type tx struct {
	*sql.Tx
	store *Store
}

// transaction runs f in a transaction at READ COMMITTED, and again if the
// database rolled it back to let another go on. When f returns an error, nothing
// of it happened.
func (s *Store) transaction(ctx context.Context, f func(*tx) error) error {
	return s.retry(ctx, func(int) error { return s.attempt(ctx, f) })
}

// attempt runs f in a transaction once.
func (s *Store) attempt(ctx context.Context, f func(*tx) error) (err error) {
	if err := s.prepareWanted(ctx); err != nil {
		return err
	}
	if s.dialect == SQLite {
		return s.attemptSQLite(ctx, f)
	}
	t, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	return finish(t, f(&tx{t, s}))
}

// attemptSQLite runs f alone. Whoever reads first and writes then may be refused
// at once, whatever the busy timeout, so the lock for writing is taken up front.
func (s *Store) attemptSQLite(ctx context.Context, f func(*tx) error) (err error) {
	release, err := s.acquireWriter(ctx)
	if err != nil {
		return err
	}
	defer release()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	t, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	tx := &tx{t, s}
	_, err = tx.exec(ctx, lockSQLite)
	if err == nil {
		err = f(tx)
	}
	failed := err
	if err = finish(t, failed); err == nil || failed != nil {
		return err
	}
	// A COMMIT that finds the database busy leaves the transaction open.
	if _, rollbackErr := conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`); rollbackErr != nil {
		// There was none, or the connection is of no use.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return err
}

const lockSQLite = `DELETE FROM {prefix}codes WHERE FALSE`

// finish commits, or rolls back if there was an error.
func finish(t *sql.Tx, err error) error {
	if err == nil {
		return t.Commit()
	}
	if rollbackErr := t.Rollback(); rollbackErr != nil && !errors.Is(rollbackErr, sql.ErrTxDone) {
		// The connection is closed by that, which rolls back too.
		return errors.Join(err, rollbackErr)
	}
	return err
}

// runner returns what runs the statement in this transaction. If it is not
// prepared yet, it will be before the next transaction: this one holds a
// connection, which may be the only one.
func (t *tx) runner(ctx context.Context, written string) runner {
	st := t.store.statement(written)
	if p := st.prepared.Load(); p != nil {
		return t.StmtContext(ctx, p)
	}
	if t.store.prepares() {
		t.store.wanted.Store(st, nil)
	}
	return direct{t.Tx, st.text}
}

func (s *Store) prepareWanted(ctx context.Context) (err error) {
	s.wanted.Range(func(key, _ any) bool {
		if _, err = s.prepare(ctx, key.(*statement)); err == nil {
			s.wanted.Delete(key)
		}
		return err == nil
	})
	return err
}

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(ctx context.Context, written string, args ...any) (changed int64, err error) {
	result, err := t.runner(ctx, written).ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// queryRow runs a statement that returns one row, and scans it. [sql.ErrNoRows]
// if there is none.
func (t *tx) queryRow(ctx context.Context, written string, args []any, dest ...any) error {
	return t.runner(ctx, written).QueryRowContext(ctx, args...).Scan(dest...)
}

// queryAll runs a statement and calls scan for each row.
func (t *tx) queryAll(ctx context.Context, written string, args []any, scan func(*sql.Rows) error) error {
	rows, err := t.runner(ctx, written).QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return scanAll(rows, scan)
}

// execIn runs a statement that ends with IN for these values. It is not prepared:
// each number of values is a statement of its own.
func (t *tx) execIn(ctx context.Context, written string, values []any) (changed int64, err error) {
	text := t.store.dialect.render(written+` (?`+strings.Repeat(`, ?`, len(values)-1)+`)`, t.store.prefix)
	result, err := t.ExecContext(ctx, text, values...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
