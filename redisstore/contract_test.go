package redisstore_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

func TestContract(t *testing.T) {
	client := connect(t)
	s := open(t, client, redisstore.Options{})
	modeltest.Run(t, func(*testing.T) model.Model { return s })
	everythingEnds(t, client)
}

func TestContractInCluster(t *testing.T) {
	client := connectCluster(t)
	s := open(t, client, redisstore.Options{})
	modeltest.Run(t, func(*testing.T) model.Model { return s })
	everythingEnds(t, client)
}

// everythingEnds says that no key lives without end, but a client that was
// registered without one.
func everythingEnds(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	all := keys(t, client)
	assert.NotEmpty(t, all)
	for _, key := range all {
		ttl, err := client.PTTL(t.Context(), key).Result()
		require.NoError(t, err)
		if !strings.HasPrefix(key, "oauth:client:") {
			assert.NotEqual(t, int64(-1), int64(ttl), "%q has no time to live", key)
		}
	}
}

// keys returns the names of all keys.
func keys(t *testing.T, client redis.UniversalClient) (all []string) {
	t.Helper()
	var mu sync.Mutex
	scan := func(ctx context.Context, c *redis.Client) error {
		for it := c.Scan(ctx, 0, "", 1000).Iterator(); ; {
			if !it.Next(ctx) {
				return it.Err()
			}
			mu.Lock()
			all = append(all, it.Val())
			mu.Unlock()
		}
	}
	var err error
	switch c := client.(type) {
	case *redis.Client:
		err = scan(t.Context(), c)
	case *redis.ClusterClient:
		err = c.ForEachMaster(t.Context(), scan)
	}
	require.NoError(t, err)
	return all
}
