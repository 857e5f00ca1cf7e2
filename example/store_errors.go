package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/go-redis/v9"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// errOptions stands for what a driver says of a URL: it may repeat parts of it.
var errOptions = errors.New("the options after the ? are not those of its driver: see the driver's documentation, or leave them out")

// unusable says in one sentence why a store cannot be used, and what to do.
func (s storeURL) unusable(err error) error {
	advice := network(err)
	if advice == "" {
		advice = s.product(err)
	}
	if advice == "" {
		advice = s.hide("it cannot be used: " + strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return fmt.Errorf("-store: %s: %s", s, advice)
}

// hide takes the password out of a text. Drivers leave it out, too.
func (s storeURL) hide(text string) string {
	if s.url == nil {
		return text
	}
	secrets := s.url.Query()["password"]
	if p, ok := s.url.User.Password(); ok {
		secrets = append(secrets, p)
	}
	// The longest first: one may begin with another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, p := range secrets {
		if p != "" {
			text = strings.ReplaceAll(text, p, "…")
		}
	}
	return text
}

// network is advice about what is between here and the server; empty: it is not
// that.
func network(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &dns):
		return "there is no host of this name: correct it"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: start the server, or correct host and port"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("there was no answer within %v: see that the server runs, that host and port are right, and that no firewall is in between", connectTimeout)
	case errors.As(err, &unknown), errors.As(err, &name):
		return "its TLS certificate is not one for this host from an authority that this machine trusts: install the authority's certificate, or correct the host"
	}
	return ""
}

// product is advice about what a product answers.
func (s storeURL) product(err error) string {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var lite *sqlite.Error
	var re redis.Error
	var file *fs.PathError
	switch {
	case errors.Is(err, errOptions):
		return err.Error()
	case errors.As(err, &pg):
		return postgreSQLAdvice(pg.Code, s.hide(pg.Message))
	case errors.As(err, &my):
		return mySQLAdvice(my.Number, s.hide(my.Message))
	case errors.As(err, &lite):
		return sqliteAdvice(lite)
	case errors.As(err, &file):
		return fmt.Sprintf("the file cannot be opened for writing (%v): name one in a folder that is there and that this user may write to", file.Err)
	case errors.As(err, &re):
		return redisAdvice(re.Error(), s.hide(re.Error()))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, mysql.ErrMalformPkt), errors.Is(err, syscall.ECONNRESET),
		strings.Contains(err.Error(), "unexpected message"): // of pgx, which has no error to compare with
		return "what answers there speaks another protocol: see that host and port are this product's, and whether it wants TLS"
	}
	return ""
}

const (
	wrongPassword = "user or password is wrong: correct it"
	noDatabase    = "there is no such database: create it, or correct its name"
	mayNot        = "this user may not do what is needed: grant it the right to create and use tables in the database"
)

// The codes are those of appendix A of PostgreSQL's manual.
func postgreSQLAdvice(code, message string) string {
	switch code {
	case "28P01":
		return wrongPassword
	case "28000":
		return "the server does not let this user in: see that the user exists and what pg_hba.conf says (" + message + ")"
	case "3D000":
		return noDatabase
	case "42501":
		return mayNot + " (" + message + ")"
	case "53300":
		return "it has no connection left: raise max_connections, or close others"
	case "57P03":
		return "it is starting or stopping: try again in a moment"
	}
	return "it answers: " + message + " (" + code + ")"
}

// The numbers are those of MySQL's and MariaDB's server errors.
func mySQLAdvice(number uint16, message string) string {
	switch number {
	case 1045, 1698:
		return wrongPassword
	case 1049:
		return noDatabase
	case 1044, 1142, 1227:
		return mayNot + " (" + message + ")"
	case 1040, 1203:
		return "it has no connection left: raise max_connections, or close others"
	}
	return fmt.Sprintf("it answers: %s (%d)", message, number)
}

func sqliteAdvice(e *sqlite.Error) string {
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB:
		return "the file is no SQLite database: name another"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return "the file or its folder cannot be written to: let this user write to both"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "another program holds it locked: stop that first"
	case sqlite3.SQLITE_FULL:
		return "the disk is full: make room"
	}
	return "it answers: " + e.Error()
}

func redisAdvice(text, message string) string {
	switch code, _, _ := strings.Cut(text, " "); {
	case code == "WRONGPASS", strings.Contains(text, "without any password configured"):
		return wrongPassword
	case code == "NOAUTH":
		return "it wants a password: give it as redis://:PASSWORD@HOST"
	case code == "NOPERM":
		return "this user may not do what is needed (" + message + "): give it a user with more rights"
	case strings.Contains(text, "DB index"):
		return "it has no database of this number: give a lower one"
	case code == "LOADING":
		return "it is starting: try again in a moment"
	}
	return "it answers: " + message
}
