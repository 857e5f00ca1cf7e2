package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

// shortLived returns a store whose records go as soon as they may.
func shortLived(t *testing.T) (*redisstore.Store, func() []string) {
	t.Helper()
	client := connect(t)
	return open(t, client, redisstore.Options{ClockSkew: time.Millisecond}), func() []string { return keys(t, client) }
}

// until asks again and again, as only the server knows when a key has gone.
func until(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		<-tick.C
	}
}

// The relative lifetimes are what counts: by these times all of it expired long ago,
// or is far in the future.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	s, keys := shortLived(t)
	ctx, life := t.Context(), 300*time.Millisecond
	short := func(token *model.Token) *model.Token {
		token.AccessExpiresAt, token.RefreshExpiresAt, token.GrantExpiresAt = t0.Add(life/3), t0.Add(life/2), t0.Add(life)
		return token
	}
	code := newCode()
	code.ExpiresAt, code.RetainUntil = t0.Add(life/3), t0.Add(life/2)
	require.NoError(t, s.SaveAuthorizationCode(ctx, code))
	first, next := short(newToken(code.Key.Grant)), short(newToken(code.Key.Grant))
	require.NoError(t, s.RedeemAuthorizationCode(ctx, code.Key, first))
	require.NoError(t, s.RotateRefreshToken(ctx, first.RefreshKey(), [32]byte{1}, next))
	revoked := short(newToken(newGrant()))
	require.NoError(t, s.SaveToken(ctx, revoked))
	require.NoError(t, s.RevokeGrant(ctx, revoked.GrantID))

	device := newDevice()
	device.ExpiresAt, device.RetainUntil = t0.Add(life/2), t0.Add(life)
	require.NoError(t, s.SaveDeviceCode(ctx, device))
	require.NoError(t, s.DecideDeviceCode(ctx, device.Key, model.DeviceApproved, "alice", "read"))
	require.NoError(t, s.RedeemDeviceCode(ctx, device.Key, short(newToken(device.Key.Grant))))

	consent := newConsent()
	consent.ExpiresAt = t0.Add(life)
	require.NoError(t, s.AddConsent(ctx, consent))
	client := newClient()
	client.RegisteredAt, client.ExpiresAt = t0, t0.Add(life)
	require.NoError(t, s.CreateClient(ctx, client))
	_, err := s.Take(ctx, "key", 1, model.Rate{Interval: life, Burst: 1}, t0)
	require.NoError(t, err)

	assert.NotEmpty(t, keys())
	until(t, func() bool { return len(keys()) == 0 })
}

// A client that was used is one that does not expire any more.
func TestClientThatWasUsedStays(t *testing.T) {
	t.Parallel()
	redis := connect(t)
	s := open(t, redis, redisstore.Options{})
	client := newClient()
	client.RegisteredAt, client.ExpiresAt = t0, t0.Add(time.Hour)
	require.NoError(t, s.CreateClient(t.Context(), client))
	ttl, err := redis.PTTL(t.Context(), "oauth:client:"+client.ID).Result()
	require.NoError(t, err)
	assert.Greater(t, ttl, time.Hour)
	require.NoError(t, s.UpdateClient(t.Context(), client.ID, func(c *model.Client) error {
		c.ExpiresAt = time.Time{}
		return nil
	}))
	ttl, err = redis.PTTL(t.Context(), "oauth:client:"+client.ID).Result()
	require.NoError(t, err)
	assert.EqualValues(t, -1, ttl)
}

// A family that is refreshed every hour does not pile up what is spent.
func TestRotationDropsWhatIsPast(t *testing.T) {
	t.Parallel()
	redis := connect(t)
	s := open(t, redis, redisstore.Options{})
	ctx, now := t.Context(), t0
	code := newCode()
	require.NoError(t, s.SaveAuthorizationCode(ctx, code))
	at := func() *model.Token {
		token := newToken(code.Key.Grant)
		token.IssuedAt, token.AccessExpiresAt, token.RefreshExpiresAt = now, now.Add(time.Hour), now.Add(10*time.Hour)
		return token
	}
	tokens := []*model.Token{at()}
	require.NoError(t, s.RedeemAuthorizationCode(ctx, code.Key, tokens[0]))
	size := func() int64 {
		n, err := redis.HLen(ctx, "oauth:{"+code.Key.Grant.String()+"}").Result()
		require.NoError(t, err)
		return n
	}
	var largest int64
	for i := range 60 {
		now = now.Add(time.Hour)
		next := at()
		require.NoError(t, s.RotateRefreshToken(ctx, tokens[i].RefreshKey(), [32]byte{byte(i + 1)}, next))
		tokens = append(tokens, next)
		if i < 20 {
			largest = max(largest, size())
		}
	}
	assert.LessOrEqual(t, size(), largest)
	assert.LessOrEqual(t, largest, int64(2*12+10), "two fields for each pair")
	for i, token := range tokens {
		got, err := s.GetRefreshToken(ctx, token.RefreshKey())
		_, accessErr := s.GetAccessToken(ctx, token.AccessKey())
		if mustBeThere := now.Before(token.RefreshExpiresAt); !mustBeThere && err != nil {
			require.ErrorIs(t, err, model.ErrNotFound)
			require.ErrorIs(t, accessErr, model.ErrNotFound)
			continue
		}
		require.NoError(t, err, i)
		require.NoError(t, accessErr, i)
		assert.Equal(t, i < 60, !got.SpentAt.IsZero())
		assert.Equal(t, i == 59, got.Seed == [32]byte{60})
	}
	_, err := s.GetRefreshToken(ctx, tokens[40].RefreshKey())
	require.ErrorIs(t, err, model.ErrNotFound)
	_, err = s.GetAuthorizationCode(ctx, code.Key)
	require.ErrorIs(t, err, model.ErrNotFound, "its retention has ended")
}

// What is written to an index forgets what is past in it.
func TestIndexDoesNotGrow(t *testing.T) {
	t.Parallel()
	redis := connect(t)
	s := open(t, redis, redisstore.Options{ClockSkew: time.Millisecond})
	ctx := t.Context()
	require.NoError(t, s.SaveToken(ctx, newToken(newGrant()))) // holds the index
	shrank, before := false, int64(0)
	until(t, func() bool {
		token := newToken(newGrant())
		token.AccessExpiresAt, token.RefreshExpiresAt, token.GrantExpiresAt = t0.Add(20*time.Millisecond), t0.Add(20*time.Millisecond), t0.Add(20*time.Millisecond)
		require.NoError(t, s.SaveToken(ctx, token))
		n, err := redis.ZCard(ctx, "oauth:user:alice").Result()
		require.NoError(t, err)
		shrank, before = shrank || n < before, n
		return shrank
	})
	got, err := s.ListGrants(ctx, model.GrantFilter{UserID: "alice"}, t0, 0)
	require.NoError(t, err)
	assert.NotEmpty(t, got)
}

// Two stores with different prefixes know nothing of each other.
func TestPrefixesAreApart(t *testing.T) {
	t.Parallel()
	client := connect(t)
	a, b := open(t, client, redisstore.Options{Prefix: "a:"}), open(t, client, redisstore.Options{Prefix: "b:"})
	token := newToken(newGrant())
	require.NoError(t, a.SaveToken(t.Context(), token))
	_, err := b.GetAccessToken(t.Context(), token.AccessKey())
	require.ErrorIs(t, err, model.ErrNotFound)
	require.NoError(t, b.SaveToken(t.Context(), token))
	require.NoError(t, b.RevokeGrant(t.Context(), token.GrantID))
	_, err = a.GetAccessToken(t.Context(), token.AccessKey())
	require.NoError(t, err)
}

// What came before the tokens goes too, once it need not be kept.
func TestRotationDropsTheDeviceCode(t *testing.T) {
	t.Parallel()
	s := open(t, connect(t), redisstore.Options{})
	ctx, device := t.Context(), newDevice()
	require.NoError(t, s.SaveDeviceCode(ctx, device))
	require.NoError(t, s.DecideDeviceCode(ctx, device.Key, model.DeviceApproved, "alice", "read"))
	token := newToken(device.Key.Grant)
	require.NoError(t, s.RedeemDeviceCode(ctx, device.Key, token))
	for _, row := range []struct {
		at   time.Time
		want error
	}{
		{device.RetainUntil.Add(redisstore.DefaultClockSkew - time.Millisecond), model.ErrSpent},
		{device.RetainUntil.Add(redisstore.DefaultClockSkew), model.ErrNotFound},
	} {
		next := newToken(device.Key.Grant)
		next.IssuedAt = row.at
		require.NoError(t, s.RotateRefreshToken(ctx, token.RefreshKey(), [32]byte{1}, next))
		require.ErrorIs(t, s.RedeemDeviceCode(ctx, device.Key, newToken(device.Key.Grant)), row.want)
		token = next
	}
	_, err := s.GetDeviceCode(ctx, device.UserCode)
	require.ErrorIs(t, err, model.ErrNotFound)
}

func TestConsentDropsWhatIsPast(t *testing.T) {
	t.Parallel()
	s := open(t, connect(t), redisstore.Options{})
	ctx, old, later := t.Context(), newConsent(), newConsent()
	later.ClientID = "app"
	require.NoError(t, s.AddConsent(ctx, old))
	for _, row := range []struct {
		at   time.Time
		want int
	}{
		{old.ExpiresAt.Add(redisstore.DefaultClockSkew - time.Millisecond), 2},
		{old.ExpiresAt.Add(redisstore.DefaultClockSkew), 1},
	} {
		later.GivenAt, later.ExpiresAt = row.at, row.at.Add(time.Hour)
		require.NoError(t, s.AddConsent(ctx, later))
		got, err := s.ListConsents(ctx, "alice", "")
		require.NoError(t, err)
		assert.Len(t, got, row.want)
	}
}

// A token that had expired is rotated all the same, and its mark stays: a store reads
// no clock, and the caller may want to know.
func TestRotationKeepsTheTokenItSpent(t *testing.T) {
	t.Parallel()
	s := open(t, connect(t), redisstore.Options{})
	ctx, token := t.Context(), newToken(newGrant())
	require.NoError(t, s.SaveToken(ctx, token))
	next := newToken(token.GrantID)
	next.IssuedAt = token.RefreshExpiresAt.Add(24 * time.Hour)
	require.NoError(t, s.RotateRefreshToken(ctx, token.RefreshKey(), [32]byte{1}, next))
	got, err := s.GetRefreshToken(ctx, token.RefreshKey())
	require.NoError(t, err)
	assert.True(t, got.SpentAt.Equal(next.IssuedAt))
	assert.Equal(t, [32]byte{1}, got.Seed)
}

// What people type is in the keys of limits, now and then a password.
func TestLimitsKeepNoText(t *testing.T) {
	t.Parallel()
	client := connect(t)
	s, ctx := open(t, client, redisstore.Options{}), t.Context()
	_, err := s.Take(ctx, "password s3cret 192.0.2.1", 1, model.Rate{Interval: time.Minute, Burst: 3}, t0)
	require.NoError(t, err)
	names := keys(t, client)
	require.Len(t, names, 1)
	assert.True(t, strings.HasPrefix(names[0], "oauth:limit:"), names)
	assert.NotContains(t, names[0], "s3cret")
}

// While a new version is brought out, instances of the one before change clients, too.
func TestUpdateKeepsWhatALaterVersionKnows(t *testing.T) {
	t.Parallel()
	client := connect(t)
	s, ctx := open(t, client, redisstore.Options{}), t.Context()
	c := newClient()
	require.NoError(t, s.CreateClient(ctx, c))
	record, err := client.Get(ctx, "oauth:client:"+c.ID).Result()
	require.NoError(t, err)
	require.NoError(t, client.Set(ctx, "oauth:client:"+c.ID, strings.Replace(record, "{", `{"New":{"a":1},`, 1), 0).Err())
	require.NoError(t, s.UpdateClient(ctx, c.ID, func(c *model.Client) error {
		c.Name = ""
		return nil
	}))
	record, err = client.Get(ctx, "oauth:client:"+c.ID).Result()
	require.NoError(t, err)
	assert.Contains(t, record, `"New":{"a":1}`)
	got, err := s.GetClient(ctx, c.ID)
	require.NoError(t, err)
	assert.Empty(t, got.Name)
}
