// Package resource runs the demo and, in a process of its own, the API that asks it about tokens.
package resource

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

func TestMain(m *testing.M) { demo.MainOf(m, "example", "", "resource") }

// An answer is what the tests look at.
type answer struct {
	status          int
	challenge, body string
}

func get(t *testing.T, target, token string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return do(t, req)
}

func post(t *testing.T, target, id, secret string, form url.Values) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return do(t, req)
}

func do(t *testing.T, req *http.Request) answer {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res.StatusCode, res.Header.Get("WWW-Authenticate"), string(body)}
}

// signIn returns alice's token for the client web, by way of the demo's pages.
func signIn(t *testing.T, server *demo.Server, scopes ...string) string {
	t.Helper()
	web := demo.Seed().Client("web")
	c := &oauth2.Config{
		ClientID: web.ID, ClientSecret: web.Secret, RedirectURL: web.RedirectURIs[0], Scopes: scopes,
		Endpoint: oauth2.Endpoint{AuthURL: server.URL + "/oauth/authorize", TokenURL: server.URL + "/oauth/token", AuthStyle: oauth2.AuthStyleInHeader},
	}
	verifier := oauth2.GenerateVerifier()
	callback := server.NewVisitor(t).Authorize(c.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)), "allow")
	token, err := c.Exchange(t.Context(), callback.Query().Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	return token.AccessToken
}

// TestTwoProcesses shows a token through its life at an API that has no store: it opens the routes that its scope is for,
// is refused once it is revoked and what was known about it is out of date, and opens nothing while nobody can be asked.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	const cache = 2 * time.Second
	server := demo.Start(t, nil)
	notes := demo.Seed().Client("notes-api")
	api := demo.RunBeside(t, "resource", server, "-client-id", notes.ID, "-client-secret", notes.Secret, "-cache", cache.String())

	token, other := signIn(t, server, "profile", "read"), signIn(t, server, "read")
	res := get(t, api.URL+"/api/whoami", token)
	require.Equal(t, http.StatusOK, res.status, res.body)
	assert.JSONEq(t, `{"client_id": "web", "user_id": "alice", "scope": "profile read", "resources": []}`, res.body)
	res = get(t, api.URL+"/api/greeting", token)
	assert.Equal(t, http.StatusOK, res.status, res.body)
	res = get(t, api.URL+"/api/greeting", other)
	assert.Equal(t, http.StatusForbidden, res.status)
	assert.Contains(t, res.challenge, `error="insufficient_scope"`)
	res = get(t, api.URL+"/api/whoami", "")
	assert.Equal(t, http.StatusUnauthorized, res.status)
	assert.NotContains(t, res.challenge, "error=")

	web := demo.Seed().Client("web")
	revoked := time.Now()
	res = post(t, server.URL+"/oauth/revoke", web.ID, web.Secret, url.Values{"token": {token}})
	require.Equal(t, http.StatusOK, res.status, res.body)
	res = get(t, server.URL+"/api/me", token)
	assert.Equal(t, http.StatusUnauthorized, res.status, "where the token is from it is refused at once")
	require.Eventually(t, func() bool {
		res = get(t, api.URL+"/api/whoami", token)
		return res.status != http.StatusOK
	}, time.Minute, 50*time.Millisecond)
	assert.Equal(t, http.StatusUnauthorized, res.status)
	assert.Contains(t, res.challenge, `error="invalid_token"`)
	t.Logf("revoked tokens were taken for %v", time.Since(revoked).Round(time.Millisecond))

	third := signIn(t, server, "read")
	server.Stop()
	res = get(t, api.URL+"/api/whoami", third)
	assert.Equal(t, http.StatusServiceUnavailable, res.status, "nobody knows whether the token is good")
	assert.Contains(t, res.body, "server_error")
	assert.NotContains(t, res.body, "refused", "the reason is for the log")
	require.Eventually(t, func() bool { return strings.Contains(api.Log(), "cannot be asked") }, time.Minute, 10*time.Millisecond)
	assert.NotContains(t, api.Log(), third)
}

// TestAsInTheReadme runs both with nothing but addresses: their built-in client and secret fit together.
func TestAsInTheReadme(t *testing.T) {
	t.Parallel()
	server := demo.Run(t)
	api := demo.RunBeside(t, "resource", server)
	res := post(t, server.URL+"/oauth/token", "machine", "machine-secret-for-the-demo", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
	require.Equal(t, http.StatusOK, res.status, res.body)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(res.body), &token))
	res = get(t, api.URL+"/api/whoami", token.AccessToken)
	require.Equal(t, http.StatusOK, res.status, res.body)
	assert.JSONEq(t, `{"client_id": "machine", "user_id": "", "scope": "read", "resources": []}`, res.body)
	res = get(t, api.URL+"/api/greeting", token.AccessToken)
	assert.Equal(t, http.StatusForbidden, res.status, "a machine is nobody to greet")
}
