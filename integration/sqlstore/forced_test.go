package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// The tests in this file force the order in which the database comes to two calls on one grant, instead of hoping for it:
// another transaction holds the lock of a row that both need, the one is started and then the other, each once the one
// before stands in the queue, and the lock is let go.

// blocked counts the connections to a database that wait for a lock.
func (p product) blocked(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if p.dialect == sqlstore.MySQL {
		return blockedInnoDB(t, db)
	}
	require.NoError(t, db.QueryRowContext(t.Context(),
		"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n))
	return n
}

// blockedInnoDB reads the status of the engine: the table innodb_trx is a copy that does not change while somebody looks.
func blockedInnoDB(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	var kind, name, status string
	require.NoError(t, db.QueryRowContext(t.Context(), "SHOW ENGINE INNODB STATUS").Scan(&kind, &name, &status))
	for trx := range strings.SplitSeq(status, "---TRANSACTION ") {
		id := threadID.FindStringSubmatch(trx)
		if id == nil || !strings.Contains(trx, "LOCK WAIT") {
			continue
		}
		var ours int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND id = "+id[1]).Scan(&ours))
		n += ours
	}
	return n
}

var threadID = regexp.MustCompile(`(?:MariaDB|MySQL) thread id (\d+)`)

// hold locks the rows of a grant in a table until it is told to let go.
func (p product) hold(t *testing.T, db *sql.DB, table string, id model.GrantID) (letGo func()) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	require.NoError(t, err)
	column := "grant_id"
	if table == "grants" {
		column = "id"
	}
	query := "SELECT client_id FROM oauth_" + table + " WHERE " + column + " = ? FOR UPDATE"
	if p.dialect == sqlstore.PostgreSQL {
		query = strings.Replace(query, "?", "$1", 1)
	}
	rows, err := tx.QueryContext(t.Context(), query, id[:])
	require.NoError(t, err)
	defer rows.Close()
	require.True(t, rows.Next(), "a row to lock")
	for rows.Next() { // all of them
	}
	require.NoError(t, rows.Err())
	return func() { require.NoError(t, tx.Rollback()) }
}

// inTurn starts the calls one after the other, each when those before it are queued up for the lock or have ended, and
// then lets the lock go. It returns what each answered.
func (p product) inTurn(t *testing.T, db *sql.DB, letGo func(), calls ...func() error) []error {
	t.Helper()
	ended := make([]chan error, len(calls))
	for i, call := range calls {
		ended[i] = make(chan error, 1)
		go func() { ended[i] <- call() }()
		require.Eventually(t, func() bool {
			queued := p.blocked(t, db)
			for _, e := range ended[:i+1] {
				queued += len(e)
			}
			return queued > i
		}, time.Minute, 2*time.Millisecond)
	}
	letGo()
	errs := make([]error, len(calls))
	for i, e := range ended {
		errs[i] = <-e
	}
	return errs
}

// levels are the isolation levels that a database may have been set to.
func (p product) levels() []string {
	switch p.dialect {
	case sqlstore.PostgreSQL:
		return []string{"read committed", "repeatable read", "serializable"}
	case sqlstore.MySQL:
		return []string{"READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE"}
	}
	return nil // it has one writer at a time
}

// forced runs a test on each product and isolation level, and with each of the tables locked.
func forced(t *testing.T, tables []string, test func(t *testing.T, f force)) {
	t.Helper()
	onEach(t, func(t *testing.T, p product) {
		isolation := "default_transaction_isolation"
		if p.dialect == sqlstore.MySQL {
			isolation = p.isolationVariable(t)
		}
		for _, level := range p.levels() {
			dsn := p.create(t)
			watch := p.pool(t, dsn)
			if p.dialect == sqlstore.MySQL {
				level = "'" + level + "'"
			}
			store := p.store(t, p.pool(t, with(dsn, isolation, level)))
			for _, table := range tables {
				t.Run(level+", lock on "+table, func(t *testing.T) {
					test(t, force{product: p, store: store, watch: watch, table: table})
				})
			}
		}
	})
}

type force struct {
	product
	store *sqlstore.Store
	watch *sql.DB
	table string
}

func (f force) inTurn(t *testing.T, id model.GrantID, calls ...func() error) []error {
	t.Helper()
	return f.product.inTurn(t, f.watch, f.hold(t, f.watch, f.table, id), calls...)
}

// code opens a grant with a code, and pair with a token.
func (f force) code(t *testing.T) *model.AuthorizationCode {
	t.Helper()
	code := newCode()
	require.NoError(t, f.store.SaveAuthorizationCode(t.Context(), code))
	return code
}

func (f force) pair(t *testing.T) *model.Token {
	t.Helper()
	token := newToken(salt())
	require.NoError(t, f.store.SaveToken(t.Context(), token))
	return token
}

func (f force) redeem(ctx context.Context, code *model.AuthorizationCode, token *model.Token) func() error {
	return func() error { return f.store.RedeemAuthorizationCode(ctx, code.Key, token) }
}

func (f force) rotate(ctx context.Context, token, successor *model.Token) func() error {
	return func() error { return f.store.RotateRefreshToken(ctx, token.RefreshKey(), salt32(), successor) }
}

func (f force) revoke(ctx context.Context, id model.GrantID) func() error {
	return func() error { return f.store.RevokeGrant(ctx, id) }
}

// assertDead asserts that nothing of a token can be used.
func (f force) assertDead(t *testing.T, tokens ...*model.Token) {
	t.Helper()
	for _, token := range tokens {
		_, err := f.store.GetAccessToken(t.Context(), token.AccessKey())
		assertNotFound(t, err)
		_, err = f.store.GetRefreshToken(t.Context(), token.RefreshKey())
		assertNotFound(t, err)
	}
}

func TestForcedRedeemRedeem(t *testing.T) {
	t.Parallel()
	forced(t, []string{"grants", "codes"}, func(t *testing.T, f force) {
		code := f.code(t)
		tokens := []*model.Token{newToken(code.Key.Grant), newToken(code.Key.Grant), newToken(code.Key.Grant)}
		errs := f.inTurn(t, code.Key.Grant, f.redeem(t.Context(), code, tokens[0]), f.redeem(t.Context(), code, tokens[1]), f.redeem(t.Context(), code, tokens[2]))
		oneWon(t, errs, "redeem", model.ErrSpent)
		winner(t.Context(), t, f.store, tokens, errs)
	})
}

func TestForcedRotateRotate(t *testing.T) {
	t.Parallel()
	forced(t, []string{"grants", "tokens"}, func(t *testing.T, f force) {
		token := f.pair(t)
		next := []*model.Token{newToken(token.GrantID), newToken(token.GrantID), newToken(token.GrantID)}
		errs := f.inTurn(t, token.GrantID, f.rotate(t.Context(), token, next[0]), f.rotate(t.Context(), token, next[1]), f.rotate(t.Context(), token, next[2]))
		oneWon(t, errs, "rotate", model.ErrSpent)
		won := winner(t.Context(), t, f.store, next, errs)
		got, err := f.store.GetRefreshToken(t.Context(), token.RefreshKey())
		require.NoError(t, err)
		assert.NotZero(t, got.Seed)
		require.NoError(t, f.rotate(t.Context(), won, newToken(token.GrantID))())
	})
}

// Whatever a save that met the revocation answers, what it saved is dead.
func TestForcedRedeemRevoke(t *testing.T) {
	t.Parallel()
	forced(t, []string{"grants", "codes"}, func(t *testing.T, f force) {
		for _, revokeFirst := range []bool{false, true} {
			code := f.code(t)
			token := newToken(code.Key.Grant)
			f.inOrder(t, code.Key.Grant, revokeFirst, f.redeem(t.Context(), code, token))
			f.assertDead(t, token)
			_, err := f.store.GetAuthorizationCode(t.Context(), code.Key)
			assertNotFound(t, err)
		}
	})
}

func TestForcedRotateRevoke(t *testing.T) {
	t.Parallel()
	forced(t, []string{"grants", "tokens"}, func(t *testing.T, f force) {
		for _, revokeFirst := range []bool{false, true} {
			token := f.pair(t)
			next := newToken(token.GrantID)
			f.inOrder(t, token.GrantID, revokeFirst, f.rotate(t.Context(), token, next))
			f.assertDead(t, token, next)
		}
	})
}

// inOrder forces a save and a revocation of its grant.
func (f force) inOrder(t *testing.T, id model.GrantID, revokeFirst bool, save func() error) {
	t.Helper()
	calls := []func() error{save, f.revoke(t.Context(), id)}
	if revokeFirst {
		calls[0], calls[1] = calls[1], calls[0]
	}
	errs := f.inTurn(t, id, calls...)
	if revokeFirst {
		errs[0], errs[1] = errs[1], errs[0]
	}
	require.NoError(t, errs[1], "RevokeGrant")
	if errs[0] != nil {
		assert.True(t, errors.Is(errs[0], model.ErrRevoked) || errors.Is(errs[0], model.ErrNotFound), "%v", errs[0])
	}
}

// A grant that somebody works on is passed over by a sweep, which goes when it is free.
func TestForcedSweep(t *testing.T) {
	t.Parallel()
	forced(t, []string{"grants"}, func(t *testing.T, f force) {
		busy, idle := f.pair(t), f.pair(t)
		letGo := f.hold(t, f.watch, f.table, busy.GrantID)
		later := busy.GrantExpiresAt.Add(time.Hour)
		_, err := f.store.Sweep(t.Context(), later, 1000)
		require.NoError(t, err)
		var grants int
		require.NoError(t, f.watch.QueryRowContext(t.Context(), "SELECT count(*) FROM oauth_grants").Scan(&grants))
		assert.Equal(t, 1, grants)
		letGo()
		f.assertDead(t, idle)
		_, err = f.store.Sweep(t.Context(), later, 1000)
		require.NoError(t, err)
		f.assertDead(t, busy)
		assert.NoError(t, f.store.SaveToken(t.Context(), newToken(busy.GrantID)))
	})
}
