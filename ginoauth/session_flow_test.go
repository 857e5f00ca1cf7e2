package ginoauth_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	sessionmemstore "github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/internal/sessiontest"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// newSessionApp is an application that leaves its sessions to Sessions.
func newSessionApp(t *testing.T, store sessions.Store, disabled *atomic.Bool) *app {
	t.Helper()
	a := &app{t: t, store: memstore.New(), router: gin.New()}
	require.NoError(t, a.store.AddClient(model.Client{
		ID: "web", Name: "Web App", Secrets: model.HashSecrets(secret), RedirectURIs: []string{callback}, Scope: "read",
	}))
	a.server = httptest.NewServer(a.router)
	t.Cleanup(a.server.Close)
	a.server.URL = strings.Replace(a.server.URL, "127.0.0.1", "localhost", 1)

	s, err := ginoauth.NewSessions(store, ginoauth.SessionOptions{
		Issuer: a.server.URL,
		LoadUser: func(_ context.Context, u *model.User) (time.Time, error) {
			if disabled.Load() {
				return time.Time{}, ginoauth.ErrNoUser
			}
			u.Name = "Alice L."
			return time.Time{}, nil
		},
	})
	require.NoError(t, err)
	a.oauth, err = ginoauth.New(engine.Config{
		Model: a.store, Issuer: a.server.URL, Logger: slog.New(slog.DiscardHandler),
		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}},
	}, ginoauth.Options{AuthenticateHandler: s.User, LoginURL: "/login"})
	require.NoError(t, err)

	a.router.Use(s.Middleware())
	a.router.POST("/login", func(c *gin.Context) {
		if err := s.SignIn(c, "alice"); err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		c.Redirect(http.StatusSeeOther, a.oauth.ReturnTo(c, "/"))
	})
	a.router.POST("/logout", func(c *gin.Context) {
		assert.NoError(t, s.SignOut(c))
		c.Redirect(http.StatusSeeOther, "/")
	})
	a.oauth.Mount(a.router)

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	// Not the default one, whose connections any httptest.Server that is closed closes.
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	a.client = &http.Client{Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return a
}

func TestSessionsInTheFlow(t *testing.T) {
	t.Parallel()
	for name, newStore := range map[string]func() sessions.Store{
		"cookie":   func() sessions.Store { return cookie.NewStore(sessionKey) },
		"memstore": func() sessions.Store { return sessionmemstore.NewStore(sessionKey) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var disabled atomic.Bool
			a := newSessionApp(t, newStore(), &disabled)
			allow := func(to string, form url.Values) answer {
				form.Set("decision", "allow")
				return a.do("POST", to, form, http.Header{"Origin": {a.server.URL}})
			}
			toLogin := func(res answer, id string) {
				t.Helper()
				assert.Equal(t, http.StatusSeeOther, res.StatusCode, id)
				assert.True(t, strings.HasPrefix(res.Header.Get("Location"), "/login"), "%s: %s", id, res.Header)
			}

			require.NotEmpty(t, a.code())
			res := a.authorize(authorizeQuery("prompt", "consent"))
			assert.Contains(t, res.body, "Alice L.")

			to, form := a.consentForm(authorizeQuery())
			a.do("POST", "/logout", url.Values{}, nil)
			toLogin(allow(to, form), "C14 signed out")

			a.signIn()
			res = allow(to, form)
			assert.Equal(t, http.StatusBadRequest, res.StatusCode, "C14 signed in again, on the page of the session before")
			assert.Empty(t, res.Header.Get("Location"))

			to, form = a.consentForm(authorizeQuery())
			disabled.Store(true)
			toLogin(allow(to, form), "C14 disabled")
			disabled.Store(false)
			assert.NotEmpty(t, allow(to, form).Header.Get("Location"))

			for _, evil := range []string{"https://evil.test", "//evil.test", `/\evil.test`, "javascript:alert(1)"} {
				res := a.do("POST", "/login?return_to="+url.QueryEscape(evil), url.Values{}, nil)
				assert.Equal(t, "/", res.Header.Get("Location"), "C02 %s", evil)
			}
		})
	}
}

// A store that cannot be reached is a fault: the client hears server_error, and
// nobody is sent to the login.
func TestSessionStoreFailsInTheFlow(t *testing.T) {
	t.Parallel()
	store, fail := sessiontest.Failing(sessionmemstore.NewStore(sessionKey))
	var disabled atomic.Bool
	a := newSessionApp(t, store, &disabled)
	a.signIn()
	to, form := a.consentForm(authorizeQuery())
	fail()

	res := a.do("GET", "/oauth/authorize?"+authorizeQuery().Encode(), nil, nil)
	u, err := url.Parse(res.Header.Get("Location"))
	require.NoError(t, err)
	assert.Equal(t, "server_error", u.Query().Get("error"))
	assert.NotContains(t, u.RawQuery, "192.0.2.1")

	form.Set("decision", "allow")
	res = a.do("POST", to, form, http.Header{"Origin": {a.server.URL}})
	assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
	assert.NotContains(t, res.body, "192.0.2.1")
}
