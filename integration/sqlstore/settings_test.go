package sqlstore

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// A setting is another way to reach a database: what an administrator or a connection string may have changed.
type setting struct {
	name string
	dsn  func(t *testing.T, dsn string) string
}

// param is a setting by parameters of the driver: names, each with its value.
func param(pairs ...string) setting {
	return setting{strings.Join(pairs, " "), func(_ *testing.T, dsn string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			dsn = with(dsn, pairs[i], pairs[i+1])
		}
		return dsn
	}}
}

// statement is a setting by a statement that is run once in the database.
func (p product) statement(text string) setting {
	return setting{text, func(t *testing.T, dsn string) string {
		_, err := p.pool(t, dsn).ExecContext(t.Context(), strings.ReplaceAll(text, "{database}", databaseOf(t, dsn)))
		require.NoError(t, err)
		return dsn
	}}
}

// settings are those under which the store works as always.
func (p product) settings(t *testing.T) (list []setting) {
	switch p.dialect {
	case sqlstore.PostgreSQL:
		for _, level := range []string{"repeatable read", "serializable"} {
			list = append(list, p.statement("ALTER DATABASE {database} SET default_transaction_isolation = '"+level+"'"))
		}
		// For poolers between, which take no prepared statements.
		for _, mode := range []string{"exec", "simple_protocol", "cache_describe", "describe_exec"} {
			list = append(list, param("default_query_exec_mode", mode))
		}
		list = append(list, param("timezone", "Asia/Kathmandu"), param("standard_conforming_strings", "off"))
	case sqlstore.MySQL:
		for _, mode := range []string{"", "ANSI", "TRADITIONAL", "NO_BACKSLASH_ESCAPES", "PAD_CHAR_TO_FULL_LENGTH,NO_ZERO_DATE", "NO_AUTO_VALUE_ON_ZERO,HIGH_NOT_PRECEDENCE"} {
			list = append(list, param("sql_mode", "'"+mode+"'"))
		}
		isolation := p.isolationVariable(t)
		for _, level := range []string{"READ-UNCOMMITTED", "REPEATABLE-READ", "SERIALIZABLE"} {
			list = append(list, param(isolation, "'"+level+"'"))
		}
		list = append(list, param("clientFoundRows", "true"), param("clientFoundRows", "false"), param("interpolateParams", "true"), param("parseTime", "true"),
			param("multiStatements", "true"), param("time_zone", "'+05:45'"), param("charset", "latin1"), param("collation", "utf8mb4_general_ci"))
	case sqlstore.SQLite:
		list = append(list,
			setting{"nothing set", func(t *testing.T, dsn string) string { return strings.Split(dsn, "?")[0] }},
			setting{"in memory", func(*testing.T, string) string { return "file::memory:" }},
			setting{"rollback journal", func(t *testing.T, _ string) string {
				return "file:" + filepath.Join(t.TempDir(), "db") + "?_pragma=busy_timeout(10000)"
			}},
			param("_pragma", "foreign_keys(1)"), param("_pragma", "case_sensitive_like(1)"), param("_time_format", "sqlite"))
	}
	return list
}

// isolationVariable is called one way by MariaDB and another by MySQL.
func (p product) isolationVariable(t *testing.T) string {
	t.Helper()
	var version string
	require.NoError(t, p.pool(t, p.create(t)).QueryRowContext(t.Context(), "SELECT VERSION()").Scan(&version))
	if strings.Contains(version, "MariaDB") {
		return "tx_isolation"
	}
	return "transaction_isolation"
}

func TestSettingsMakeNoDifference(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		for _, s := range p.settings(t) {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				dsn := s.dsn(t, p.create(t))
				db := p.pool(t, dsn)
				if s.name == "in memory" {
					db.SetMaxOpenConns(1) // each connection has a database of its own
				}
				store := p.store(t, db)
				exercise(t, store, 16)
				if strings.Contains(s.name, "isolation") {
					parts(t, store)
				}
			})
		}
	})
}

// The store knows no driver. This is the other one that PostgreSQL is reached by.
func TestAnotherDriver(t *testing.T) {
	t.Parallel()
	for _, p := range products() {
		if p.dialect != sqlstore.PostgreSQL {
			continue
		}
		p.driver = "postgres"
		dsn := p.create(t)
		store := p.store(t, p.pool(t, dsn))
		exercise(t, store, 16)
		oddities(t, store)

		_, err := p.pool(t, dsn).ExecContext(t.Context(), "ALTER DATABASE "+databaseOf(t, dsn)+" SET default_transaction_isolation = 'repeatable read'")
		require.NoError(t, err)
		exercise(t, p.store(t, p.pool(t, dsn)), 16)
	}
}

// databaseOf returns the name of the database in a URL.
func databaseOf(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	return strings.TrimPrefix(u.Path, "/")
}

// With a pool that is smaller than what is going on, callers wait for each other and never for themselves.
func TestSmallPools(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		for _, size := range []int{1, 2} {
			db := p.pool(t, p.create(t))
			db.SetMaxOpenConns(size)
			store := p.store(t, db)
			exercise(t, store, 32)
			if size == 1 { // whoever needed a second one would wait for ever
				parts(t, store)
			}
			assert.Zero(t, db.Stats().InUse, "connections that were not given back")
		}
	})
}

// Two instances are two pools: nothing that one process knows may be needed to win once.
func TestTwoInstances(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		dsn := p.create(t)
		first, second := p.store(t, p.pool(t, dsn)), p.store(t, p.pool(t, dsn))
		races(t, alternating(first, second), 24)
	})
}

// Without its tables a store gives faults and no outcomes, whatever is asked.
func TestWithoutTables(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, err := sqlstore.New(p.pool(t, p.create(t)), p.dialect, sqlstore.Options{})
		require.NoError(t, err)
		everyVerb(t, store, func(verb string, err error) { assertFault(t, verb, err) })
	})
}

// A connection that may only read gives faults for what would write, and says what was attempted.
func TestReadOnlyConnection(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		dsn := p.create(t)
		token := newToken(salt())
		require.NoError(t, p.store(t, p.pool(t, dsn)).SaveToken(t.Context(), token))
		switch p.dialect {
		case sqlstore.PostgreSQL:
			dsn = with(dsn, "default_transaction_read_only", "on")
		case sqlstore.MySQL:
			dsn = with(dsn, strings.Replace(p.isolationVariable(t), "isolation", "read_only", 1), "1")
		case sqlstore.SQLite:
			dsn = with(dsn, "mode", "ro")
		}
		store, err := sqlstore.New(p.pool(t, dsn), p.dialect, sqlstore.Options{})
		require.NoError(t, err)
		_, err = store.GetAccessToken(t.Context(), token.AccessKey())
		require.NoError(t, err)
		successor := newToken(token.GrantID)
		for verb, err := range map[string]error{
			"rotate": store.RotateRefreshToken(t.Context(), token.RefreshKey(), newKey(salt()).Digest, successor),
			"revoke": store.RevokeGrant(t.Context(), token.GrantID),
			"save":   store.SaveToken(t.Context(), newToken(salt())),
			"open":   store.SaveAuthorizationCode(t.Context(), newCode()),
		} {
			assertFault(t, verb, err)
		}
		_, err = store.GetAccessToken(t.Context(), successor.AccessKey())
		assertNotFound(t, err)
		_, err = store.GetAccessToken(t.Context(), token.AccessKey())
		assert.NoError(t, err)
		assert.Error(t, sqlstore.Migrate(t.Context(), p.pool(t, dsn), p.dialect, sqlstore.Options{Prefix: "more_"}))
	})
}

func TestWrongDSNs(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		for what, dsn := range p.wrongDSNs(t) {
			db, err := sql.Open(p.driver, dsn)
			if err != nil {
				assert.NotContains(t, err.Error(), "a-wrong-password", what)
				continue
			}
			err = sqlstore.Migrate(t.Context(), db, p.dialect, sqlstore.Options{})
			if assert.ErrorContains(t, err, "sqlstore: migrate", what) {
				assert.NotContains(t, err.Error(), "a-wrong-password", what)
			}
			store, err := sqlstore.New(db, p.dialect, sqlstore.Options{})
			require.NoError(t, err, "New does not ask")
			everyVerb(t, store, func(verb string, err error) {
				assertFault(t, what+": "+verb, err)
				assert.NotContains(t, err.Error(), "a-wrong-password")
			})
			require.NoError(t, db.Close())
		}
	})
}

// wrongDSNs have the mistakes that people make.
func (p product) wrongDSNs(t *testing.T) map[string]string {
	t.Helper()
	if p.dialect == sqlstore.SQLite {
		notADatabase := filepath.Join(t.TempDir(), "text")
		writeFile(t, notADatabase, strings.Repeat("this is no database\n", 100))
		return map[string]string{
			"no such folder": sqliteDSN(filepath.Join(t.TempDir(), "none", "oauth.db")),
			"a folder":       sqliteDSN(t.TempDir()),
			"a text file":    sqliteDSN(notADatabase),
		}
	}
	_, closed := nobody(t)
	return map[string]string{
		"wrong password":   p.changed(t, func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "a-wrong-password") }),
		"no such database": p.changed(t, func(u *url.URL) { u.Path = "/absent" }),
		"nobody listens":   p.changed(t, func(u *url.URL) { u.Host = closed }),
	}
}
