package redisstore_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

// Texts that a name of a key, a script or a packed record could trip over.
func TestOddData(t *testing.T) {
	t.Parallel()
	s := open(t, connect(t), redisstore.Options{})
	ctx := t.Context()
	for _, odd := range []string{
		"a\x00b", "\x00", "🦊 ключ", "\xff\xfe", "{x}", "}{", "*?[a]", "a:b:c", "3:web", " ", "1 2 3", "\r\n$3\r\nDEL\r\n", "'; return 1 --",
		strings.Repeat("ä", 5000), strings.Repeat("\x00", 10_000),
	} {
		user, client := "u"+odd, "c"+odd
		code := newCode()
		code.UserID, code.ClientID, code.RedirectURI, code.Resources = user, client, odd, model.Resources(odd)
		require.NoError(t, s.SaveAuthorizationCode(ctx, code))
		got, err := s.GetAuthorizationCode(ctx, code.Key)
		require.NoError(t, err)
		assert.Equal(t, code, got)

		token := newToken(code.Key.Grant)
		token.UserID, token.ClientID, token.GrantResources = user, client, model.Resources(odd)
		token.Extra = json.RawMessage(odd)
		require.NoError(t, s.RedeemAuthorizationCode(ctx, code.Key, token))
		back, err := s.GetAccessToken(ctx, token.AccessKey())
		require.NoError(t, err)
		assert.Equal(t, token, back)

		for _, filter := range []model.GrantFilter{{UserID: user}, {ClientID: client}} {
			list, err := s.ListGrants(ctx, filter, t0, 0)
			require.NoError(t, err)
			if assert.Len(t, list, 1) {
				assert.Equal(t, token.GrantResources, list[0].Resources)
			}
		}

		consent := newConsent()
		consent.UserID, consent.ClientID, consent.Resource = user, client, odd
		require.NoError(t, s.AddConsent(ctx, consent))
		consents, err := s.ListConsents(ctx, user, client)
		require.NoError(t, err)
		assert.Equal(t, []model.Consent{*consent}, consents)
		require.NoError(t, s.DeleteConsents(ctx, model.GrantFilter{ClientID: client}))
		consents, err = s.ListConsents(ctx, user, "")
		require.NoError(t, err)
		assert.Empty(t, consents)

		device := newDevice()
		device.ClientID, device.Scope = client, model.Scope(odd)
		require.NoError(t, s.SaveDeviceCode(ctx, device))
		seen, err := s.GetDeviceCode(ctx, device.UserCode)
		require.NoError(t, err)
		assert.Equal(t, device, seen)
		require.NoError(t, s.DecideDeviceCode(ctx, device.Key, model.DeviceApproved, user, "read"))
		n, err := s.RevokeDeviceCodes(ctx, model.GrantFilter{UserID: user})
		require.NoError(t, err)
		assert.Equal(t, 1, n)

		_, err = s.Take(ctx, odd, 1, model.Rate{Interval: time.Second, Burst: 1}, t0)
		require.NoError(t, err)
	}
}

// A record that somebody else wrote, or a later version, is a fault and not a panic.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	client := connect(t)
	s := open(t, client, redisstore.Options{})
	ctx := t.Context()
	token := newToken(newGrant())
	require.NoError(t, s.SaveToken(ctx, token))
	key, field := "oauth:{"+token.GrantID.String()+"}", "a"+string(token.Access[:])
	whole, err := client.HGet(ctx, key, field).Result()
	require.NoError(t, err)
	for n := range len(whole) - 1 {
		require.NoError(t, client.HSet(ctx, key, field, whole[:n+1]).Err())
		_, err := s.GetAccessToken(ctx, token.AccessKey())
		require.ErrorContains(t, err, "damaged", n)
	}
	require.NoError(t, client.HSet(ctx, key, field, strings.Replace(whole, " \x01", " \x02", 1)).Err())
	_, err = s.GetAccessToken(ctx, token.AccessKey())
	require.ErrorContains(t, err, "later version")
}
