package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unusable opens a store that cannot be used and returns the one sentence that it
// ends with.
func unusable(t *testing.T, ctx context.Context, dsn string) string { //nolint:revive // t first, as everywhere here
	t.Helper()
	u, err := parseStoreURL(dsn)
	require.NoError(t, err)
	k, err := deriveKeys(testKey.bytes)
	require.NoError(t, err)
	_, err = openStorage(ctx, u, k, slog.New(slog.DiscardHandler))
	require.Error(t, err)
	assert.True(t, strings.HasPrefix(err.Error(), "-store: "), err)
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "s3cret")
	return err.Error()
}

// server listens and does with each connection what it is told to.
func server(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return ln.Addr().String()
}

func TestServersThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	silent := server(t, func(c net.Conn) {
		<-t.Context().Done() // a connection that nobody holds is closed by the collector
		_ = c.Close()
	})
	web := server(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
		_ = c.Close()
	})
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := ln.Addr().String()
	require.NoError(t, ln.Close())

	for _, form := range []string{"postgres://bob:s3cret@%s/demo?sslmode=disable", "mysql://bob:s3cret@%s/demo", "redis://bob:s3cret@%s/1", "rediss://bob:s3cret@%s/1"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			assert.Contains(t, unusable(t, t.Context(), fmt.Sprintf(form, closed)), closed)
			assert.Contains(t, unusable(t, t.Context(), fmt.Sprintf(form, closed)), "nothing listens there")
			brief, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			assert.Contains(t, unusable(t, brief, fmt.Sprintf(form, silent)), "there was no answer within 5s")
			unusable(t, t.Context(), fmt.Sprintf(form, web))
		})
	}
	for _, dsn := range []string{"postgres://bob:s3cret@db.test/demo?sslmode=s3cret", "mysql://bob:s3cret@db.test/demo?timeout=s3cret", "redis://bob:s3cret@db.test/1?s3cret=1"} {
		assert.Contains(t, unusable(t, t.Context(), dsn), "driver", dsn)
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600))
	for file, want := range map[string]string{
		dir:                             "cannot be opened for writing",
		filepath.Join(dir, "none", "x"): "no such file or directory",
		filepath.Join(text, "x"):        "cannot be opened for writing",
		text:                            "is no SQLite database",
	} {
		assert.Contains(t, unusable(t, t.Context(), "sqlite:"+file), want, file)
	}
}

// The file is for this user only: digests are no secrets, but who uses what is.
func TestSQLiteFileIsPrivate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a %41 b.db")
	db, err := openSQLite(file)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "CREATE TABLE t (x)")
	require.NoError(t, err)
	for _, name := range []string{file, file + "-wal"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	require.NoError(t, db.Close())
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	u, err := parseStoreURL("postgres://bob:s3cret@db.test/demo?password=s3cret2")
	require.NoError(t, err)
	for want, err := range map[string]error{
		"no host of this name":          &net.DNSError{Name: "db.test"},
		"certificate":                   x509.UnknownAuthorityError{},
		"correct the host":              x509.HostnameError{Certificate: &x509.Certificate{}, Host: "db.test"},
		"user or password is wrong":     &pgconn.PgError{Code: "28P01"},
		"pg_hba.conf says (… …)":        &pgconn.PgError{Code: "28000", Message: "s3cret s3cret2"},
		"no such database":              &pgconn.PgError{Code: "3D000"},
		"grant it the right":            &pgconn.PgError{Code: "42501"},
		"max_connections":               &pgconn.PgError{Code: "53300"},
		"starting or stopping":          &pgconn.PgError{Code: "57P03"},
		"it answers: odd (XX000)":       &pgconn.PgError{Code: "XX000", Message: "odd"},
		"correct it":                    &mysql.MySQLError{Number: 1045},
		"create it":                     &mysql.MySQLError{Number: 1049},
		"this user may not":             &mysql.MySQLError{Number: 1044},
		"close others":                  &mysql.MySQLError{Number: 1040},
		"it answers: odd (1)":           &mysql.MySQLError{Number: 1, Message: "odd"},
		"another protocol":              io.ErrUnexpectedEOF,
		"used: connecting: two lines …": errors.New("two\nlines s3cret"),
	} {
		assert.ErrorContains(t, u.unusable(fmt.Errorf("connecting: %w", err)), want)
	}
	for text, want := range map[string]string{
		"WRONGPASS invalid username-password pair":                                         wrongPassword,
		"ERR AUTH <password> called without any password configured for the default user.": wrongPassword,
		"NOAUTH Authentication required.":                                                  "redis://:PASSWORD@HOST",
		"NOPERM this user has no permissions":                                              "more rights",
		"ERR DB index is out of range":                                                     "give a lower one",
		"LOADING Redis is loading the dataset in memory":                                   "try again",
		"ERR odd": "it answers: ERR odd",
	} {
		assert.Contains(t, redisAdvice(text, text), want)
	}
}
