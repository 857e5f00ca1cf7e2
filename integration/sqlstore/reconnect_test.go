package sqlstore

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// cutOff ends all connections to a database but the one that asks, as a restart or a proxy does, and returns how many.
func (p product) cutOff(t *testing.T, dsn string) (n int) {
	t.Helper()
	db := p.pool(t, dsn)
	if p.dialect == sqlstore.PostgreSQL {
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&n))
		return n
	}
	for _, id := range connections(t, db) {
		_, err := db.ExecContext(t.Context(), fmt.Sprintf("KILL %d", id))
		require.NoError(t, err)
		n++
	}
	return n
}

// connections lists those to this database on MariaDB, but for the one that asks.
func connections(t *testing.T, db *sql.DB) (ids []int64) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var id int64
		require.NoError(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(t, rows.Err())
	return ids
}

// Statements that were prepared on connections that are gone are prepared again on new ones: every verb goes on, and
// none needs a restart. A call may fail for each connection that was cut, and none of the contract's outcomes is made up.
func TestConnectionsThatAreCut(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		if p.dialect == sqlstore.SQLite {
			return // there is no connection that could be cut
		}
		dsn := p.create(t)
		db := p.pool(t, dsn)
		store := p.store(t, db)
		useAll(t, store)
		exercise(t, store, 4)
		for range 3 {
			cut := p.cutOff(t, dsn)
			require.Positive(t, cut)
			requireWithin(t, cut, db, store)
			useAll(t, store)
		}
	})
}

// requireWithin reads until no stale connection is left in the pool.
func requireWithin(t *testing.T, faults int, db *sql.DB, store *sqlstore.Store) {
	t.Helper()
	token := newToken(salt())
	for range faults + 1 {
		err := store.SaveToken(t.Context(), token)
		if err == nil {
			_, err = store.GetAccessToken(t.Context(), token.AccessKey())
			require.NoError(t, err)
			return
		}
		assertFault(t, "SaveToken", err)
	}
	t.Fatalf("still no connection after %d faults: %+v", faults+1, db.Stats())
}
