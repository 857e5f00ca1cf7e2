package redisstore_test

import (
	"log/slog"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

var servers testserver.Group

func TestMain(m *testing.M) { os.Exit(servers.Run(m)) }

// connect returns a client of a database of its own.
func connect(t testing.TB) *redis.Client {
	t.Helper()
	return dial(t, servers.Redis(t).Database(t))
}

func dial(t testing.TB, dsn string) *redis.Client {
	t.Helper()
	return newClientOf(t, options(t, dsn))
}

func options(t testing.TB, dsn string) *redis.Options {
	t.Helper()
	opts, err := redis.ParseURL(dsn)
	require.NoError(t, err)
	opts.ContextTimeoutEnabled = true
	return opts
}

func newClientOf(t testing.TB, opts *redis.Options) *redis.Client {
	t.Helper()
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// connectCluster starts a cluster and returns a client of it.
func connectCluster(t testing.TB) *redis.ClusterClient {
	t.Helper()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: testserver.RedisCluster(t).Addrs(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// open returns a store that logs nothing unless it is told where to.
func open(t testing.TB, client redis.UniversalClient, opts redisstore.Options) *redisstore.Store {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := redisstore.New(t.Context(), client, opts)
	require.NoError(t, err)
	return s
}
