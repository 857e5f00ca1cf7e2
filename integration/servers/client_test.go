package servers

import (
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
)

// ask sends a statement by the client program of the server and returns the answer, without its last newline.
func ask(t *testing.T, dsn, statement string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if !assert.NoError(t, err) {
		return ""
	}
	password, _ := u.User.Password()
	var cmd *exec.Cmd
	switch u.Scheme {
	case "postgres":
		cmd = exec.Command("psql", "-X", "-q", "-A", "-t", "-d", dsn, "-c", statement)
	case "mysql":
		cmd = exec.Command("mariadb", "--no-defaults", "-N", "-B", "--protocol=tcp", "-h", u.Hostname(), "-P", u.Port(), "-u", u.User.Username(),
			"-p"+password, "-e", statement, strings.Trim(u.Path, "/"))
	default:
		cmd = exec.Command("redis-cli", append([]string{"-e", "-u", dsn}, strings.Fields(statement)...)...)
	}
	cmd.Env = append(os.Environ(), "PGCONNECT_TIMEOUT=60")
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s: %s", statement, out)
	return strings.TrimSpace(string(out))
}

// write puts a text into a database.
func write(t *testing.T, dsn, text string) {
	t.Helper()
	if strings.HasPrefix(dsn, "redis:") {
		assert.Equal(t, "1", ask(t, dsn, "RPUSH texts "+strings.ReplaceAll(text, " ", "_")))
		return
	}
	ask(t, dsn, "CREATE TABLE texts (content varchar(100)); INSERT INTO texts VALUES ('"+text+"')")
}

// read returns all texts of a database.
func read(t *testing.T, dsn string) []string {
	t.Helper()
	if strings.HasPrefix(dsn, "redis:") {
		return strings.Split(strings.ReplaceAll(ask(t, dsn, "LRANGE texts 0 -1"), "_", " "), "\n")
	}
	return strings.Split(ask(t, dsn, "SELECT content FROM texts"), "\n")
}

// keys lists what is on a server beside what it had when it was started.
func keys(t *testing.T, server *testserver.Server, dsn string) string {
	t.Helper()
	switch {
	case strings.HasPrefix(dsn, "redis:"):
		return string(server.Dump(t, dsn)) + strings.TrimPrefix(ask(t, dsn, "INFO keyspace"), "# Keyspace")
	case strings.HasPrefix(dsn, "mysql:"):
		return ask(t, dsn, "SHOW DATABASES LIKE 'test\\_%'")
	}
	return ask(t, dsn, "SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'")
}
