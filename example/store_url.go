package main

import (
	"errors"
	"net/url"
	"strings"
)

// A storeKind is a kind of place where the demo keeps things.
type storeKind string

const (
	inMemory   storeKind = "" // the default: gone with the process
	postgreSQL storeKind = "PostgreSQL"
	mySQL      storeKind = "MySQL or MariaDB"
	sqliteFile storeKind = "SQLite"
	redisStore storeKind = "Redis"
)

// storeForms is what -store takes.
const storeForms = "postgres://USER:PASSWORD@HOST/DATABASE, mysql://USER:PASSWORD@HOST/DATABASE (MariaDB too), sqlite:FILE, redis://USER:PASSWORD@HOST/NUMBER or rediss://… with TLS"

// storeURL says where things are kept, as given by -store.
type storeURL struct {
	kind storeKind
	url  *url.URL // nil for SQLite and memory
	file string   // of SQLite
}

// shared reports whether what is stored outlives this process, and may be used
// by others at the same time.
func (s storeURL) shared() bool { return s.kind != inMemory }

// String names the store without user and password.
func (s storeURL) String() string {
	switch s.kind {
	case inMemory:
		return "memory"
	case sqliteFile:
		return "SQLite in " + s.file
	default:
		return string(s.kind) + " at " + s.url.Host + s.url.EscapedPath()
	}
}

// parseStoreURL reads the value of -store. No error repeats any of it but the
// scheme: where a URL has a mistake nobody knows which part is the password.
func parseStoreURL(s string) (storeURL, error) {
	scheme, rest, ok := strings.Cut(s, ":")
	switch {
	case s == "" || s == "memory":
		return storeURL{}, nil
	case !ok || strings.ContainsAny(scheme, "/@"):
		return storeURL{}, errors.New("-store must begin with postgres:, mysql:, sqlite:, redis: or rediss:; the forms are " + storeForms)
	}
	switch strings.ToLower(scheme) {
	case "sqlite", "sqlite3", "file":
		return parseSQLiteFile(rest)
	case "postgres", "postgresql":
		return parseServerURL(postgreSQL, s)
	case "mysql", "mariadb":
		return parseServerURL(mySQL, s)
	case "redis", "rediss":
		return parseServerURL(redisStore, s)
	}
	return storeURL{}, errors.New("-store: there is no store for this scheme; the forms are " + storeForms)
}

// parseSQLiteFile takes sqlite:FILE, and sqlite:///FILE as some other programs
// write it.
func parseSQLiteFile(file string) (storeURL, error) {
	file = strings.TrimPrefix(file, "//")
	switch {
	case file == "":
		return storeURL{}, errors.New("-store: sqlite: needs a file, such as sqlite:demo.db")
	case strings.HasPrefix(file, ":memory:"):
		return storeURL{}, errors.New("-store: a database in memory is gone with the program; name a file, such as sqlite:demo.db, or leave -store out")
	case strings.ContainsAny(file, "?#\x00"):
		return storeURL{}, errors.New("-store: the name of an SQLite file must have no ? or #; the demo sets the options of the connection itself")
	}
	return storeURL{kind: sqliteFile, file: file}, nil
}

// parseServerURL takes the URL of a server.
func parseServerURL(kind storeKind, s string) (storeURL, error) {
	u, err := url.Parse(s)
	bad := err != nil || u.Opaque != "" || u.Fragment != "" || u.Host == "" && kind != postgreSQL
	// An @ after the host is the end of a password with a / or ? in it.
	bad = bad || strings.Contains(u.EscapedPath(), "@") || strings.Contains(u.RawQuery, "@")
	if bad {
		return storeURL{}, errors.New("-store is not a URL with a host; in a password each of / ? # @ : % has to be written as % and two hexadecimal digits, and the forms are " + storeForms)
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if u.Scheme == "mariadb" {
		u.Scheme = "mysql"
	}
	database := strings.Trim(u.Path, "/")
	switch {
	case kind != redisStore && database == "":
		return storeURL{}, errors.New("-store names no database; the forms are " + storeForms)
	case kind == redisStore && strings.Trim(database, "0123456789") != "":
		return storeURL{}, errors.New("-store: the databases of Redis have numbers, such as redis://HOST/0")
	}
	return storeURL{kind: kind, url: u}, nil
}
