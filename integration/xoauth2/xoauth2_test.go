// Package xoauth2 uses the demo with golang.org/x/oauth2, the client that Go programs use.
package xoauth2

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

func TestMain(m *testing.M) { demo.Main(m) }

// config is what a developer types in from the demo's pages.
func config(server *demo.Server, id string, scopes ...string) *oauth2.Config {
	c := demo.Seed().Client(id)
	style := oauth2.AuthStyleInParams
	if c.AuthMethod == "client_secret_basic" {
		style = oauth2.AuthStyleInHeader
	}
	return &oauth2.Config{
		ClientID: id, ClientSecret: c.Secret, RedirectURL: c.RedirectURIs[0], Scopes: scopes,
		Endpoint: oauth2.Endpoint{AuthURL: server.URL + "/oauth/authorize", TokenURL: server.URL + "/oauth/token", AuthStyle: style},
	}
}

// get calls the API and returns status and body.
func get(t *testing.T, client *http.Client, target string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	require.NoError(t, err)
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, body
}

// signIn goes through the front channel and returns the callback's parameters and the PKCE verifier.
func signIn(t *testing.T, server *demo.Server, c *oauth2.Config, decision string) (url.Values, string) {
	t.Helper()
	verifier, state := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	callback := server.NewVisitor(t).Authorize(c.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), decision)
	q := callback.Query()
	require.Equal(t, state, q.Get("state"))
	require.Equal(t, server.URL, q.Get("iss"))
	return q, verifier
}

func TestCodeWithPKCE(t *testing.T) {
	t.Parallel()
	server := demo.Start(t, nil)
	for _, id := range []string{"web", "post", "spa", "cli"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			c := config(server, id, "profile", "read")
			q, verifier := signIn(t, server, c, "allow")
			token, err := c.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
			require.NoError(t, err)
			assert.True(t, token.Valid())
			assert.Equal(t, "Bearer", token.Type())
			assert.NotEmpty(t, token.RefreshToken)
			assert.WithinDuration(t, time.Now().Add(time.Hour), token.Expiry, time.Minute)

			status, body := get(t, c.Client(t.Context(), token), server.URL+"/api/me")
			require.Equal(t, http.StatusOK, status, "%s", body)
			var me struct {
				ClientID string `json:"client_id"`
				UserID   string `json:"user_id"`
			}
			require.NoError(t, json.Unmarshal(body, &me))
			assert.Equal(t, id, me.ClientID)
			assert.NotEmpty(t, me.UserID)

			_, err = c.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
			assertCode(t, err, "invalid_grant")
			status, _ = get(t, c.Client(t.Context(), token), server.URL+"/api/me")
			assert.Equal(t, http.StatusUnauthorized, status, "the second use of the code revokes what the first one got")
		})
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	// So short that the client's own ten seconds of margin make it refresh at every call.
	server := demo.Start(t, nil, "-access-token-lifetime", "5s")
	c := config(server, "web", "read")
	q, verifier := signIn(t, server, c, "allow")
	first, err := c.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)

	source := c.TokenSource(t.Context(), first)
	second, err := source.Token()
	require.NoError(t, err)
	assert.NotEqual(t, first.AccessToken, second.AccessToken)
	assert.NotEqual(t, first.RefreshToken, second.RefreshToken)
	status, body := get(t, oauth2.NewClient(t.Context(), oauth2.StaticTokenSource(second)), server.URL+"/api/notes")
	assert.Equal(t, http.StatusOK, status, "%s", body)

	again, err := c.TokenSource(t.Context(), first).Token()
	require.NoError(t, err, "a lost answer can be asked for again")
	assert.Equal(t, second.AccessToken, again.AccessToken)
	assert.Equal(t, second.RefreshToken, again.RefreshToken)

	_, err = source.Token() // spends the second refresh token
	require.NoError(t, err)
	_, err = c.TokenSource(t.Context(), first).Token()
	assertCode(t, err, "invalid_grant")
	status, _ = get(t, oauth2.NewClient(t.Context(), oauth2.StaticTokenSource(second)), server.URL+"/api/notes")
	assert.Equal(t, http.StatusUnauthorized, status, "the replay revokes the grant")
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	server := demo.Start(t, nil)
	c := clientcredentials.Config{
		ClientID: "machine", ClientSecret: demo.Seed().Client("machine").Secret, TokenURL: server.URL + "/oauth/token",
		Scopes: []string{"read"}, AuthStyle: oauth2.AuthStyleInHeader,
	}
	token, err := c.Token(t.Context())
	require.NoError(t, err)
	assert.Empty(t, token.RefreshToken)
	status, body := get(t, c.Client(t.Context()), server.URL+"/api/notes")
	assert.Equal(t, http.StatusOK, status, "%s", body)

	c.Scopes = []string{"profile"}
	_, err = c.Token(t.Context())
	assertCode(t, err, "invalid_scope")
	c.ClientSecret = "wrong"
	_, err = c.Token(t.Context())
	assertCode(t, err, "invalid_client")
}

func TestErrors(t *testing.T) {
	t.Parallel()
	server := demo.Start(t, nil)

	t.Run("denied", func(t *testing.T) {
		t.Parallel()
		// On a server of its own: who was allowed before is not asked again.
		own := demo.Start(t, nil)
		q, _ := signIn(t, own, config(own, "web", "read"), "deny")
		assert.Equal(t, "access_denied", q.Get("error"))
		assert.Empty(t, q.Get("code"))
	})
	t.Run("wrong verifier", func(t *testing.T) {
		t.Parallel()
		c := config(server, "spa", "read")
		q, verifier := signIn(t, server, c, "allow")
		_, err := c.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier()))
		assertCode(t, err, "invalid_grant")
		_, err = c.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
		assertCode(t, err, "invalid_grant") // the wrong one burned the code
	})
	t.Run("authentication style found out by trying", func(t *testing.T) {
		t.Parallel()
		for _, id := range []string{"web", "post"} {
			c := config(server, id, "read")
			c.Endpoint.AuthStyle = oauth2.AuthStyleAutoDetect
			q, verifier := signIn(t, server, c, "allow")
			_, err := c.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
			assert.NoError(t, err, id)
		}
	})
}

// assertCode checks the error code that the server answered with.
func assertCode(t *testing.T, err error, code string) {
	t.Helper()
	var refused *oauth2.RetrieveError
	if assert.ErrorAs(t, err, &refused) {
		assert.Equal(t, code, refused.ErrorCode)
	}
}
