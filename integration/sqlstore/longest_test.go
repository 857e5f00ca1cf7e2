package sqlstore

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// noise is text of n bytes that no database can compress to fit an index.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)[:n]
}

// The longest values that the store takes come back as they are, and are found. What is longer is refused: see the unit
// tests.
func TestLongestValues(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, _ := p.fresh(t)
		ctx := t.Context()
		user, client := noise(2048-8)+"🦊🦊", noise(255)
		code, token := newCode(), newToken(salt())
		code.UserID, code.ClientID, code.RedirectURI, code.Scope, code.Resources = user, client, "https://"+noise(1<<16-9), model.Scope(noise(1<<16-1)), model.Resources(noise(1<<16-1))
		require.NoError(t, store.SaveAuthorizationCode(ctx, code))
		got, err := store.GetAuthorizationCode(ctx, code.Key)
		require.NoError(t, err)
		assert.Equal(t, code, got)

		token.UserID, token.ClientID = user, client
		token.Scope, token.GrantScope, token.Resources, token.GrantResources = code.Scope, model.Scope(noise(1<<16-1)), code.Resources, model.Resources(noise(1<<16-1))
		token.Extra = json.RawMessage(`{"a":"` + strings.Repeat("é", 1<<20) + `"}`)
		require.NoError(t, store.SaveToken(ctx, token))
		for _, get := range []func() (*model.Token, error){
			func() (*model.Token, error) { return store.GetAccessToken(ctx, token.AccessKey()) },
			func() (*model.Token, error) { return store.GetRefreshToken(ctx, token.RefreshKey()) },
		} {
			got, err := get()
			require.NoError(t, err)
			assert.JSONEq(t, string(token.Extra), string(got.Extra))
			got.Extra = token.Extra
			assert.Equal(t, token, got)
		}

		filter := model.GrantFilter{UserID: user, ClientID: client}
		grants, err := store.ListGrants(ctx, filter, issued, 0)
		require.NoError(t, err)
		assert.Len(t, grants, 2)
		consent := &model.Consent{UserID: user, ClientID: client, Resource: noise(1<<16 - 1), Scope: code.Scope, GivenAt: issued, ExpiresAt: issued.Add(time.Hour)}
		require.NoError(t, store.AddConsent(ctx, consent))
		consents, err := store.ListConsents(ctx, user, client)
		require.NoError(t, err)
		require.Len(t, consents, 1)
		assert.Equal(t, *consent, consents[0])
		more := *consent
		more.Scope = "one-more"
		require.ErrorContains(t, store.AddConsent(ctx, &more), "the scope is not UTF-8 text without NUL of at most 65535 bytes")

		_, err = store.Take(ctx, noise(1<<16), 1, model.Rate{Interval: time.Second, Burst: 1}, issued)
		require.NoError(t, err)
		n, err := store.RevokeGrants(ctx, filter)
		require.NoError(t, err)
		assert.Equal(t, 2, n)
	})
}
