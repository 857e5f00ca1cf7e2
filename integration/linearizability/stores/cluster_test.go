package stores

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/storage"
	"github.com/gin-oauth/gin-oauth-server/integration/linearizability"
	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
)

// In a Redis Cluster each grant lives on one node, and what a grant is listed under may be on another.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	cluster := testserver.RedisCluster(t)
	dsn := cluster.DSN()
	t.Run("Contention", func(t *testing.T) { contention(t, dsn) })
	t.Run("KilledInstances", func(t *testing.T) { killedInstances(t, dsn) })
	t.Run("KilledNode", func(t *testing.T) { killedNode(t, cluster) })
}

// killedNode kills one node. Without replicas the others soon answer nothing any more, until it is there again.
func killedNode(t *testing.T, cluster *testserver.Cluster) {
	store := among(linearizability.On(storage.ForTest(t, cluster.DSN())), linearizability.On(storage.ForTest(t, cluster.DSN())))
	restart := func(stalled <-chan struct{}) {
		cluster.Nodes[1].Kill(t)
		<-stalled
		cluster.Nodes[1].Start(t)
		for _, addr := range cluster.Addrs() {
			node := redis.NewClient(&redis.Options{Addr: addr})
			require.Eventually(t, func() bool {
				info, err := node.ClusterInfo(t.Context()).Result()
				return err == nil && strings.Contains(info, "cluster_state:ok")
			}, time.Minute, 20*time.Millisecond)
			assert.NoError(t, node.Close())
		}
		recovered(t, store)
	}
	lost := check(t, linearizability.Load{Seed: 1, Grants: 6, Troubles: []func(<-chan struct{}){restart}}, store)
	assert.GreaterOrEqual(t, lost, 8)
}
