package scaling

import (
	"context"
	"database/sql"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// store is all that a store of this project can do.
type store interface {
	model.Model
	model.ClientModel
	model.GrantModel
	model.LimitModel
}

// subject is a store that is measured.
type subject struct {
	store
	// size is how many bytes the data takes, indexes included; nil where nobody can say.
	size func(testing.TB) int64
	// hurry turns waiting for the disk off or on again, for filling.
	hurry func(tb testing.TB, on bool)
	// trips counts the messages to the server; nil where there is none.
	trips *atomic.Int64
}

// connections is how many a pool holds. More than a few per core of the database gain nothing.
const connections = 16

// kinds are the stores by name, in the order of the tables.
var kinds = []struct {
	name string
	open func(testing.TB) subject
}{
	{"memory", openMemory},
	{"PostgreSQL", openPostgreSQL},
	{"MariaDB", openMariaDB},
	{"SQLite", openSQLite},
	{"Redis", openRedis},
}

func openMemory(testing.TB) subject { return subject{store: memstore.New()} }

// counted is a connection to a server that counts what is sent. Each of the drivers sends a request in one piece.
type counted struct {
	net.Conn
	trips *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	c.trips.Add(1)
	return c.Conn.Write(b)
}

func dial(trips *atomic.Int64) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return counted{c, trips}, nil
	}
}

func openPostgreSQL(tb testing.TB) subject {
	cfg, err := pgx.ParseConfig(testserver.PostgreSQL(tb, "fsync on", "shared_buffers 512MB", "max_wal_size 8GB").Database(tb))
	require.NoError(tb, err)
	trips := new(atomic.Int64)
	cfg.DialFunc = dial(trips)
	db := stdlib.OpenDB(*cfg)
	return openSQL(tb, db, sqlstore.PostgreSQL, trips,
		func(tb testing.TB, on bool) {
			setting := map[bool]string{true: "off", false: "on"}[on]
			run(tb, db, `ALTER SYSTEM SET synchronous_commit = `+setting)
			run(tb, db, `SELECT pg_reload_conf()`)
			time.Sleep(time.Second) // nothing tells when the server has read it
		},
		func(tb testing.TB) int64 {
			run(tb, db, `VACUUM ANALYZE`)
			return number(tb, db, `SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relkind = 'r' AND relname LIKE 'oauth\_%'`)
		})
}

func openMariaDB(tb testing.TB) subject {
	dsn, err := testserver.GoMySQL(testserver.MariaDB(tb, "innodb_flush_log_at_trx_commit 1", "innodb_buffer_pool_size 1G", "innodb_log_file_size 2G").Database(tb))
	require.NoError(tb, err)
	cfg, err := mysql.ParseDSN(dsn)
	require.NoError(tb, err)
	trips := new(atomic.Int64)
	cfg.DialFunc = dial(trips)
	connector, err := mysql.NewConnector(cfg)
	require.NoError(tb, err)
	db := sql.OpenDB(connector)
	return openSQL(tb, db, sqlstore.MySQL, trips,
		func(tb testing.TB, on bool) {
			run(tb, db, `SET GLOBAL innodb_flush_log_at_trx_commit = `+map[bool]string{true: "0", false: "1"}[on])
		},
		func(tb testing.TB) int64 {
			for _, table := range []string{"grants", "codes", "tokens"} {
				run(tb, db, `ANALYZE TABLE oauth_`+table)
			}
			return number(tb, db, `SELECT sum(data_length + index_length) FROM information_schema.tables WHERE table_schema = DATABASE()`)
		})
}

func openSQLite(tb testing.TB) subject {
	file := filepath.Join(tb.TempDir(), "oauth.db")
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	require.NoError(tb, err)
	return openSQL(tb, db, sqlstore.SQLite, nil, func(testing.TB, bool) {}, func(tb testing.TB) int64 {
		run(tb, db, `PRAGMA wal_checkpoint(TRUNCATE)`)
		info, err := os.Stat(file)
		require.NoError(tb, err)
		return info.Size()
	})
}

func openSQL(tb testing.TB, db *sql.DB, dialect sqlstore.Dialect, trips *atomic.Int64, hurry func(testing.TB, bool), size func(testing.TB) int64) subject {
	tb.Helper()
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	require.NoError(tb, sqlstore.Migrate(context.Background(), db, dialect, sqlstore.Options{}))
	s, err := sqlstore.New(db, dialect, sqlstore.Options{})
	require.NoError(tb, err)
	return subject{store: s, size: size, hurry: hurry, trips: trips}
}

func openRedis(tb testing.TB) subject {
	opts, err := redis.ParseURL(testserver.Redis(tb).Database(tb))
	require.NoError(tb, err)
	trips := new(atomic.Int64)
	opts.Dialer, opts.PoolSize, opts.MaxRetries = dial(trips), connections, -1
	client := redis.NewClient(opts)
	tb.Cleanup(func() { require.NoError(tb, client.Close()) })
	s, err := redisstore.New(context.Background(), client, redisstore.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(tb, err)
	return subject{
		store: s, trips: trips,
		hurry: func(tb testing.TB, on bool) {
			require.NoError(tb, client.ConfigSet(context.Background(), "appendfsync", map[bool]string{true: "no", false: "always"}[on]).Err())
		},
		size: func(tb testing.TB) int64 {
			info, err := client.Info(context.Background(), "memory").Result()
			require.NoError(tb, err)
			found := regexp.MustCompile(`used_memory_dataset:(\d+)`).FindStringSubmatch(info)
			require.Len(tb, found, 2)
			n, err := strconv.ParseInt(found[1], 10, 64)
			require.NoError(tb, err)
			return n
		},
	}
}

func run(tb testing.TB, db *sql.DB, statement string) {
	tb.Helper()
	_, err := db.ExecContext(context.Background(), statement)
	require.NoError(tb, err, statement)
}

func number(tb testing.TB, db *sql.DB, query string) (n int64) {
	tb.Helper()
	require.NoError(tb, db.QueryRowContext(context.Background(), query).Scan(&n), query)
	return n
}

// onEach runs a benchmark for each store.
func onEach(b *testing.B, bench func(*testing.B, subject)) {
	b.Helper()
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) { bench(b, k.open(b)) })
	}
}

// live reads from the environment with how many live tokens to measure.
func live(b *testing.B) (counts []int) {
	b.Helper()
	text := os.Getenv("LIVE")
	if text == "" {
		text = "1000"
	}
	for _, part := range regexp.MustCompile(`\d+`).FindAllString(text, -1) {
		n, err := strconv.Atoi(part)
		require.NoError(b, err, "LIVE=%s: give numbers, as in LIVE=1000,100000", text)
		counts = append(counts, n)
	}
	return counts
}
