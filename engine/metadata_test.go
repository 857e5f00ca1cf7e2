package engine_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestMetadata(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *engine.Config) { c.Grants = map[string]engine.Grant{customURN: grantFunc()} })
	r := httptest.NewRequest(http.MethodGet, "http://evil.test"+f.srv.MetadataPath(), nil)
	r.Header.Set("X-Forwarded-Host", "evil.test")
	a := f.do(r)
	got := a.json(t)
	t.Run("8414-3+9700-2.6 the document", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, http.StatusOK, a.Code)
		assert.Equal(t, map[string]any{
			"issuer":                                         issuer,
			"authorization_endpoint":                         issuer + "/oauth/authorize",
			"token_endpoint":                                 issuer + "/oauth/token",
			"revocation_endpoint":                            issuer + "/oauth/revoke",
			"introspection_endpoint":                         issuer + "/oauth/introspect",
			"device_authorization_endpoint":                  issuer + "/oauth/device_authorization",
			"revocation_endpoint_auth_methods_supported":     []any{"client_secret_basic", "client_secret_post", "none"},
			"introspection_endpoint_auth_methods_supported":  []any{"client_secret_basic", "client_secret_post", "none"},
			"scopes_supported":                               []any{"read", "write", "admin"},
			"response_types_supported":                       []any{"code"},
			"response_modes_supported":                       []any{"query"},
			"grant_types_supported":                          []any{"authorization_code", "client_credentials", "refresh_token", customURN, model.GrantDeviceCode},
			"token_endpoint_auth_methods_supported":          []any{"client_secret_basic", "client_secret_post", "none"},
			"code_challenge_methods_supported":               []any{"S256"},
			"authorization_response_iss_parameter_supported": true,
		}, got)
	})
	t.Run("attack-M02+9700-4.13 the host of the request does not matter", func(t *testing.T) {
		t.Parallel()
		assert.NotContains(t, a.Body.String(), "evil")
	})
	t.Run("9207-2.3+8414-3.3+attack-A16 the issuer is that of the answers", func(t *testing.T) {
		t.Parallel()
		_, q := f.authorize().location(t)
		assert.Equal(t, []string{got["issuer"].(string)}, q["iss"])
		_, q = f.authorize("response_type=token").location(t)
		assert.Equal(t, []string{got["issuer"].(string)}, q["iss"])
	})
	t.Run("8414-3.2 no empty array", func(t *testing.T) {
		t.Parallel()
		for name, v := range got {
			if list, ok := v.([]any); ok {
				assert.NotEmpty(t, list, name)
			}
		}
	})
	t.Run("8414-2 the password grant only where it is on", func(t *testing.T) {
		t.Parallel()
		assert.NotContains(t, a.Body.String(), "password")
		on := newFixture(t, withPassword)
		assert.Contains(t, string(on.srv.Metadata()), `"password"`)
	})
	t.Run("8414-2 endpoints as configured", func(t *testing.T) {
		t.Parallel()
		g := newFixture(t, func(c *engine.Config) { c.Endpoints.Token = "https://api.test/v2/token" })
		assert.Contains(t, string(g.srv.Metadata()), `"token_endpoint":"https://api.test/v2/token"`)
	})
	t.Run("K22 the document is the caller's own", func(t *testing.T) {
		t.Parallel()
		m := f.srv.Metadata()
		m[0] = 'x'
		require.True(t, json.Valid(f.srv.Metadata()))
	})
}

func TestMetadataPath(t *testing.T) {
	t.Parallel()
	for issuer, path := range map[string]string{
		"https://as.test":         "/.well-known/oauth-authorization-server",
		"https://as.test/":        "/.well-known/oauth-authorization-server",
		"https://as.test/tenant":  "/.well-known/oauth-authorization-server/tenant",
		"https://as.test/a/b%20c": "/.well-known/oauth-authorization-server/a/b%20c",
	} {
		t.Run("8414-3 "+issuer, func(t *testing.T) {
			t.Parallel()
			cfg := quietConfig()
			cfg.Issuer = issuer
			srv, err := engine.New(cfg)
			require.NoError(t, err)
			assert.Equal(t, path, srv.MetadataPath())
		})
	}
}
