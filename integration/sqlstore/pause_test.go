package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

var _ modeltest.Pauser = pausable{}

// A pausable store can be stopped between what decides and the commit, so that modeltest forces its races.
type pausable struct {
	*sqlstore.Store
	*pauser
}

// freshPausable returns such a store on a database of its own. The store knows nothing of it: it is the driver that stops.
// seen may be nil.
func (p product) freshPausable(t *testing.T, seen func(query string, args []driver.NamedValue)) (pausable, *sql.DB) {
	t.Helper()
	stop := &pauser{Connector: p.connector(t, p.create(t)), seen: seen}
	db := sql.OpenDB(stop)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return pausable{p.store(t, db), stop}, db
}

// connector returns what makes the connections of a pool.
func (p product) connector(t *testing.T, dsn string) driver.Connector {
	t.Helper()
	db, err := sql.Open(p.driver, dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	if d, ok := db.Driver().(driver.DriverContext); ok {
		c, err := d.OpenConnector(dsn)
		require.NoError(t, err)
		return c
	}
	return opener{db.Driver(), dsn}
}

// An opener makes the connections of a driver that has no connector.
type opener struct {
	driver driver.Driver
	dsn    string
}

func (o opener) Connect(context.Context) (driver.Conn, error) { return o.driver.Open(o.dsn) }
func (o opener) Driver() driver.Driver                        { return o.driver }

// A pauser calls a hook before each COMMIT, with the context of the transaction. While it has one, a statement that
// writes by itself runs in a transaction too.
type pauser struct {
	driver.Connector
	hook atomic.Pointer[func(context.Context)]
	// seen is called with each statement, if it is set.
	seen func(query string, args []driver.NamedValue)
}

func (p *pauser) see(query string, args []driver.NamedValue) {
	if p.seen != nil {
		p.seen(query, args)
	}
}

func (p *pauser) PauseBeforeWrite(hook func(context.Context)) {
	if hook == nil {
		p.hook.Store(nil)
		return
	}
	p.hook.Store(&hook)
}

func (p *pauser) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &pausedConn{Conn: c, pauser: p}, nil
}

type pausedConn struct {
	driver.Conn
	pauser *pauser
	inTx   bool
}

type pausedTx struct {
	driver.Tx
	conn *pausedConn
	ctx  context.Context
}

func (c *pausedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	c.inTx = true
	return &pausedTx{tx, c, ctx}, nil
}

func (t *pausedTx) Commit() error {
	t.conn.inTx = false
	if hook := t.conn.pauser.hook.Load(); hook != nil {
		(*hook)(t.ctx)
	}
	return t.Tx.Commit()
}

func (t *pausedTx) Rollback() error {
	t.conn.inTx = false
	return t.Tx.Rollback()
}

// exec runs a statement that writes.
func (c *pausedConn) exec(ctx context.Context, run func() (driver.Result, error)) (driver.Result, error) {
	if c.inTx || c.pauser.hook.Load() == nil {
		return run()
	}
	tx, err := c.BeginTx(ctx, driver.TxOptions{})
	if err != nil {
		return nil, err
	}
	result, err := run()
	if err != nil {
		if rollbackErr := tx.Rollback(); rollbackErr != nil {
			return nil, driver.ErrBadConn
		}
		return nil, err
	}
	return result, tx.Commit()
}

func (c *pausedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.pauser.see(query, args)
	return c.exec(ctx, func() (driver.Result, error) { return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args) })
}

func (c *pausedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.pauser.see(query, args)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *pausedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &pausedStmt{stmt, c, query}, nil
}

func (c *pausedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *pausedConn) ResetSession(ctx context.Context) error {
	if resetter, ok := c.Conn.(driver.SessionResetter); ok {
		return resetter.ResetSession(ctx)
	}
	return nil
}

func (c *pausedConn) IsValid() bool {
	validator, ok := c.Conn.(driver.Validator)
	return !ok || validator.IsValid()
}

type pausedStmt struct {
	driver.Stmt
	conn  *pausedConn
	query string
}

func (s *pausedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.conn.pauser.see(s.query, args)
	return s.conn.exec(ctx, func() (driver.Result, error) { return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args) })
}

func (s *pausedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.conn.pauser.see(s.query, args)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

func (s *pausedStmt) CheckNamedValue(v *driver.NamedValue) error { return s.conn.CheckNamedValue(v) }
