package testserver

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

type postgres struct{}

func (postgres) name() (name, env string) { return "PostgreSQL", "TEST_POSTGRES_DSN" }

func (postgres) accounts() []string { return []string{"postgres"} }

// folders are where PostgreSQL is that is not on the PATH: Debian, Red Hat, Homebrew.
func (postgres) folders() []string {
	return []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin"}
}

func (postgres) parse(dsn string) (url.URL, error) { return parseURL(dsn, "postgres", "postgresql") }

func (k postgres) prepare(s *Server) error {
	initdb, err := find(k.folders(), "initdb")
	if err != nil {
		return err
	}
	password := rand.Text()
	s.url = url.URL{Scheme: "postgres", User: url.UserPassword("oauth", password), Path: "/postgres", RawQuery: "sslmode=disable"}
	// Read by initdb as another user, and gone before the server runs.
	file := filepath.Join(s.dir, "password")
	if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
		return err
	}
	if err := own(file, k.accounts()); err != nil {
		return err
	}
	err = setUp(s, initdb, "--pgdata="+s.data(), "--username=oauth", "--pwfile="+file, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	return os.Remove(file)
}

// data is the folder of the data.
func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (k postgres) command(s *Server) (program string, args []string, err error) {
	initdb, err := find(k.folders(), "initdb")
	if err != nil {
		return "", nil, err
	}
	// The server of the version that made the files. See the package comment for fsync.
	args = []string{"-D", s.data()}
	for _, setting := range append([]string{
		"port " + strconv.Itoa(s.port), "listen_addresses 127.0.0.1", "unix_socket_directories ",
		"fsync off", "max_connections 300", "log_checkpoints off", "log_min_error_statement panic", // statements may carry what is nobody's business
	}, s.settings...) {
		name, value, _ := strings.Cut(setting, " ")
		args = append(args, "-c", name+"="+value)
	}
	// On the PATH there may be links to some of the programs only.
	if initdb, err = filepath.EvalSymlinks(initdb); err != nil {
		return "", nil, err
	}
	return filepath.Join(filepath.Dir(initdb), "postgres"), args, nil
}

func (k postgres) ready(s *Server, _ int) error {
	return k.psql(s, s.url, "SELECT 1") // nobody else's server has the password
}

// client returns what a client program of PostgreSQL needs to reach a database.
func (postgres) client(dsn url.URL) (env []string, uri string) {
	env = []string{"PGCONNECT_TIMEOUT=10"}
	if password, ok := dsn.User.Password(); ok {
		env = append(env, "PGPASSWORD="+password)
		dsn.User = url.User(dsn.User.Username())
	}
	return env, dsn.String()
}

func (k postgres) psql(s *Server, dsn url.URL, statement string) error {
	psql, err := find(k.folders(), "psql")
	if err != nil {
		return err
	}
	env, uri := k.client(dsn)
	_, err = run(s, env, psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", uri, "-c", statement)
	return err
}

func (k postgres) create(s *Server, n int) (url.URL, error) {
	dsn := s.url
	name := databaseName(n)
	dsn.Path, dsn.RawPath = "/"+name, ""
	return dsn, k.psql(s, s.url, "CREATE DATABASE "+name)
}

// databaseName is new on every server, also one that several test programs use.
func databaseName(n int) string {
	return fmt.Sprintf("test_%s_%d", strings.ToLower(rand.Text()[:12]), n)
}

func (k postgres) drop(s *Server, dsn url.URL) error {
	return k.psql(s, s.url, "DROP DATABASE "+strings.TrimPrefix(dsn.Path, "/")+" WITH (FORCE)")
}

func (k postgres) dump(s *Server, dsn url.URL) ([]byte, error) {
	program, err := find(k.folders(), "pg_dump")
	if err != nil {
		return nil, err
	}
	env, uri := k.client(dsn)
	return run(s, env, program, "--inserts", "--dbname="+uri)
}
