package redisstore_test

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

// logOf returns what New has to say, line by line.
func logOf(t *testing.T, client redis.UniversalClient) string {
	t.Helper()
	var b bytes.Buffer
	open(t, client, redisstore.Options{Logger: slog.New(slog.NewTextHandler(&b, nil))})
	return b.String()
}

func TestNewWarnsOfWhatCanBeLost(t *testing.T) {
	t.Parallel()
	client := dial(t, testserver.OwnRedis(t).DSN())
	for _, row := range []struct {
		name, setting, value string
		want                 []string
	}{
		{"nothing", "appendfsync", "always", nil},
		{"everysec", "appendfsync", "everysec", []string{"level=WARN", "appendfsync is everysec", "last second", "appendfsync to always"}},
		{"no fsync", "appendfsync", "no", []string{"level=WARN", "appendfsync is no", "half a minute", "appendfsync to always"}},
		{"no append-only file", "appendonly", "no", []string{"level=WARN", "no append-only file", "last snapshot", "appendonly to yes"}},
		{"evicting", "maxmemory-policy", "volatile-lru", []string{"level=WARN", "maxmemory-policy is volatile-lru", "revoked", "noeviction"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			before, err := client.ConfigGet(t.Context(), row.setting).Result()
			require.NoError(t, err)
			require.NoError(t, client.ConfigSet(t.Context(), row.setting, row.value).Err())
			said := logOf(t, client)
			require.NoError(t, client.ConfigSet(t.Context(), row.setting, before[row.setting]).Err())
			assert.Equal(t, len(row.want) == 0, said == "", said)
			for _, want := range row.want {
				assert.Contains(t, said, want)
			}
		})
	}
}

func TestNewWarnsOfDeadlinesThatAreNotKept(t *testing.T) {
	t.Parallel()
	opts := options(t, servers.Redis(t).Database(t))
	opts.ContextTimeoutEnabled = false
	said := logOf(t, newClientOf(t, opts))
	assert.Contains(t, said, "level=WARN")
	assert.Contains(t, said, "ContextTimeoutEnabled")
}

// A managed service forbids CONFIG. That is no reason not to start.
func TestNewSaysWhatItMayNotAsk(t *testing.T) {
	t.Parallel()
	s := testserver.OwnRedis(t)
	admin := dial(t, s.DSN())
	for _, denied := range []string{"-config", "-@dangerous"} {
		require.NoError(t, admin.Do(t.Context(), "acl", "setuser", "app", "reset", "on", ">password", "~oauth:*", "+@all", denied).Err())
		opts := options(t, s.DSN())
		opts.Username, opts.Password = "app", "password"
		client := newClientOf(t, opts)
		said := logOf(t, client)
		assert.Contains(t, said, "level=INFO")
		assert.Contains(t, said, "could not be checked")
		assert.NotContains(t, said, "level=WARN")
		for what, err := range everyVerb(t.Context(), open(t, client, redisstore.Options{})) {
			assert.NoError(t, err, what)
		}
	}
}

func TestNewSaysThatThePasswordIsWrong(t *testing.T) {
	t.Parallel()
	s := testserver.OwnRedis(t)
	require.NoError(t, dial(t, s.DSN()).ConfigSet(t.Context(), "requirepass", "password").Err())
	opts := options(t, s.DSN())
	for _, password := range []string{"", "wrong"} {
		opts.Password = password
		_, err := redisstore.New(t.Context(), newClientOf(t, opts), redisstore.Options{})
		require.ErrorContains(t, err, "cannot be asked for its state")
		require.Regexp(t, "NOAUTH|WRONGPASS", err.Error())
	}
}

func TestNewRefusesAReplica(t *testing.T) {
	t.Parallel()
	master, replica := dial(t, testserver.OwnRedis(t).DSN()), dial(t, testserver.OwnRedis(t).DSN())
	host, port := master.Options().Addr[:len("127.0.0.1")], master.Options().Addr[len("127.0.0.1:"):]
	require.NoError(t, replica.ReplicaOf(t.Context(), host, port).Err())
	_, err := redisstore.New(t.Context(), replica, redisstore.Options{})
	require.ErrorContains(t, err, "is a replica")
	require.ErrorContains(t, err, replica.Options().Addr)
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := connect(t)
	cluster := func(change func(*redis.ClusterOptions)) redis.UniversalClient {
		o := &redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}}
		change(o)
		c := redis.NewClusterClient(o)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}})
	t.Cleanup(func() { _ = ring.Close() })
	for _, row := range []struct {
		name   string
		client redis.UniversalClient
		opts   redisstore.Options
		want   string
	}{
		{"no client", nil, redisstore.Options{}, "the client is nil"},
		{"a ring", ring, redisstore.Options{}, "redis.Ring"},
		{"reads from replicas", cluster(func(o *redis.ClusterOptions) { o.ReadOnly = true }), redisstore.Options{}, "ReadOnly"},
		{"the nearest replica", cluster(func(o *redis.ClusterOptions) { o.RouteByLatency = true }), redisstore.Options{}, "RouteByLatency"},
		{"any replica", cluster(func(o *redis.ClusterOptions) { o.RouteRandomly = true }), redisstore.Options{}, "RouteRandomly"},
		{"braces", good, redisstore.Options{Prefix: "{oauth}:"}, "Options.Prefix"},
		{"negative skew", good, redisstore.Options{ClockSkew: -time.Second}, "Options.ClockSkew"},
		{"nobody there", newClientOf(t, &redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1}), redisstore.Options{}, "127.0.0.1:1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, err := redisstore.New(t.Context(), row.client, row.opts)
			require.ErrorContains(t, err, row.want)
		})
	}
	t.Run("all at once", func(t *testing.T) {
		t.Parallel()
		_, err := redisstore.New(t.Context(), nil, redisstore.Options{Prefix: "{", ClockSkew: -1})
		for _, want := range []string{"the client is nil", "Options.Prefix", "Options.ClockSkew"} {
			require.ErrorContains(t, err, want)
		}
	})
}

func TestNewRefusesOneNodeOfACluster(t *testing.T) {
	t.Parallel()
	node := testserver.RedisCluster(t).Addrs()[0]
	_, err := redisstore.New(t.Context(), newClientOf(t, &redis.Options{Addr: node}), redisstore.Options{})
	require.ErrorContains(t, err, "use redis.NewClusterClient")
}
