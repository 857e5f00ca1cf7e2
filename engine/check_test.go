package engine_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// What is allowed and yet somebody should know: each setting alone gives one
// finding, New starts all the same and says it.
func TestCheckWarns(t *testing.T) {
	t.Parallel()
	require.Empty(t, engine.Check(quietConfig()))
	off := model.Rate{Interval: -1}
	tests := []struct {
		id, field string
		edit      func(*engine.Config)
	}{
		{"keys-random", "Keys", func(c *engine.Config) { c.Keys = nil }},
		{"password-grant", "CheckPassword", func(c *engine.Config) {
			c.CheckPassword = func(context.Context, *model.Client, string, string) (*model.User, error) { return nil, model.ErrNoUser }
		}},
		{"plain-pkce", "AllowPlainPKCE", func(c *engine.Config) { c.AllowPlainPKCE = true }},
		{"query-token", "AllowQueryToken", func(c *engine.Config) { c.AllowQueryToken = true }},
		{"body-token", "AllowBodyToken", func(c *engine.Config) { c.AllowBodyToken = true }},
		{"stale-access-tokens", "AllowStaleAccessTokens", func(c *engine.Config) { c.AllowStaleAccessTokens = time.Second }},
		{"insecure-issuer", "AllowInsecureIssuer", func(c *engine.Config) { c.AllowInsecureIssuer = true }},
		{"error-details", "AllowErrorDetails", func(c *engine.Config) { c.AllowErrorDetails = true }},
		{"registration-open", "Registration.AllowOpen", withRegistration()},
		{"document-loopback", "ClientIDDocuments.AllowLoopback", func(c *engine.Config) {
			c.ClientIDDocuments = &engine.ClientIDDocumentPolicy{Scope: "read", AllowLoopback: true}
		}},
		{"redirect-uri-policy", "ValidateRedirectURI", func(c *engine.Config) {
			c.ValidateRedirectURI = func(context.Context, *model.Client, string) (bool, error) { return true, nil }
		}},
		{"grace-off", "RefreshTokenGrace", func(c *engine.Config) { c.RefreshTokenGrace = -1 }},
		{"custom-tokens", "GenerateToken", func(c *engine.Config) {
			c.GenerateToken = func(context.Context, engine.TokenKind, *model.Token) (string, error) { return "", nil }
			c.TokenGrant = func(string) (g model.GrantID, ok bool) { return }
		}},
		{"limit-off", "RateLimits.Address", func(c *engine.Config) { c.RateLimits.Address = off }},
		{"limit-off", "RateLimits.Client", func(c *engine.Config) { c.RateLimits.Client = off }},
		{"limit-off", "RateLimits.Failures", func(c *engine.Config) { c.RateLimits.Failures = off }},
		{"limit-off", "RateLimits.Registrations", func(c *engine.Config) { c.RateLimits.Registrations = off }},
		{"limit-off", "RateLimits.DeviceCodes", func(c *engine.Config) { c.RateLimits.DeviceCodes = off }},
		{"code-lifetime-generous", "CodeLifetime", func(c *engine.Config) { c.CodeLifetime = 5 * time.Minute }},
		{"access-token-lifetime-long", "AccessTokenLifetime", func(c *engine.Config) { c.AccessTokenLifetime = 48 * time.Hour }},
		{"grant-lifetime-long", "GrantLifetime", func(c *engine.Config) { c.GrantLifetime = 10 * 365 * 24 * time.Hour }},
		{"grace-generous", "RefreshTokenGrace", func(c *engine.Config) { c.RefreshTokenGrace = 5 * time.Minute }},
		{"refresh-longer-than-grant", "RefreshTokenLifetime", func(c *engine.Config) { c.GrantLifetime = 7 * 24 * time.Hour }},
		{"access-longer-than-refresh", "AccessTokenLifetime", func(c *engine.Config) { c.RefreshTokenLifetime = time.Minute }},
		{"endpoint-elsewhere", "Endpoints.Token", func(c *engine.Config) { c.Endpoints.Token = "https://tokens.test/token" }},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.field, func(t *testing.T) {
			t.Parallel()
			cfg := quietConfig()
			tt.edit(&cfg)
			found := engine.Check(cfg)
			require.Len(t, found, 1)
			assert.Equal(t, tt.id, found[0].ID)
			assert.Equal(t, tt.field, found[0].Field)
			assert.NotEmpty(t, found[0].Reason)
			assert.NotEmpty(t, found[0].Fix)
			assert.False(t, found[0].Fatal)
			var log bytes.Buffer
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			_, err := engine.New(cfg)
			require.NoError(t, err)
			assert.Contains(t, log.String(), "level=WARN")
			assert.Contains(t, log.String(), "id="+tt.id)
		})
	}
}

// A nil pointer in an interface is not nil, and would be found at first use.
func TestCheckFindsNilStores(t *testing.T) {
	t.Parallel()
	var store *memstore.Store
	for field, edit := range map[string]func(*engine.Config){
		"Model":     func(c *engine.Config) { c.Model = store },
		"Consents":  func(c *engine.Config) { c.Consents = store },
		"GrantList": func(c *engine.Config) { c.GrantList = store },
		"Clients":   func(c *engine.Config) { c.Clients = store },
		"Devices":   func(c *engine.Config) { c.Devices = store },
		"Limits":    func(c *engine.Config) { c.Limits = store },
	} {
		cfg := quietConfig()
		edit(&cfg)
		found := engine.Check(cfg)
		require.Len(t, found, 1, field)
		assert.Equal(t, "Config."+field+" is a *memstore.Store that is nil: see that it was made, or leave the field out", found[0].String())
		assert.Equal(t, "storage-nil", found[0].ID)
		_, err := engine.New(cfg)
		require.ErrorContains(t, err, "engine: "+found[0].String())
	}
}

// New refuses just what Check calls fatal, and says it in the same words.
func TestCheckFatal(t *testing.T) {
	t.Parallel()
	cfg := engine.Config{Issuer: "http://auth.example?x", TokenPrefix: "my token", AllowQueryToken: true}
	cfg.RateLimits.Client = model.Rate{Burst: 5}
	cfg.RateLimits.Failures = model.Rate{Interval: time.Hour, Burst: 100}
	found := engine.Check(cfg)
	var fatal, ids []string
	for _, f := range found {
		if f.Fatal {
			ids = append(ids, f.ID)
			fatal = append(fatal, f.String())
		}
	}
	assert.Equal(t, []string{"model-missing", "issuer-not-https", "issuer-query", "scopes-empty", "limit-incomplete", "limit-long", "token-prefix-malformed"}, ids)
	_, err := engine.New(cfg)
	require.Error(t, err)
	for _, s := range fatal {
		assert.ErrorContains(t, err, "engine: "+s)
	}
	assert.NotContains(t, err.Error(), "AllowQueryToken")
	assert.True(t, slices.IsSortedFunc(found, func(a, b engine.Finding) int {
		switch {
		case a.Fatal == b.Fatal:
			return 0
		case a.Fatal:
			return -1
		}
		return 1
	}), "what is fatal comes first")
	assert.Empty(t, cfg.Realm, "nothing is changed")
}

func TestFindingString(t *testing.T) {
	t.Parallel()
	f := engine.Finding{ID: "x", Field: "Keys", Reason: "is empty", Fix: "give one", Section: "RFC 1, section 2"}
	assert.Equal(t, "Config.Keys is empty: give one (RFC 1, section 2)", f.String())
	assert.Equal(t, "Config.Keys is empty", engine.Finding{Field: "Keys", Reason: "is empty"}.String())
}
