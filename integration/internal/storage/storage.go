// Package storage opens every store of this repository that is on a server or in a file, for tests that run on each.
package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the drivers that openSQL is asked for
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // another one

	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// connections is how many a pool may have open: more than there are callers in any test, few enough for several
// instances on one server.
const connections = 24

// Open opens the store at a DSN, which is a URL as package testserver returns it, or sqlite:FILE. It makes the tables if
// they are not there yet; several programs may do so at once. Close closes the connections.
func Open(ctx context.Context, dsn string) (store model.Model, closer func() error, err error) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "postgres":
		return openSQL(ctx, "pgx", dsn, sqlstore.PostgreSQL)
	case "mysql":
		if dsn, err = testserver.GoMySQL(dsn); err != nil {
			return nil, nil, err
		}
		cfg, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, nil, err
		}
		cfg.ClientFoundRows = true // sqlstore needs it
		cfg.Logger = new(mysql.NopLogger)
		return openSQL(ctx, "mysql", cfg.FormatDSN(), sqlstore.MySQL)
	case "sqlite":
		options := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)"}}
		return openSQL(ctx, "sqlite", "file:"+rest+"?"+options.Encode(), sqlstore.SQLite)
	case "redis":
		return openRedis(ctx, dsn)
	}
	return nil, nil, fmt.Errorf("no store for the scheme %q", scheme)
}

func openSQL(ctx context.Context, driver, dsn string, dialect sqlstore.Dialect) (model.Model, func() error, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	err = sqlstore.Migrate(ctx, db, dialect, sqlstore.Options{})
	var store *sqlstore.Store
	if err == nil {
		store, err = sqlstore.New(db, dialect, sqlstore.Options{})
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return store, db.Close, nil
}

// openRedis opens one server, or a cluster if the DSN has the addresses of more.
func openRedis(ctx context.Context, dsn string) (model.Model, func() error, error) {
	opts, err := redis.ParseClusterURL(dsn)
	if err != nil {
		return nil, nil, err
	}
	var client redis.UniversalClient
	if len(opts.Addrs) > 1 {
		opts.ContextTimeoutEnabled, opts.PoolSize, opts.DialerRetries = true, connections, 1
		client = redis.NewClusterClient(opts)
	} else {
		opts, err := redis.ParseURL(dsn) // which takes the number of a database, too
		if err != nil {
			return nil, nil, err
		}
		opts.ContextTimeoutEnabled, opts.PoolSize, opts.DialerRetries = true, connections, 1
		client = redis.NewClient(opts)
	}
	store, err := redisstore.New(ctx, client, redisstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return store, client.Close, nil
}

// ForTest is Open for a test, which closes the store at its end.
func ForTest(tb testing.TB, dsn string) model.Model {
	tb.Helper()
	store, closer, err := Open(tb.Context(), dsn)
	if err != nil {
		tb.Fatalf("open the store: %v", err)
	}
	tb.Cleanup(func() {
		if err := closer(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	})
	return store
}
