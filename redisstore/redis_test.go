package redisstore_test

import (
	"net"
	"os/exec"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// server starts a Redis server and returns its address.
func server(t testing.TB, settings ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	args := []string{"--port", strconv.Itoa(port), "--save", "", "--dir", t.TempDir(), "--appendonly", "yes", "--appendfsync", "always"}
	for i := 0; i+1 < len(settings); i += 2 {
		args = append(args, "--"+settings[i], settings[i+1])
	}
	cmd := exec.Command("redis-server", args...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	require.Eventually(t, func() bool {
		c := redis.NewClient(&redis.Options{Addr: addr})
		defer c.Close()
		return c.Ping(t.Context()).Err() == nil
	}, 10e9, 5e6)
	return addr
}
