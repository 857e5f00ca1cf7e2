// Package sqlstore runs the SQL store against real databases: PostgreSQL, MariaDB and SQLite.
package sqlstore

import (
	"database/sql"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

var servers testserver.Group

func TestMain(m *testing.M) {
	flag.Parse()
	// Each history that rapid draws costs a hundred round trips. The contract has more of them, seeded.
	if err := flag.Set("rapid.checks", "10"); err != nil {
		panic(err)
	}
	runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0))) // for the races; the databases are waited for most of the time
	os.Exit(servers.Run(m))
}

// A product is a database that the store runs on.
type product struct {
	name    string
	dialect sqlstore.Dialect
	driver  string
	// database makes a new, empty database and returns its URL, or, of SQLite, what the driver opens.
	database func(t testing.TB) string
}

func products() []product {
	return []product{
		{"PostgreSQL", sqlstore.PostgreSQL, "pgx", func(t testing.TB) string { return servers.PostgreSQL(t).Database(t) }},
		{"MariaDB", sqlstore.MySQL, "mysql", func(t testing.TB) string { return servers.MariaDB(t).Database(t) }},
		{"SQLite", sqlstore.SQLite, "sqlite", func(t testing.TB) string { return sqliteDSN(filepath.Join(t.TempDir(), "oauth.db")) }},
	}
}

// create makes a new, empty database and returns what the driver opens.
func (p product) create(t testing.TB) string {
	t.Helper()
	return p.changed(t, func(*url.URL) {})
}

// changed is create with something changed in the URL of the database, of those that have one.
func (p product) changed(t testing.TB, change func(*url.URL)) string {
	t.Helper()
	dsn := p.database(t)
	if p.dialect == sqlstore.SQLite {
		return dsn
	}
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	change(u)
	if p.dialect == sqlstore.PostgreSQL {
		return u.String()
	}
	dsn, err = testserver.GoMySQL(u.String())
	require.NoError(t, err)
	return dsn
}

// sqliteDSN is as recommended: others are waited for, and readers do not wait for the writer.
func sqliteDSN(file string) string {
	return "file:" + file + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
}

// with adds a parameter to what a driver opens.
func with(dsn, name, value string) string {
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	return dsn + sep + name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20") // a plus is no space to all of them
}

// pool opens a pool of connections to a database.
func (p product) pool(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(p.driver, dsn)
	require.NoError(t, err)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// store returns a store on a database that is migrated if need be.
func (p product) store(t testing.TB, db *sql.DB) *sqlstore.Store {
	t.Helper()
	require.NoError(t, sqlstore.Migrate(t.Context(), db, p.dialect, sqlstore.Options{}))
	store, err := sqlstore.New(db, p.dialect, sqlstore.Options{})
	require.NoError(t, err)
	return store
}

// fresh returns a store on a database of its own.
func (p product) fresh(t testing.TB) (*sqlstore.Store, *sql.DB) {
	t.Helper()
	db := p.pool(t, p.create(t))
	return p.store(t, db), db
}

// onEach runs a test on each product.
func onEach(t *testing.T, test func(t *testing.T, p product)) {
	t.Helper()
	for _, p := range products() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}
