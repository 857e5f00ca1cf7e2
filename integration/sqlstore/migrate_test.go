package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// tables lists the tables of a database.
func (p product) tables(t *testing.T, db *sql.DB) (names []string) {
	t.Helper()
	query := map[sqlstore.Dialect]string{
		sqlstore.PostgreSQL: "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
		sqlstore.MySQL:      "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
		sqlstore.SQLite:     "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1",
	}[p.dialect]
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	return names
}

func TestEightInstancesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		dsn := p.create(t)
		var pools []*sql.DB
		for range 8 {
			pools = append(pools, p.pool(t, dsn))
		}
		for _, err := range together(len(pools), func(i int) error {
			return sqlstore.Migrate(t.Context(), pools[i], p.dialect, sqlstore.Options{})
		}) {
			assert.NoError(t, err)
		}
		exercise(t, p.store(t, pools[7]), 8)
	})
}

func TestMigrateAgainChangesNothing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, db := p.fresh(t)
		before := p.tables(t, db)
		token := newToken(salt())
		require.NoError(t, store.SaveToken(t.Context(), token))
		for range 3 {
			require.NoError(t, sqlstore.Migrate(t.Context(), db, p.dialect, sqlstore.Options{}))
		}
		assert.Equal(t, before, p.tables(t, db))
		_, err := store.GetAccessToken(t.Context(), token.AccessKey())
		assert.NoError(t, err)
	})
}

func TestPrefixesAreApart(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		db := p.pool(t, p.create(t))
		stores := map[string]*sqlstore.Store{}
		for _, prefix := range []string{"", "a_", "tenant2", strings.Repeat("x", 32)} {
			opts := sqlstore.Options{Prefix: prefix}
			require.NoError(t, sqlstore.Migrate(t.Context(), db, p.dialect, opts))
			store, err := sqlstore.New(db, p.dialect, opts)
			require.NoError(t, err)
			stores[prefix] = store
		}
		for _, name := range p.tables(t, db) {
			prefixed := strings.HasPrefix(name, "oauth_") || strings.HasPrefix(name, "a_") || strings.HasPrefix(name, "tenant2") || strings.HasPrefix(name, "xxx")
			assert.True(t, prefixed, name)
		}
		token := newToken(salt())
		require.NoError(t, stores["a_"].SaveToken(t.Context(), token))
		for prefix, store := range stores {
			_, err := store.GetAccessToken(t.Context(), token.AccessKey())
			if prefix == "a_" {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, model.ErrNotFound, prefix)
			}
			histories(t, store, 1)
		}
	})
}

func TestPrefixIsNoWayIn(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"a b", "a;", `a"`, "a`", "a'", "a-", "1a", "a.", "A", "é", "a\x00", strings.Repeat("x", 33)} {
		_, err := sqlstore.New(new(sql.DB), sqlstore.SQLite, sqlstore.Options{Prefix: prefix})
		assert.ErrorContains(t, err, "Prefix", prefix)
		assert.ErrorContains(t, sqlstore.Migrate(t.Context(), nil, sqlstore.SQLite, sqlstore.Options{Prefix: prefix}), "Prefix", prefix)
		assert.ErrorContains(t, sqlstore.WriteMigrations(new(bytes.Buffer), sqlstore.SQLite, sqlstore.Options{Prefix: prefix}), "Prefix", prefix)
	}
}

// Whoever runs the migrations by hand gets the same tables.
func TestPrintedMigrationsDoTheSame(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		var text bytes.Buffer
		require.NoError(t, sqlstore.WriteMigrations(&text, p.dialect, sqlstore.Options{}))
		byHand := p.pool(t, p.create(t))
		for statement := range strings.SplitSeq(text.String(), ";\n") {
			if strings.TrimSpace(statement) != "" {
				_, err := byHand.ExecContext(t.Context(), statement)
				require.NoError(t, err, statement)
			}
		}
		store, err := sqlstore.New(byHand, p.dialect, sqlstore.Options{})
		require.NoError(t, err)
		histories(t, store, 2)

		_, db := p.fresh(t)
		assert.Subset(t, p.tables(t, db), p.tables(t, byHand))
		assert.LessOrEqual(t, len(p.tables(t, db))-len(p.tables(t, byHand)), 1, "Migrate has one table more, of what it did")

		// And who changes his mind lets Migrate go on from there.
		require.NoError(t, sqlstore.Migrate(t.Context(), byHand, p.dialect, sqlstore.Options{}))
		histories(t, store, 1)
	})
}

// A table that is missing is no matter for what needs it not.
func TestOneMissingTable(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, db := p.fresh(t)
		ctx := t.Context()
		_, err := db.ExecContext(ctx, "DROP TABLE oauth_consents")
		require.NoError(t, err)
		consent := &model.Consent{UserID: "alice", ClientID: "web", Scope: "read", GivenAt: issued, ExpiresAt: issued.Add(time.Hour)}
		for range 2 {
			assertFault(t, "AddConsent", store.AddConsent(ctx, consent))
			require.NoError(t, store.SaveToken(ctx, newToken(salt())))
		}
	})
}

// A connection without a database is an error, and no wait for ever.
func TestMigrateWithoutADatabase(t *testing.T) {
	t.Parallel()
	for _, p := range products() {
		if p.dialect != sqlstore.MySQL {
			continue
		}
		db := p.pool(t, withoutDatabase(t, p.create(t)))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err := sqlstore.Migrate(ctx, db, p.dialect, sqlstore.Options{})
		require.Error(t, err)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
	}
}

func withoutDatabase(t *testing.T, dsn string) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	require.NoError(t, err)
	cfg.DBName = ""
	return cfg.FormatDSN()
}
