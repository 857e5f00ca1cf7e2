// Package secrets reads what the demo logs, at its most talkative, while clients and users do all that they can do, also
// wrong: there is no code, token, secret, verifier, cookie or password in it.
package secrets

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

func TestMain(m *testing.M) { demo.Main(m) }

// A run is a demo and all that must not be in its log.
type run struct {
	t       *testing.T
	server  *demo.Server
	secrets map[string]string // what it is, by value
}

func (r *run) keep(what string, values ...string) {
	for _, v := range values {
		if len(v) > 4 {
			r.secrets[v] = what
		}
	}
}

// keepToken keeps a code or token, whole and its secret half: the first half is the name of the grant.
func (r *run) keepToken(what, token string) {
	if token != "" {
		r.keep(what, token, token[len(token)-40:])
	}
}

// send posts a form and returns the members of the JSON object that is answered.
func (r *run) send(method, path string, form url.Values, header http.Header) map[string]any {
	r.t.Helper()
	for _, name := range []string{"client_secret", "code_verifier", "password"} {
		r.keep(name, form[name]...)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.server.URL+path, strings.NewReader(form.Encode()))
	require.NoError(r.t, err)
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	answer := map[string]any{}
	_ = json.Unmarshal(body, &answer) // not every answer is an object
	for _, name := range []string{"access_token", "refresh_token"} {
		if token, ok := answer[name].(string); ok {
			r.keepToken(name, token)
		}
	}
	return answer
}

// basic is the header of a confidential client.
func (r *run) basic(id, secret string) http.Header {
	value := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(secret)))
	r.keep("client secret", secret, url.QueryEscape(secret), value)
	return http.Header{"Authorization": {"Basic " + value}}
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// code goes through the front channel and returns the code and its verifier.
func (r *run) code(id, redirectURI string) (code, verifier string) {
	r.t.Helper()
	verifier = oauth2.GenerateVerifier()
	c := oauth2.Config{ClientID: id, RedirectURL: redirectURI, Scopes: []string{"profile", "read"}, Endpoint: oauth2.Endpoint{AuthURL: r.server.URL + "/oauth/authorize"}}
	visitor := r.server.NewVisitor(r.t)
	code = visitor.Authorize(c.AuthCodeURL("a-state", oauth2.S256ChallengeOption(verifier)), "allow").Query().Get("code")
	require.NotEmpty(r.t, code)
	r.keepToken("code", code)
	r.keep("verifier", verifier)
	r.keep("cookie or form", visitor.Secrets()...)
	return code, verifier
}

func (r *run) exchange(code, verifier string, header http.Header, more url.Values) map[string]any {
	r.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}, "redirect_uri": {demo.Callback}}
	for name, values := range more {
		form[name] = values
	}
	return r.send(http.MethodPost, "/oauth/token", form, header)
}

func (r *run) refresh(token any, header http.Header) map[string]any {
	r.t.Helper()
	return r.send(http.MethodPost, "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.(string)}}, header)
}

func TestLog(t *testing.T) {
	t.Parallel()
	seed := demo.Seed()
	seed.Clients = append(seed.Clients, demo.Client{
		ID: "legacy", Secret: "legacy-secret-0123456789", Name: "Legacy", RedirectURIs: []string{}, GrantTypes: []string{"password"}, Scope: "read", AuthMethod: "client_secret_basic",
	})
	r := &run{t: t, server: demo.Start(t, seed, "-log-level", "debug", "-allow-password-grant"), secrets: map[string]string{}}
	for _, c := range seed.Clients {
		r.keep("client secret", c.Secret)
	}
	for _, u := range seed.Users {
		r.keep("password", u.Password)
	}

	visitor := r.server.NewVisitor(t)
	visitor.SignIn("alice", "mock-turtle-soup")
	visitor.SignIn("hatter", "no-such-user-tea")
	visitor.SignIn("alice", "wonderland")
	r.keep("cookie or form", visitor.Secrets()...)

	// A code, exchanged wrong in every way, then right, then again.
	web := r.basic("web", seed.Client("web").Secret)
	code, verifier := r.code("web", demo.Callback)
	r.exchange(code, verifier, r.basic("web", "not-the-clients-secret"), nil)
	r.exchange(code, verifier, nil, url.Values{"client_id": {"post"}, "client_secret": {seed.Client("post").Secret}})
	r.exchange(code, verifier, web, url.Values{"redirect_uri": {demo.Callback + "/elsewhere"}})
	r.exchange(code, "", web, url.Values{"code_verifier": nil})
	r.exchange(code, "too-short-a-verifier", web, nil)
	r.exchange(code[:60]+"AAAA", verifier, web, nil)
	tokens := r.exchange(code, verifier, web, nil)
	require.Contains(t, tokens, "access_token")

	// The API, with the token in every place, and with one that is none.
	access := tokens["access_token"].(string)
	r.send(http.MethodGet, "/api/notes", nil, bearer(access))
	r.send(http.MethodPost, "/api/notes", nil, bearer(access))
	r.send(http.MethodGet, "/api/notes?access_token="+url.QueryEscape(access), nil, nil)
	r.send(http.MethodPost, "/api/notes", url.Values{"access_token": {access}}, nil)
	r.send(http.MethodGet, "/api/notes", nil, bearer("a-token-that-is-not-one"))
	r.keep("unknown token", "a-token-that-is-not-one")
	r.send(http.MethodGet, "/api/notes", nil, r.basic("alice", "password-in-the-wrong-place"))

	// Refreshes: right, repeated in the grace, refused, replayed.
	second := r.refresh(tokens["refresh_token"], web)
	require.Contains(t, second, "refresh_token")
	assert.Equal(t, second["refresh_token"], r.refresh(tokens["refresh_token"], web)["refresh_token"])
	r.refresh(second["refresh_token"], r.basic("web", "not-the-clients-secret-either"))
	r.refresh(second["refresh_token"], web)
	assert.Equal(t, "invalid_grant", r.refresh(tokens["refresh_token"], web)["error"])
	r.exchange(code, verifier, web, nil)
	r.send(http.MethodGet, "/api/notes", nil, bearer(access))

	// A wrong verifier, which burns the code.
	code, verifier = r.code("spa", demo.Callback)
	wrong := oauth2.GenerateVerifier()
	assert.Equal(t, "invalid_grant", r.exchange(code, wrong, nil, url.Values{"client_id": {"spa"}})["error"])
	assert.Equal(t, "invalid_grant", r.exchange(code, verifier, nil, url.Values{"client_id": {"spa"}})["error"])

	// Secrets where they do not belong. Client ids and redirect URIs are public, and are logged: who sends a secret as one of
	// these has published it.
	r.send(http.MethodGet, "/oauth/authorize?client_id=web&client_secret=secret-in-a-query&code="+code+"&redirect_uri=https://attacker.example/", nil, nil)
	r.keep("client secret", "secret-in-a-query")
	r.send(http.MethodPost, "/oauth/token?client_secret=secret-in-a-query&code="+code, url.Values{"grant_type": {"authorization_code"}}, nil)
	r.send(http.MethodGet, "/login?username=alice&password=password-in-a-query", nil, nil)
	r.keep("password", "password-in-a-query")
	r.send(http.MethodPost, "/oauth/token", url.Values{"grant_type": {access}, "client_id": {"web"}}, nil)

	// The other grants.
	machine := r.send(http.MethodPost, "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}, r.basic("machine", seed.Client("machine").Secret))
	require.Contains(t, machine, "access_token")
	legacy := r.basic("legacy", "legacy-secret-0123456789")
	form := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wonderland"}, "scope": {"read"}}
	require.Contains(t, r.send(http.MethodPost, "/oauth/token", form, legacy), "access_token")
	form.Set("password", "cheshire-grin")
	assert.Equal(t, "invalid_grant", r.send(http.MethodPost, "/oauth/token", form, legacy)["error"])

	log := r.server.Log()
	for _, reason := range []string{"level=DEBUG", "issued", "refused", "replayed"} {
		assert.Contains(t, log, reason, "the log says what happened")
	}
	require.Greater(t, len(r.secrets), 40)
	for secret, what := range r.secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			if i := strings.Index(log, form); i >= 0 {
				line := log[strings.LastIndex(log[:i], "\n")+1:]
				line, _, _ = strings.Cut(line, "\n")
				assert.Fail(t, "a secret is in the log", "%s %q: %s", what, form, line)
				break
			}
		}
	}
}
