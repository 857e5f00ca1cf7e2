package ginoauth_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
)

func TestRevokeAndIntrospect(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	_, tok := a.token(url.Values{"grant_type": {"authorization_code"}, "code": {a.code()}, "redirect_uri": {callback}, "code_verifier": {verifier}})
	access := tok["access_token"].(string)
	active := func() bool {
		res := a.do("POST", "/oauth/introspect", url.Values{"token": {access}}, http.Header{"Authorization": {basic("web", secret)}})
		require.Equal(t, http.StatusOK, res.StatusCode, res.body)
		var in engine.Introspection
		require.NoError(t, json.Unmarshal([]byte(res.body), &in))
		return in.Active
	}
	t.Run("7662-2.2 active", func(t *testing.T) { assert.True(t, active()) })
	t.Run("7009-2.1 revoked over HTTP", func(t *testing.T) {
		res := a.do("POST", "/oauth/revoke", url.Values{"token": {tok["refresh_token"].(string)}}, http.Header{"Authorization": {basic("web", secret)}})
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Empty(t, res.body)
		assert.False(t, active())
	})
	t.Run("7009-2.1+7662-2.3 a wrong secret", func(t *testing.T) {
		for _, path := range []string{"/oauth/revoke", "/oauth/introspect"} {
			res := a.do("POST", path, url.Values{"token": {access}}, http.Header{"Authorization": {basic("web", "guess")}})
			assert.Equal(t, http.StatusUnauthorized, res.StatusCode, path)
		}
	})
	t.Run("7009-2+7662-2 other methods", func(t *testing.T) {
		for _, path := range []string{"/oauth/revoke", "/oauth/introspect"} {
			res := a.do("GET", path, nil, nil)
			assert.Equal(t, http.StatusMethodNotAllowed, res.StatusCode, path)
			assert.Equal(t, "POST", res.Header.Get("Allow"))
		}
	})
}

func TestCORS(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.Resource = c.Issuer + "/api" })
	preflight := http.Header{"Origin": {"https://spa.test"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization"}}
	for _, path := range []string{"/oauth/token", "/oauth/revoke", engine.WellKnownPath, engine.ResourceWellKnownPath + "/api"} {
		t.Run("7009-2.3+9700-2.6 "+path, func(t *testing.T) {
			res := a.do("OPTIONS", path, nil, preflight)
			assert.Equal(t, http.StatusNoContent, res.StatusCode)
			assert.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
			assert.Contains(t, res.Header.Get("Access-Control-Allow-Headers"), "Authorization")
			assert.Empty(t, res.Header.Get("Access-Control-Allow-Credentials"))
			res = a.do("GET", path, nil, http.Header{"Origin": {"https://spa.test"}})
			assert.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"), "errors too")
		})
	}
	for _, path := range []string{"/oauth/authorize", "/oauth/introspect"} {
		t.Run("9700-2.6+2.1-3.1 never "+path, func(t *testing.T) {
			for _, method := range []string{"OPTIONS", "GET", "POST"} {
				res := a.do(method, path, nil, preflight)
				assert.Empty(t, res.Header.Get("Access-Control-Allow-Origin"), method)
			}
		})
	}
}

func TestResourceMetadata(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) {
		c.Resource, c.ResourceName = c.Issuer+"/api", "Notes"
	})
	at := a.server.URL + engine.ResourceWellKnownPath + "/api"
	t.Run("9728-2+9728-3+9728-3.3+attack-M04 the document", func(t *testing.T) {
		res := a.do("GET", at, nil, http.Header{"X-Forwarded-Host": {"evil.test"}})
		require.Equal(t, http.StatusOK, res.StatusCode)
		assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
		assert.JSONEq(t, `{"resource":"`+a.server.URL+`/api","resource_name":"Notes","authorization_servers":["`+a.server.URL+`"],
			"scopes_supported":["profile","read","write"],"bearer_methods_supported":["header"]}`, res.body)
	})
	t.Run("9728-5.1 the challenge names it", func(t *testing.T) {
		res := a.do("GET", "/api/notes", nil, nil)
		assert.Equal(t, `Bearer realm="oauth", scope="read", resource_metadata="`+at+`"`, res.Header.Get("WWW-Authenticate"))
	})
	t.Run("9728-3 other methods", func(t *testing.T) {
		assert.Equal(t, http.StatusMethodNotAllowed, a.do("POST", at, url.Values{}, nil).StatusCode)
	})
	t.Run("9728-2 without a resource there is none", func(t *testing.T) {
		b := newApp(t, nil)
		assert.Equal(t, http.StatusNotFound, b.do("GET", engine.ResourceWellKnownPath, nil, nil).StatusCode)
		assert.PanicsWithValue(t, "ginoauth: ResourceMetadata needs Config.Resource", func() { b.oauth.ResourceMetadata() })
	})
}
