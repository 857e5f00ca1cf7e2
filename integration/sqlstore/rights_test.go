package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// An application needs no right to make tables: somebody with it migrates before, and the application's own Migrate has
// nothing to do.
func TestMigrateWithoutTheRightToMakeTables(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		dsn := p.create(t)
		owner := p.pool(t, dsn)
		switch p.dialect {
		case sqlstore.PostgreSQL:
			role := fmt.Sprintf("app_%x", salt())
			run := func(ctx context.Context, statement string) {
				_, err := owner.ExecContext(ctx, strings.ReplaceAll(statement, "{role}", role))
				require.NoError(t, err)
			}
			run(t.Context(), "CREATE ROLE {role}")
			t.Cleanup(func() { run(context.WithoutCancel(t.Context()), "DROP OWNED BY {role}; DROP ROLE {role}") })
			run(t.Context(), "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}")
			dsn = with(dsn, "role", role)
		case sqlstore.SQLite:
			dsn = with(dsn, "mode", "ro")
		default:
			return // a second user would be the same again
		}
		if p.dialect == sqlstore.PostgreSQL {
			require.Error(t, sqlstore.Migrate(t.Context(), p.pool(t, dsn), p.dialect, sqlstore.Options{}), "before somebody else did")
		}
		require.NoError(t, sqlstore.Migrate(t.Context(), owner, p.dialect, sqlstore.Options{}))
		app := p.pool(t, dsn)
		store := p.store(t, app)
		if p.dialect == sqlstore.PostgreSQL {
			useAll(t, store)
		}
		assert.Error(t, sqlstore.Migrate(t.Context(), app, p.dialect, sqlstore.Options{Prefix: "more_"}))
	})
}

// A pool that does not commit by itself is refused at start: it would lose revocations.
func TestAutocommitOff(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		if p.dialect != sqlstore.MySQL {
			return // no other has such a setting
		}
		db := p.pool(t, with(p.create(t), "autocommit", "0"))
		err := sqlstore.Migrate(t.Context(), db, p.dialect, sqlstore.Options{})
		assert.ErrorContains(t, err, "sqlstore: migrate: autocommit is off")
	})
}
