// Package instances runs several instances of the demo on one store, of each kind: real servers, real processes.
package instances

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
)

// servers are those that the tests share.
var servers testserver.Group

type tests struct{ m *testing.M }

func (t tests) Run() int { return servers.Run(t.m) }

func TestMain(m *testing.M) { demo.Main(tests{m}) }

// key is what all instances share.
const key = "a0b1c2d3e4f5a6b7c8d9a0b1c2d3e4f5a6b7c8d9a0b1c2d3e4f5a6b7c8d9a0b1"

// stores are what the demo can be told to use, each new and empty.
var stores = map[string]func(t *testing.T) (dsn string){
	"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "demo.db") },
	"PostgreSQL": func(t *testing.T) string { return servers.PostgreSQL(t).Database(t) },
	"MariaDB":    func(t *testing.T) string { return servers.MariaDB(t).Database(t) },
	"Redis":      func(t *testing.T) string { return servers.Redis(t).Database(t) },
}

func onEach(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	for name, database := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, database(t))
		})
	}
}

// A client is an OAuth client that talks to whichever instance it is told to.
type client struct {
	t *testing.T
	demo.Client
	header http.Header
}

func newClient(t *testing.T, id string) *client {
	t.Helper()
	c := &client{t: t, Client: demo.Seed().Client(id), header: http.Header{}}
	if c.Secret != "" {
		r := http.Request{Header: c.header}
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
	}
	return c
}

// authorizeURL is an authorization request, with the verifier of its challenge.
func (c *client) authorizeURL(server *demo.Server) (address, verifier string) {
	verifier = oauth2.GenerateVerifier()
	config := oauth2.Config{ClientID: c.ID, RedirectURL: c.RedirectURIs[0], Scopes: []string{"profile", "read"}, Endpoint: oauth2.Endpoint{AuthURL: server.URL + "/oauth/authorize"}}
	return config.AuthCodeURL("a-state", oauth2.S256ChallengeOption(verifier)), verifier
}

// An answer is the JSON object of one.
type answer struct {
	status  int
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Error   string `json:"error"`

	DeviceCode string `json:"device_code"`
	Link       string `json:"verification_uri_complete"`

	ClientID        string `json:"client_id"`
	ManagementURL   string `json:"registration_client_uri"`
	ManagementToken string `json:"registration_access_token"`

	Notes []any `json:"notes"`
}

// send sends a form, or what is in it by another media type, and returns the answer.
func send(t *testing.T, method, target string, header http.Header, mediaType, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	req.Header = header.Clone()
	if body != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	a := answer{status: res.StatusCode}
	if len(text) > 0 && text[0] == '{' {
		require.NoError(t, json.Unmarshal(text, &a), "%s", text)
	}
	return a
}

// post sends a form of the client to an endpoint.
func (c *client) post(server *demo.Server, path string, pairs ...string) answer {
	c.t.Helper()
	form := url.Values{}
	if c.Secret == "" {
		form.Set("client_id", c.ID)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return send(c.t, http.MethodPost, server.URL+path, c.header, "application/x-www-form-urlencoded", form.Encode())
}

func (c *client) exchange(server *demo.Server, code, verifier string) answer {
	c.t.Helper()
	return c.post(server, "/oauth/token", "grant_type", "authorization_code", "code", code, "redirect_uri", c.RedirectURIs[0], "code_verifier", verifier)
}

func (c *client) refresh(server *demo.Server, token string) answer {
	c.t.Helper()
	return c.post(server, "/oauth/token", "grant_type", "refresh_token", "refresh_token", token)
}

// api calls the API of an instance and returns the status.
func api(t *testing.T, server *demo.Server, token string) int {
	t.Helper()
	return send(t, http.MethodGet, server.URL+"/api/notes", http.Header{"Authorization": {"Bearer " + token}}, "", "").status
}

// works asserts that a token is good for the API of each instance, or for none.
func works(t *testing.T, want int, token string, instances ...*demo.Server) {
	t.Helper()
	for i, server := range instances {
		assert.Equal(t, want, api(t, server, token), "instance %d", i)
	}
}
