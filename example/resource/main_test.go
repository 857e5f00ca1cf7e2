package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/ginoauthtest"
	"github.com/gin-oauth/gin-oauth-server/internal/syncbuf"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	os.Exit(m.Run())
}

func noEnvironment(string) string { return "" }

// newServer is an authorization server that knows this API by the secret.
func newServer(t *testing.T, secret string) (*ginoauth.Server, *httptest.Server) {
	t.Helper()
	store := memstore.New()
	require.NoError(t, store.AddClient(model.Client{
		ID: demoClientID, Secrets: model.HashSecrets(secret), Grants: []string{model.GrantClientCredentials}, ResourceServer: true, Scope: "read",
	}))
	r := gin.New()
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	oauth, err := ginoauth.New(engine.Config{
		Model: store, Issuer: srv.URL, Logger: slog.New(slog.DiscardHandler),
		Scopes:   []engine.ScopeInfo{{Name: "profile", Title: "See who you are"}, {Name: "read", Title: "Read"}},
		Resource: srv.URL + "/api", Resources: []string{demoResource},
	}, ginoauth.Options{})
	require.NoError(t, err)
	r.POST("/oauth/introspect", oauth.Introspect())
	return oauth, srv
}

func newTestAPI(t *testing.T, args ...string) http.Handler {
	t.Helper()
	cfg, err := parseFlags(args, noEnvironment, io.Discard)
	require.NoError(t, err)
	h, err := newAPI(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return h
}

func call(t *testing.T, h http.Handler, path, token string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	if token != "" {
		ginoauthtest.Authorize(r, token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAPI(t *testing.T) {
	t.Parallel()
	oauth, srv := newServer(t, demoClientSecret)
	h := newTestAPI(t, "-server", srv.URL+"/")
	for _, tc := range []struct {
		name, path, token string
		status            int
		body              string
	}{
		{"a user's token", "/api/whoami", ginoauthtest.Token(t, oauth, "alice", "read"), 200, `{"client_id":"ginoauthtest","resources":[],"scope":"read","user_id":"alice"}`},
		{"a machine's token", "/api/whoami", ginoauthtest.ClientToken(t, oauth, demoClientID, "read"), 200, `{"client_id":"second-api","resources":[],"scope":"read","user_id":""}`},
		{"for users", "/api/greeting", ginoauthtest.Token(t, oauth, "alice", "profile"), 200, `{"greeting":"Hello, alice."}`},
		{"too little scope", "/api/greeting", ginoauthtest.Token(t, oauth, "alice", "read"), 403, "insufficient_scope"},
		{"no token", "/api/whoami", "", 401, ""},
		{"an unknown token", "/api/whoami", strings.Repeat("A", 64), 401, "invalid_token"},
		{"no guard", "/healthz", "", 200, "ok"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := call(t, h, tc.path, tc.token)
			assert.Equal(t, tc.status, w.Code, w.Body)
			assert.Contains(t, w.Body.String(), tc.body)
		})
	}
}

func TestAudience(t *testing.T) {
	t.Parallel()
	oauth, srv := newServer(t, demoClientSecret)
	h := newTestAPI(t, "-server", srv.URL, "-resource", demoResource)
	issue := func(resource model.Resources) string {
		res, err := oauth.Engine().Issue(t.Context(), engine.Issue{ClientID: demoClientID, Scope: "read", Resources: resource})
		require.NoError(t, err)
		return res.AccessToken
	}
	w := call(t, h, "/api/whoami", issue(demoResource))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), `"resources":["`+demoResource+`"]`)
	for _, elsewhere := range []string{issue(""), issue(model.Resources(srv.URL + "/api"))} {
		w := call(t, h, "/api/whoami", elsewhere)
		assert.Equal(t, http.StatusUnauthorized, w.Code)
		assert.Contains(t, w.Header().Get("WWW-Authenticate"), `resource_metadata="http://localhost:8081/.well-known/oauth-protected-resource/api"`)
	}
	w = call(t, h, "/.well-known/oauth-protected-resource/api", "")
	assert.Contains(t, w.Body.String(), srv.URL)
	assert.Equal(t, http.StatusUnauthorized, call(t, newTestAPI(t, "-server", srv.URL), "/api/whoami", issue(demoResource)).Code, "it has not that name")
}

func TestServerRefusesOrIsDown(t *testing.T) {
	t.Parallel()
	oauth, srv := newServer(t, "another-secret-0123456789")
	token := ginoauthtest.Token(t, oauth, "alice", "read")
	h := newTestAPI(t, "-server", srv.URL)
	assert.Equal(t, http.StatusServiceUnavailable, call(t, h, "/api/whoami", token).Code, "the secret is wrong")
	srv.Close()
	w := call(t, h, "/api/whoami", token)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.NotContains(t, w.Body.String(), "dial", "the reason is in the log only")
}

func TestFlags(t *testing.T) {
	t.Parallel()
	env := func(name string) string {
		if name == secretVariable {
			return "from the environment"
		}
		return ""
	}
	for _, tc := range []struct {
		name   string
		args   []string
		getenv func(string) string
		want   config
	}{
		{"none", nil, noEnvironment, config{"localhost:8081", "http://localhost:8080", demoClientID, demoClientSecret, "", 5 * time.Second}},
		{"the environment", []string{"-client-id", "api"}, env, config{"localhost:8081", "http://localhost:8080", "api", "from the environment", "", 5 * time.Second}},
		{"the flag wins", []string{"-client-secret", "s", "-cache", "0s", "-addr", ":1", "-server", "https://as.test"}, env, config{":1", "https://as.test", demoClientID, "s", "", 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := parseFlags(tc.args, tc.getenv, io.Discard)
			require.NoError(t, err)
			assert.Equal(t, tc.want, *cfg)
		})
	}
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"no secret", []string{"-client-id", "api"}, secretVariable},
		{"a word", []string{"serve"}, `unexpected argument "serve"`},
		{"an unknown flag", []string{"-port", "1"}, "Run with -h"},
		{"a negative time", []string{"-cache", "-1s"}, "must not be negative"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseFlags(tc.args, noEnvironment, io.Discard)
			assert.ErrorContains(t, err, tc.want)
		})
	}
	t.Run("help", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		_, err := parseFlags([]string{"-h"}, noEnvironment, &out)
		require.ErrorIs(t, err, flag.ErrHelp)
		assert.Contains(t, out.String(), "-server")
		assert.NotContains(t, out.String(), demoClientSecret)
	})
}

func TestRun(t *testing.T) {
	t.Parallel()
	var out, log syncbuf.Buffer
	assert.Equal(t, exitOK, run(t.Context(), []string{"-h"}, noEnvironment, &out, &log))
	assert.Equal(t, exitUsage, run(t.Context(), []string{"-x"}, noEnvironment, &out, &log))
	assert.Equal(t, exitFailed, run(t.Context(), []string{"-server", "http://as.test"}, noEnvironment, &out, &log))
	assert.Contains(t, log.String(), "must use https")
	assert.Equal(t, exitFailed, run(t.Context(), []string{"-addr", "nowhere:x"}, noEnvironment, &out, &log))
	assert.Contains(t, log.String(), "-addr host:port")

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	status := make(chan int, 1)
	go func() { status <- run(ctx, []string{"-addr", "127.0.0.1:0"}, noEnvironment, &out, &log) }()
	address := regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/api`)
	require.Eventually(t, func() bool { return address.MatchString(out.String()) }, 20*time.Second, 10*time.Millisecond, log.String())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address.FindStringSubmatch(out.String())[1]+"/healthz", nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, http.StatusOK, res.StatusCode)
	stop()
	assert.Equal(t, exitOK, <-status)
}
