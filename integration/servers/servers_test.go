// Package servers tests the servers that other tests run against: that each starts, is killed and comes back with what it
// had acknowledged, and does not outlive the tests.
package servers

import (
	"bufio"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
)

var servers testserver.Group

func TestMain(m *testing.M) {
	if os.Getenv(orphan) != "" {
		m.Run()
		return
	}
	os.Exit(servers.Run(m))
}

// starters start a server of each kind.
var starters = map[string]func(tb testing.TB, settings ...string) *testserver.Server{
	"PostgreSQL": testserver.PostgreSQL, "MariaDB": testserver.MariaDB, "Redis": testserver.Redis,
}

// listens reports whether a server takes connections.
func listens(t *testing.T, dsn string) bool {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	conn, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err != nil {
		return false
	}
	require.NoError(t, conn.Close())
	return true
}

func TestKilledServerComesBack(t *testing.T) {
	t.Parallel()
	for name, start := range starters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			require.True(t, server.Managed())
			dsn := server.Database(t)
			assert.True(t, listens(t, dsn))
			write(t, dsn, "precious")
			server.Kill(t)
			assert.False(t, listens(t, dsn))
			server.Start(t)
			assert.Equal(t, []string{"precious"}, read(t, dsn))
			assert.Contains(t, string(server.Dump(t, dsn)), "precious")
		})
	}
}

func TestPausedServerAnswersLater(t *testing.T) {
	t.Parallel()
	for name, start := range starters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			dsn := server.Database(t)
			server.Pause(t)
			written := make(chan struct{})
			go func() {
				defer close(written)
				write(t, dsn, "while it was paused")
			}()
			select {
			case <-written:
				assert.Fail(t, "a paused server answered")
			case <-time.After(300 * time.Millisecond):
			}
			server.Resume(t)
			<-written
			assert.Equal(t, []string{"while it was paused"}, read(t, dsn))
		})
	}
}

func TestDatabasesAreEmptyAndApart(t *testing.T) {
	t.Parallel()
	for name, shared := range map[string]func(testing.TB) *testserver.Server{
		"PostgreSQL": servers.PostgreSQL, "MariaDB": servers.MariaDB, "Redis": servers.Redis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, again := shared(t), shared(t)
			assert.Same(t, server, again, "one server for all")
			first, second := server.Database(t), again.Database(t)
			assert.NotEqual(t, first, second)
			write(t, first, "in the first")
			write(t, second, "in the second")
			assert.Equal(t, []string{"in the first"}, read(t, first))
			assert.Equal(t, []string{"in the second"}, read(t, second))
		})
	}
}

func TestServerOfTheEnvironment(t *testing.T) {
	for name, env := range map[string]string{"PostgreSQL": "TEST_POSTGRES_DSN", "MariaDB": "TEST_MYSQL_DSN", "Redis": "TEST_REDIS_URL"} {
		t.Run(name, func(t *testing.T) {
			started := starters[name](t)
			t.Setenv(env, started.DSN())
			server := starters[name](t)
			assert.False(t, server.Managed())
			assert.Equal(t, started.DSN(), server.DSN())

			var dsn string
			t.Run("use", func(t *testing.T) {
				dsn = server.Database(t)
				other := server.Database(t)
				assert.NotEqual(t, dsn, other)
				write(t, dsn, "kept nowhere")
				assert.Equal(t, []string{"kept nowhere"}, read(t, dsn))
			})
			assert.Empty(t, strings.TrimSpace(keys(t, server, started.DSN())), "nothing is left behind")
		})
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "on", ask(t, testserver.PostgreSQL(t, "fsync on").DSN(), "SHOW fsync"))
	assert.Equal(t, "1", ask(t, testserver.MariaDB(t, "innodb_flush_log_at_trx_commit 1").DSN(), "SELECT @@innodb_flush_log_at_trx_commit"))
	assert.Equal(t, "appendfsync\neverysec", ask(t, testserver.Redis(t, "appendfsync everysec").DSN(), "CONFIG GET appendfsync"))
	assert.Equal(t, "appendfsync\nalways", ask(t, servers.Redis(t).DSN(), "CONFIG GET appendfsync"))
}

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	cluster := testserver.RedisCluster(t)
	require.Len(t, cluster.Nodes, 3)
	for _, node := range cluster.Nodes {
		assert.Contains(t, ask(t, node.DSN(), "CLUSTER INFO"), "cluster_slots_ok:16384")
	}
	cluster.Nodes[1].Kill(t)
	cluster.Nodes[1].Start(t)
	assert.Contains(t, ask(t, cluster.Nodes[1].DSN(), "CLUSTER INFO"), "cluster_known_nodes:3")
	assert.Contains(t, cluster.DSN(), "?addr=")
}

// orphan is set in the environment of the tests that are to die without cleaning up.
const orphan = "TESTSERVER_ORPHAN"

// TestServersDoNotOutliveTheTests kills a test program that has started servers.
func TestServersDoNotOutliveTheTests(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestOrphan$", "-test.v")
	dir, err := os.MkdirTemp("", "orphan") //nolint:usetesting // other users must get through it
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() {
		assert.Eventually(t, func() bool { return os.RemoveAll(dir) == nil }, time.Minute, 10*time.Millisecond)
	})
	cmd.Env = append(os.Environ(), orphan+"=yes", "TMPDIR="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var dsns []string
	for lines := bufio.NewScanner(out); len(dsns) < len(starters) && lines.Scan(); {
		if _, dsn, ok := strings.Cut(lines.Text(), "serves: "); ok {
			dsns = append(dsns, dsn)
		}
	}
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Len(t, dsns, len(starters))
	for _, dsn := range dsns {
		assert.Eventually(t, func() bool { return !listens(t, dsn) }, time.Minute, 10*time.Millisecond, dsn)
	}
}

// TestOrphan starts servers and waits to be killed, if it is run by the test above.
func TestOrphan(t *testing.T) {
	if os.Getenv(orphan) == "" {
		return
	}
	for _, start := range starters {
		t.Logf("serves: %s", start(t).DSN())
	}
	select {}
}

// TestAbandonedFoldersAreRemoved looks at what a program leaves behind that was killed.
func TestAbandonedFoldersAreRemoved(t *testing.T) {
	dir, err := os.MkdirTemp("", "abandoned") //nolint:usetesting // other users must get through it
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	t.Setenv("TMPDIR", dir)
	left, foreign := filepath.Join(dir, "testserver1"), filepath.Join(dir, "testserver2")
	require.NoError(t, os.MkdirAll(filepath.Join(left, "data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(left, "lock"), nil, 0o600))
	require.NoError(t, os.Mkdir(foreign, 0o700))

	first := testserver.Redis(t)
	assert.NoDirExists(t, left, "nobody holds its lock")
	assert.DirExists(t, foreign, "it has no lock, so it is somebody else's")
	second := testserver.Redis(t)
	assert.DirExists(t, first.Dir(), "in use")
	assert.True(t, listens(t, first.DSN()))
	assert.True(t, listens(t, second.DSN()))
}
