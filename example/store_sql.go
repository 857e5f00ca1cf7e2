package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

const (
	// connections is how many connections to a database server are open at most, so
	// that several programs stay far from what it takes: of PostgreSQL 100, of
	// MariaDB 151 unless told otherwise.
	connections = 16
	// migrateTimeout bounds how long making the tables may take, with the wait for
	// another program that does it.
	migrateTimeout = time.Minute
)

// openSQL opens a database and makes the tables, if nobody has.
func openSQL(ctx context.Context, s storeURL, k keys, log *slog.Logger) (*storage, error) {
	db, dialect, err := openDatabase(s, log)
	if err != nil {
		return nil, err
	}
	st, err := sqlStorage(ctx, db, dialect, k)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return st, nil
}

func sqlStorage(ctx context.Context, db *sql.DB, dialect sqlstore.Dialect, k keys) (*storage, error) {
	if err := within(ctx, connectTimeout, db.PingContext); err != nil {
		return nil, err
	}
	err := within(ctx, migrateTimeout, func(ctx context.Context) error {
		return sqlstore.Migrate(ctx, db, dialect, sqlstore.Options{})
	})
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.New(db, dialect, sqlstore.Options{})
	if err != nil {
		return nil, err
	}
	drawer, err := newSQLDrawer(ctx, db, dialect)
	if err != nil {
		return nil, err
	}
	return &storage{model: store, sessions: cookieSessions(k), sweeper: store, drawer: drawer, ping: db.PingContext, close: db.Close}, nil
}

// within calls f with a context that ends after a while.
func within(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

// openDatabase returns a pool, without asking the server anything.
func openDatabase(s storeURL, log *slog.Logger) (*sql.DB, sqlstore.Dialect, error) {
	switch s.kind {
	case postgreSQL:
		db, err := openPostgreSQL(s.url)
		return db, sqlstore.PostgreSQL, err
	case mySQL:
		db, err := openMySQL(s.url, log)
		return db, sqlstore.MySQL, err
	default:
		db, err := openSQLite(s.file)
		return db, sqlstore.SQLite, err
	}
}

func openPostgreSQL(u *url.URL) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, errOptions
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	return limited(stdlib.OpenDB(*cfg), connections), nil
}

func openMySQL(u *url.URL, log *slog.Logger) (*sql.DB, error) {
	// The driver has a form of its own. It reads what is after the ?, the rest is
	// set: in its form a password has no way to hold every character.
	cfg, err := mysql.ParseDSN("/?" + u.RawQuery)
	if err != nil {
		return nil, errOptions
	}
	cfg.Net, cfg.Addr = "tcp", u.Host
	if u.Port() == "" {
		cfg.Addr += ":3306"
	}
	cfg.DBName = strings.Trim(u.Path, "/")
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	if cfg.Timeout == 0 {
		cfg.Timeout = connectTimeout
	}
	// COMMIT knows no context: without a limit it waits for a server that stands still.
	if cfg.ReadTimeout == 0 {
		cfg.ReadTimeout = requestTimeout
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = requestTimeout
	}
	cfg.Logger = mysqlLogger{log}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, errOptions
	}
	return limited(sql.OpenDB(connector), connections), nil
}

// mysqlLogger takes what the driver says of broken connections; the error of the
// statement says it once more.
type mysqlLogger struct{ log *slog.Logger }

// Print implements mysql.Logger.
func (l mysqlLogger) Print(v ...any) { l.log.Debug("mysql: " + fmt.Sprint(v...)) }

func openSQLite(file string) (*sql.DB, error) {
	// SQLite would make the file readable by everybody, and say of what it cannot do
	// only that it cannot. What it makes beside the file has the file's mode.
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + "?" + url.Values{
		// Who begins to write waits for who writes; who began by reading could not.
		"_txlock": {"immediate"},
		"_pragma": {
			"busy_timeout(10000)",
			"journal_mode(WAL)",
			"synchronous(FULL)", // a power cut undoes nothing that was answered
		},
	}.Encode()
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return limited(sql.OpenDB(connector), max(4, runtime.GOMAXPROCS(0))), nil
}

// limited bounds a pool. Idle connections stay for a while, since making one is
// dear; none stays for good, so that a server that moved is found.
func limited(db *sql.DB, most int) *sql.DB {
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(30 * time.Minute)
	return db
}
