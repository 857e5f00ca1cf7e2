package ginoauth_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
)

func withRegistration(c *engine.Config, _ *ginoauth.Options) {
	c.Registration = &engine.RegistrationPolicy{AllowOpen: true, Scope: "read"}
}

// sendJSON sends a request of the registration endpoints.
func (a *app) sendJSON(method, target, token, body string) (int, map[string]any) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, target, strings.NewReader(body))
	require.NoError(a.t, err)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := a.client.Do(req)
	require.NoError(a.t, err)
	defer func() { assert.NoError(a.t, res.Body.Close()) }()
	b, err := io.ReadAll(res.Body)
	require.NoError(a.t, err)
	var m map[string]any
	if len(b) > 0 {
		require.NoError(a.t, json.Unmarshal(b, &m), "%s", b)
	}
	return res.StatusCode, m
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	a := newApp(t, withRegistration)
	a.signIn()
	register := a.server.URL + "/oauth/register"

	t.Run("7591-3.2.1+7592-2 registered, read, changed and ended over HTTP", func(t *testing.T) {
		status, m := a.sendJSON("POST", register, "", `{"redirect_uris":["https://new.test/cb"]}`)
		require.Equal(t, http.StatusCreated, status, m)
		at, token := m["registration_client_uri"].(string), m["registration_access_token"].(string)
		require.Equal(t, register+"/"+m["client_id"].(string), at)

		status, _ = a.sendJSON("GET", at, token, "")
		assert.Equal(t, http.StatusOK, status)
		status, changed := a.sendJSON("PUT", at, token, `{"client_id":"`+m["client_id"].(string)+`","client_name":"Next","redirect_uris":["https://new.test/cb"]}`)
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, "Next", changed["client_name"])
		status, _ = a.sendJSON("DELETE", at, token, "")
		assert.Equal(t, http.StatusNoContent, status)
		status, _ = a.sendJSON("GET", at, token, "")
		assert.Equal(t, http.StatusUnauthorized, status)
	})

	t.Run("7591-3 browser clients may call it", func(t *testing.T) {
		for _, path := range []string{"/oauth/register", "/oauth/register/x"} {
			method := map[bool]string{true: "POST", false: "GET, PUT, DELETE"}[path == "/oauth/register"]
			res := a.do("OPTIONS", path, nil, http.Header{"Origin": {"https://spa.test"}, "Access-Control-Request-Method": {"PUT"}})
			assert.Equal(t, http.StatusNoContent, res.StatusCode)
			assert.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
			assert.Equal(t, method, res.Header.Get("Access-Control-Allow-Methods"))
		}
	})

	t.Run("7591-3 off by default", func(t *testing.T) {
		off := newApp(t, nil)
		assert.Equal(t, http.StatusNotFound, off.do("POST", "/oauth/register", nil, nil).StatusCode)
		assert.NotContains(t, off.do("GET", metadataPath, nil, nil).body, "registration_endpoint")
		assert.Contains(t, a.do("GET", metadataPath, nil, nil).body, `"registration_endpoint":"`+register+`"`)
	})

	for _, row := range []struct {
		name, redirect string
		shows          []string
	}{
		{"attack-K12+attack-C12+7591-5 not verified", "https://new.test/cb", []string{"Not verified.", "registered itself", "<bdi>new.test</bdi>"}},
		{"attack-K12 a program on this device", "http://localhost:4711/cb", []string{"Not verified.", "A program on a device gets the access", "<bdi>localhost:4711</bdi>"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, m := a.sendJSON("POST", register, "", `{"client_name":"Your Bank","redirect_uris":["`+row.redirect+`"]}`)
			page := a.authorize(authorizeQuery("client_id", m["client_id"].(string), "redirect_uri", row.redirect)).body
			for _, s := range row.shows {
				assert.Contains(t, page, s)
			}
			assert.Equal(t, strings.Contains(row.redirect, "localhost"), strings.Contains(page, "A program on a device"))
		})
	}
	t.Run("attack-C12 a client that was set up here has no such mark", func(t *testing.T) {
		assert.NotContains(t, a.authorize(authorizeQuery()).body, "Not verified")
	})
}
