package secrets

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

// A run is a demo and all that nobody but clients and browsers may learn of it.
type run struct {
	t       *testing.T
	seed    *demo.SeedFile
	server  *demo.Server
	alice   *demo.Visitor     // signs in once: it is slow, on purpose
	secrets map[string]string // what it is, by value
}

// start starts a demo with a client for every grant.
func start(t *testing.T, flags ...string) *run {
	t.Helper()
	seed := demo.Seed()
	seed.Clients = append(seed.Clients, demo.Client{
		ID: "legacy", Secret: "legacy-secret-0123456789", Name: "Legacy", RedirectURIs: []string{}, GrantTypes: []string{"password"}, Scope: "read", AuthMethod: "client_secret_basic",
	})
	flags = append([]string{"-log-level", "debug", "-allow-password-grant"}, flags...)
	r := &run{t: t, seed: seed, server: demo.Start(t, seed, flags...), secrets: map[string]string{}}
	r.alice = r.server.NewVisitor(t)
	for _, c := range seed.Clients {
		r.keep("client secret", c.Secret)
	}
	for _, u := range seed.Users {
		r.keep("password", u.Password)
	}
	return r
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
	mediaType := ""
	if form != nil {
		mediaType = "application/x-www-form-urlencoded"
	}
	return r.request(method, path, mediaType, form.Encode(), header)
}

// sendJSON is send with a body of JSON.
func (r *run) sendJSON(method, path, body string, header http.Header) map[string]any {
	r.t.Helper()
	return r.request(method, path, "application/json", body, header)
}

func (r *run) request(method, path, mediaType, body string, header http.Header) map[string]any {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.server.URL+path, strings.NewReader(body))
	require.NoError(r.t, err)
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	answer := map[string]any{}
	_ = json.Unmarshal(text, &answer) // not every answer is an object
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
	code = r.alice.Authorize(c.AuthCodeURL("a-state", oauth2.S256ChallengeOption(verifier)), "allow").Query().Get("code")
	require.NotEmpty(r.t, code)
	r.keepToken("code", code)
	r.keep("verifier", verifier)
	r.keep("cookie or form", r.alice.Secrets()...)
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
