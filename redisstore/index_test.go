package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

// For as long as a grant or an approved device code is there, it is found by its user
// and by its client.
func TestIndexOutlivesTheGrant(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]redis.UniversalClient{"one server": connect(t), "cluster": connectCluster(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ctx := open(t, client, redisstore.Options{}), t.Context()
			indexed := func(what string, id model.GrantID, life time.Duration, users ...string) {
				t.Helper()
				grant, err := client.PTTL(ctx, "oauth:{"+id.String()+"}").Result()
				require.NoError(t, err)
				assert.Greater(t, grant, life, what)
				assert.LessOrEqual(t, grant, life+redisstore.DefaultClockSkew, what)
				keys := []string{}
				for _, user := range users {
					keys = append(keys, "oauth:user:"+user)
				}
				for _, client := range []string{"web", "tv"} {
					keys = append(keys, fmt.Sprintf("oauth:of:%x:%s", id[0]%16, client))
				}
				found := 0
				for _, key := range keys {
					score, err := client.ZScore(ctx, key, string(id[:])).Result()
					if err != nil {
						require.ErrorIs(t, err, redis.Nil, what)
						continue
					}
					found++
					index, err := client.PTTL(ctx, key).Result()
					require.NoError(t, err)
					assert.Greater(t, index, grant, "%s: %s", what, key)
					assert.Greater(t, time.UnixMilli(int64(score)), time.Now().Add(grant), "%s: %s", what, key)
				}
				assert.Equal(t, 1+len(users), found, what)
			}

			const family = 90 * 24 * time.Hour
			code := newCode()
			require.NoError(t, s.SaveAuthorizationCode(ctx, code))
			indexed("saved code", code.Key.Grant, 10*time.Minute, "alice")
			token := newToken(code.Key.Grant)
			require.NoError(t, s.RedeemAuthorizationCode(ctx, code.Key, token))
			indexed("redeemed code", code.Key.Grant, family, "alice")
			next := newToken(code.Key.Grant)
			next.IssuedAt = t0.Add(family / 2) // a clock that ran ahead shortens nothing
			require.NoError(t, s.RotateRefreshToken(ctx, token.RefreshKey(), [32]byte{1}, next))
			indexed("rotated", code.Key.Grant, family, "alice")

			token = newToken(newGrant())
			require.NoError(t, s.SaveToken(ctx, token))
			indexed("saved token", token.GrantID, family, "alice")

			machine := newMachineToken()
			require.NoError(t, s.SaveToken(ctx, machine))
			indexed("machine", machine.GrantID, time.Hour)

			device := newDevice()
			require.NoError(t, s.SaveDeviceCode(ctx, device))
			indexed("device code", device.Key.Grant, 20*time.Minute)
			require.NoError(t, s.DecideDeviceCode(ctx, device.Key, model.DeviceApproved, "alice", "read"))
			indexed("approved device code", device.Key.Grant, 20*time.Minute, "alice")
			token = newToken(device.Key.Grant)
			token.ClientID = "tv"
			require.NoError(t, s.RedeemDeviceCode(ctx, device.Key, token))
			indexed("redeemed device code", device.Key.Grant, family, "alice")
		})
	}
}

// Many entries may have one score, more than are looked at in one round trip.
func TestIndexWithEqualScores(t *testing.T) {
	t.Parallel()
	client := connect(t)
	s, ctx := open(t, client, redisstore.Options{}), t.Context()
	const n = 1700
	var entries []redis.Z
	for i := range n {
		code := newCode()
		require.NoError(t, s.SaveAuthorizationCode(ctx, code))
		score := float64(time.Now().Add(time.Hour).UnixMilli())
		if i > 300 {
			score = 1e13
		}
		entries = append(entries, redis.Z{Score: score, Member: string(code.Key.Grant[:])})
	}
	require.NoError(t, client.ZAdd(ctx, "oauth:user:alice", entries...).Err())
	revoked, err := s.RevokeGrants(ctx, model.GrantFilter{UserID: "alice"})
	require.NoError(t, err)
	assert.Equal(t, n, revoked)
}
