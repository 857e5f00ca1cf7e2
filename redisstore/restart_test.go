package redisstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

// What was acknowledged is there after the server was killed, and the store goes on by
// itself.
func TestServerIsKilled(t *testing.T) {
	t.Parallel()
	cluster := testserver.RedisCluster(t)
	clusterClient := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), ContextTimeoutEnabled: true, DialerRetries: 1})
	t.Cleanup(func() { _ = clusterClient.Close() })
	one := testserver.OwnRedis(t)
	for name, row := range map[string]struct {
		client  redis.UniversalClient
		servers []*testserver.Server
	}{"one server": {dial(t, one.DSN()), []*testserver.Server{one}}, "cluster": {clusterClient, cluster.Nodes}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ctx := open(t, row.client, redisstore.Options{}), t.Context()
			var live, revoked []*model.Token
			for range 20 { // on every node of the cluster
				a, b := newToken(newGrant()), newToken(newGrant())
				require.NoError(t, s.SaveToken(ctx, a))
				require.NoError(t, s.SaveToken(ctx, b))
				require.NoError(t, s.RevokeGrant(ctx, b.GrantID))
				live, revoked = append(live, a), append(revoked, b)
			}
			for _, server := range row.servers {
				server.Kill(t)
			}
			short, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			err := s.RevokeGrant(short, live[0].GrantID)
			require.Error(t, err)
			require.NotErrorIs(t, err, model.ErrNotFound)
			for _, server := range row.servers {
				server.Start(t)
			}
			until(t, func() bool { // every node answers again
				for _, token := range live {
					if _, err := s.GetAccessToken(ctx, token.AccessKey()); err != nil {
						return false
					}
				}
				return true
			})
			for i := range live {
				_, err := s.GetAccessToken(ctx, revoked[i].AccessKey())
				require.ErrorIs(t, err, model.ErrNotFound)
				require.NoError(t, s.RotateRefreshToken(ctx, live[i].RefreshKey(), [32]byte{1}, newToken(live[i].GrantID)))
			}
			n, err := s.RevokeGrants(ctx, model.GrantFilter{ClientID: "web"})
			require.NoError(t, err)
			assert.Equal(t, len(live), n)
		})
	}
}

// restarter kills the server behind the back of who goes through an index, and starts
// it again, after the first of several looks at the index.
type restarter struct {
	looked  bool
	restart func()
}

func (r *restarter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *restarter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (r *restarter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if strings.HasPrefix(cmd.Name(), "z") && !r.looked {
			r.looked = true
			r.restart()
		}
		return err
	}
}

// No grant is passed over by who goes through an index while the server starts anew, or
// a replica takes its place: where a ZSCAN has got to means nothing to the next server.
func TestServerIsKilledInTheMiddleOfAnIndex(t *testing.T) {
	t.Parallel()
	server := testserver.OwnRedis(t)
	client := dial(t, server.DSN())
	s, ctx := open(t, client, redisstore.Options{}), t.Context()
	const n = 3000
	for range n {
		require.NoError(t, s.SaveAuthorizationCode(ctx, newCode()))
	}
	client.AddHook(&restarter{restart: func() {
		server.Kill(t)
		server.Start(t)
	}})
	alice := model.GrantFilter{UserID: "alice"}
	found, err := s.ListGrants(ctx, alice, t0, 0)
	require.NoError(t, err)
	assert.Equal(t, n, len(found)) //nolint:testifylint // Len would print them all
}
