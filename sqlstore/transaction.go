package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
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
func (s *Store) attempt(ctx context.Context, f func(*tx) error) error {
	s.prepareWanted(ctx)
	release, err := s.acquireWriter(ctx)
	if err != nil {
		return err
	}
	defer release()
	t, err := s.db.BeginTx(ctx, s.dialect.isolation())
	if err != nil {
		return err
	}
	tx := &tx{t, s}
	if s.dialect == SQLite {
		// Whoever reads first and writes then may be refused at once, whatever the
		// busy timeout. This takes the lock for writing at the front.
		if _, err := tx.exec(ctx, `DELETE FROM {prefix}codes WHERE FALSE`); err != nil {
			return finish(t, err)
		}
	}
	err = f(tx)
	if s.dialect != MySQL {
		return finish(t, err)
	}
	return unlessOver(ctx, err, func() error { return finish(t, err) })
}

// unlessOver runs finish, but waits for it no longer than ctx lasts: MySQL's drivers
// read the answer to COMMIT and ROLLBACK without a limit, which a server that stands
// still does not send. What came of a COMMIT is then unknown, as with every fault.
func unlessOver(ctx context.Context, err error, finish func() error) error {
	done := make(chan error, 1)
	go func() { done <- finish() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return cmp.Or(err, ctx.Err())
	}
}

// isolation returns what a transaction is begun with, whatever the database is
// set to. SQLite has but one level, at which transactions run one after another.
func (d Dialect) isolation() *sql.TxOptions {
	if d == SQLite {
		return nil
	}
	return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
}

// execCommitted runs one statement at READ COMMITTED. It is for those that look
// for rows: at MySQL's REPEATABLE READ they would lock all that they looked at,
// and the gaps between.
func (s *Store) execCommitted(ctx context.Context, written string, args ...any) (changed int64, err error) {
	err = s.transaction(ctx, func(tx *tx) error {
		changed, err = tx.exec(ctx, written, args...)
		return err
	})
	return changed, err
}

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

// prepareWanted prepares what a transaction before had to do without.
func (s *Store) prepareWanted(ctx context.Context) {
	s.wanted.Range(func(key, _ any) bool {
		s.wanted.Delete(key) // first: who runs it unprepared meanwhile wants it again
		st := key.(*statement)
		s.prepare(ctx, st)
		return st.prepared.Load() != nil
	})
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

// execList runs a statement with {list} in place of the values. It is not
// prepared: each number of values is a statement of its own.
func (t *tx) execList(ctx context.Context, written string, values []any) (changed int64, err error) {
	list := `(?` + strings.Repeat(`, ?`, len(values)-1) + `)`
	result, err := t.ExecContext(ctx, t.store.dialect.render(strings.Replace(written, "{list}", list, 1), t.store.prefix), values...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
