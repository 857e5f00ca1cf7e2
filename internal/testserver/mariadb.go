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

type mariadb struct{}

func (mariadb) name() (name, env string) { return "MariaDB", "TEST_MYSQL_DSN" }

func (mariadb) accounts() []string { return []string{"mysql"} }

func (mariadb) folders() []string {
	return []string{"/opt/homebrew/opt/mariadb*/bin", "/usr/local/opt/mariadb*/bin", "/usr/local/mysql/bin"}
}

func (mariadb) parse(dsn string) (url.URL, error) {
	if !strings.Contains(dsn, "://") {
		return fromGoMySQL(dsn)
	}
	return parseURL(dsn, "mysql", "mariadb")
}

func (k mariadb) prepare(s *Server) error {
	install, err := find(append(k.folders(), "/usr/bin"), "mariadb-install-db", "mysql_install_db")
	if err != nil {
		return err
	}
	s.url = url.URL{Scheme: "mysql", User: url.UserPassword("oauth", rand.Text()), Path: "/test"}
	args := append(k.options(s), "--auth-root-authentication-method=socket", "--skip-test-db")
	if err := setUp(s, install, args...); err != nil {
		return err
	}
	password, _ := s.url.User.Password()
	init := fmt.Sprintf("CREATE DATABASE IF NOT EXISTS test;\nCREATE USER IF NOT EXISTS oauth@'127.0.0.1' IDENTIFIED BY '%s';\n"+
		"GRANT ALL PRIVILEGES ON *.* TO oauth@'127.0.0.1' WITH GRANT OPTION;\n", password)
	file := filepath.Join(s.dir, "init.sql")
	if err := os.WriteFile(file, []byte(init), 0o600); err != nil {
		return err
	}
	return own(file, k.accounts())
}

// options are those of the server and of what makes its files.
func (mariadb) options(s *Server) []string {
	return []string{"--no-defaults", "--datadir=" + s.data(), "--tmpdir=" + s.dir, "--innodb-log-file-size=16M"}
}

func (k mariadb) command(s *Server) (program string, args []string, err error) {
	program, err = find(k.folders(), "mariadbd", "mysqld")
	// See the package comment for innodb_flush_log_at_trx_commit.
	args = append(k.options(s), "--init-file="+filepath.Join(s.dir, "init.sql"), "--socket="+filepath.Join(s.dir, "socket"),
		"--pid-file="+filepath.Join(s.dir, "pid"))
	for _, setting := range append([]string{
		"port " + strconv.Itoa(s.port), "bind_address 127.0.0.1", "skip_name_resolve on", "character_set_server utf8mb4",
		"innodb_flush_log_at_trx_commit 2", "innodb_buffer_pool_size 128M", "max_connections 300", "log_warnings 1",
	}, s.settings...) {
		name, value, _ := strings.Cut(setting, " ")
		args = append(args, "--"+name+"="+value)
	}
	return program, args, err
}

func (k mariadb) ready(s *Server, _ int) error {
	return k.client(s, s.url, "SELECT 1") // nobody else's server has the password
}

// connect returns what a client program needs to reach a server.
func (mariadb) connect(dsn url.URL) (env, args []string) {
	port := dsn.Port()
	if port == "" {
		port = "3306"
	}
	password, _ := dsn.User.Password()
	return []string{"MYSQL_PWD=" + password}, []string{
		"--no-defaults", "--protocol=tcp", "--host=" + dsn.Hostname(), "--port=" + port, "--user=" + dsn.User.Username(),
		"--default-character-set=utf8mb4",
		// Of a server on this machine, or one that was named for tests. Clients before MariaDB 11.4 do not verify it by default.
		"--loose-skip-ssl-verify-server-cert",
	}
}

func (k mariadb) client(s *Server, dsn url.URL, statement string) error {
	program, err := find(k.folders(), "mariadb", "mysql")
	if err != nil {
		return err
	}
	env, args := k.connect(dsn)
	_, err = run(s, env, program, append(args, "--connect-timeout=10", "--execute="+statement)...)
	return err
}

func (k mariadb) create(s *Server, n int) (url.URL, error) {
	dsn := s.url
	name := databaseName(n)
	dsn.Path, dsn.RawPath = "/"+name, ""
	return dsn, k.client(s, s.url, "CREATE DATABASE "+name)
}

func (k mariadb) drop(s *Server, dsn url.URL) error {
	// A transaction that a test left open would make this wait.
	return k.client(s, s.url, "SET lock_wait_timeout = 20; DROP DATABASE "+strings.TrimPrefix(dsn.Path, "/"))
}

func (k mariadb) dump(s *Server, dsn url.URL) ([]byte, error) {
	program, err := find(k.folders(), "mariadb-dump", "mysqldump")
	if err != nil {
		return nil, err
	}
	env, args := k.connect(dsn)
	return run(s, env, program, append(args, "--hex-blob", "--skip-extended-insert", strings.TrimPrefix(dsn.Path, "/"))...)
}
