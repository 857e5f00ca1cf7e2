package ginoauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const metadataPath = "/.well-known/oauth-authorization-server"

func TestMountMethods(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, path, allow, media string
		methods                  []string
	}{
		{"adapter-Z18 authorize", "/oauth/authorize?" + authorizeQuery().Encode(), "GET, POST", "text/html; charset=utf-8", []string{"HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}},
		{"adapter-T3 token", "/oauth/token", "POST", "application/json", []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}},
		{"metadata", metadataPath, "GET, HEAD", "application/json", []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			a.signIn()
			for _, method := range tt.methods {
				// Credentials and a signed-in user, so that nothing else would stop it.
				res := a.do(method, tt.path, clientForm, http.Header{"Authorization": {basic("web", secret)}})
				assert.Equal(t, http.StatusMethodNotAllowed, res.StatusCode, method)
				assert.Equal(t, tt.allow, res.Header.Get("Allow"), method)
				assert.Equal(t, tt.media, res.Header.Get("Content-Type"), method)
				assert.Equal(t, "no-store", res.Header.Get("Cache-Control"), method)
				assert.Empty(t, res.Header.Get("Location"), method)
			}
			assert.Zero(t, a.events.count(engine.EventAuthorized)+a.events.count(engine.EventIssued))
		})
	}

	t.Run("adapter-Z18 HEAD mints no code for a client without consent page", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		res := a.do("HEAD", "/oauth/authorize?"+authorizeQuery("client_id", "own", "redirect_uri", "https://own.test/cb").Encode(), nil, nil)
		assert.Equal(t, http.StatusMethodNotAllowed, res.StatusCode)
		assert.Zero(t, a.events.count(engine.EventAuthorized))
	})
}

// Routes that the application registers itself have the methods it gave them.
func TestRoutesOfTheApplicationsOwn(t *testing.T) {
	t.Parallel()
	oauth := newApp(t, nil).oauth
	for _, tt := range []struct {
		name   string
		handle bool
		status int
		allow  string
	}{
		{"adapter-Z18 another method is not found", false, http.StatusNotFound, ""},
		{"adapter-Z18 or not allowed, if Gin is asked to say so", true, http.StatusMethodNotAllowed, "GET, POST"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := gin.New()
			r.HandleMethodNotAllowed = tt.handle
			r.GET("/oauth/authorize", oauth.Authorize())
			r.POST("/oauth/authorize", oauth.Authorize())
			w := httptest.NewRecorder()
			r.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/oauth/authorize?"+authorizeQuery().Encode(), nil))
			assert.Equal(t, tt.status, w.Code)
			assert.Equal(t, tt.allow, w.Header().Get("Allow"))
		})
	}
}

// Gin sends a request with a trailing slash to the path without. What is served
// there is what would have been served at once.
func TestTrailingSlash(t *testing.T) {
	t.Parallel()

	t.Run("adapter-Z18 authorize", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		res := a.do("GET", "/oauth/authorize/?"+authorizeQuery().Encode(), nil, nil)
		require.Equal(t, http.StatusMovedPermanently, res.StatusCode)
		to := res.location(t)
		assert.Equal(t, "/oauth/authorize", to.Path)
		assert.Empty(t, to.Host)
		assert.Equal(t, authorizeQuery(), to.Query())
	})
	t.Run("adapter-T3 token: the POST is repeated on the same origin", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		res := a.do("POST", "/oauth/token/", clientForm, http.Header{"Authorization": {basic("web", secret)}})
		assert.Equal(t, http.StatusTemporaryRedirect, res.StatusCode)
		assert.Equal(t, "/oauth/token", res.Header.Get("Location"))
		assert.Zero(t, a.events.count(engine.EventIssued))
	})
	t.Run("adapter-Z18 a slash and two hosts in the path lead nowhere else", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.server.URL+"//evil.test/oauth/authorize/", http.NoBody)
		require.NoError(t, err)
		res, err := a.client.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, http.StatusNotFound, res.StatusCode)
	})
}

func TestMountMetadata(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, issuer, metadata, authorize, token string
		endpoints                                engine.Endpoints
	}{
		{"8414-3 issuer without a path", "https://auth.test", metadataPath, "/oauth/authorize", "/oauth/token", engine.Endpoints{}},
		{"8414-3 issuer with a slash", "https://auth.test/", metadataPath, "/oauth/authorize", "/oauth/token", engine.Endpoints{}},
		{"8414-3 issuer with a path", "https://auth.test/tenant/1", metadataPath + "/tenant/1", "/tenant/1/oauth/authorize", "/tenant/1/oauth/token", engine.Endpoints{}},
		{"8414-3 endpoints elsewhere", "https://auth.test", metadataPath, "/login/ask", "/api/token", engine.Endpoints{Authorization: "https://auth.test/login/ask", Token: "https://api.test/api/token"}},
		{"8414-3 authorize at the root", "https://auth.test", metadataPath, "/", "/oauth/token", engine.Endpoints{Authorization: "https://auth.test"}},
		{"8414-3 a path with a space", "https://auth.test", metadataPath, "/log in/ask", "/oauth/token", engine.Endpoints{Authorization: "https://auth.test/log%20in/ask"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg, opts := newConfig(t)
			cfg.Issuer, cfg.Endpoints = tt.issuer, tt.endpoints
			opts.AuthenticateHandler = func(*gin.Context) (*model.User, error) { return nil, nil }
			oauth, err := ginoauth.New(cfg, opts)
			require.NoError(t, err)
			r := gin.New()
			oauth.Mount(r)
			serve := func(method, target string) *httptest.ResponseRecorder {
				w := httptest.NewRecorder()
				r.ServeHTTP(w, httptest.NewRequest(method, target, nil))
				return w
			}

			w := serve(http.MethodGet, tt.metadata)
			require.Equal(t, http.StatusOK, w.Code)
			assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
			var m struct {
				Issuer        string `json:"issuer"`
				Authorization string `json:"authorization_endpoint"`
				Token         string `json:"token_endpoint"`
			}
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &m))
			assert.Equal(t, tt.issuer, m.Issuer)
			for endpoint, path := range map[string]string{m.Authorization: tt.authorize, m.Token: tt.token} {
				u, err := url.Parse(endpoint)
				require.NoError(t, err)
				assert.Equal(t, strings.TrimSuffix(path, "/"), strings.TrimSuffix(u.Path, "/"))
			}
			assert.Equal(t, http.StatusOK, serve(http.MethodHead, tt.metadata).Code)

			assert.Equal(t, http.StatusMethodNotAllowed, serve(http.MethodGet, tt.token).Code)
			at := (&url.URL{Path: tt.authorize}).EscapedPath()
			w = serve(http.MethodGet, at+"?"+authorizeQuery().Encode())
			require.Equal(t, http.StatusSeeOther, w.Code)
			to, err := url.Parse(w.Header().Get("Location"))
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(to.Query().Get("return_to"), at+"?"))
			assert.Equal(t, to.Query().Get("return_to"), oauth.ReturnTo(login(to.Query(), nil), fallback), "the way back leads back")
		})
	}
}
