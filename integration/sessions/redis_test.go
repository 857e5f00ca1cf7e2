// Package sessions runs the contract of ginoauth's sessions against the Redis store of gin-contrib/sessions, with real
// Redis servers. The stores that need no server are tested in ginoauth.
package sessions

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/internal/sessiontest"
)

func TestRedis(t *testing.T) {
	t.Parallel()
	sessiontest.Run(t, sessiontest.Subject{
		Server: true,
		New: func(t *testing.T, keys ...[]byte) (sessions.Store, func()) {
			t.Helper()
			socket, stop := startRedis(t)
			store, err := redis.NewStore(4, "unix", socket, "", "", keys...)
			require.NoError(t, err)
			return store, stop
		},
	})
}

// startRedis runs a Redis server of the test's own and returns its socket and what stops it.
func startRedis(t *testing.T) (socket string, stop func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "redis.sock")
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start(), "Redis is needed")
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	require.Eventually(t, func() bool {
		conn, err := redigo.Dial("unix", socket)
		if err != nil {
			return false
		}
		defer conn.Close()
		_, err = conn.Do("PING")
		return err == nil
	}, 20*time.Second, 10*time.Millisecond, "Redis does not answer")
	return socket, stop
}
