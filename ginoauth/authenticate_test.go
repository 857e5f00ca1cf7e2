package ginoauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	const (
		bare      = `Bearer realm="oauth", scope="read"`
		invalid   = `Bearer realm="oauth", error="invalid_token", error_description="The access token is not valid.", scope="read"`
		malformed = `Bearer realm="oauth", error="invalid_request", error_description="The bearer token is malformed."`
		repeated  = `Bearer realm="oauth", error="invalid_request", error_description="The Authorization header is repeated."`
	)
	unknown := strings.Repeat("A", 64)
	for _, tt := range []struct {
		name          string
		path          string
		form          url.Values
		authorization []string
		status        int
		challenge     string
		body          string // the code in it, or nothing
	}{
		{name: "adapter-A1+express-N3 no credentials", status: 401, challenge: bare},
		{name: "adapter-A2 Basic", authorization: []string{basic("web", secret)}, status: 401, challenge: bare},
		{name: "adapter-A4 unknown token", authorization: []string{"Bearer " + unknown}, status: 401, challenge: invalid, body: "invalid_token"},
		{name: "adapter-A4+attack-J06 a token of 512 kB", authorization: []string{"Bearer " + strings.Repeat("A", 512<<10)}, status: 401, challenge: invalid, body: "invalid_token"},
		{name: "adapter-A11+attack-J04 token in the query", path: "?access_token=" + unknown, status: 401, challenge: bare},
		{name: "adapter-A13 token in a form", form: url.Values{"access_token": {unknown}}, status: 401, challenge: bare},
		{name: "attack-J06 BearerX", authorization: []string{"BearerX " + unknown}, status: 401, challenge: bare},
		{name: "attack-J06 Bearer alone", authorization: []string{"Bearer"}, status: 400, challenge: malformed, body: "invalid_request"},
		{name: "attack-J06 two tokens", authorization: []string{"Bearer " + unknown + " " + unknown}, status: 400, challenge: malformed, body: "invalid_request"},
		{name: "attack-J06 two headers", authorization: []string{"Bearer " + unknown, "Bearer " + unknown}, status: 400, challenge: repeated, body: "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			h := http.Header{}
			if tt.authorization != nil {
				h["Authorization"] = tt.authorization
			}
			method := "GET"
			if tt.form != nil {
				method = "POST"
			}
			res := a.do(method, "/api/notes"+tt.path, tt.form, h)
			assert.Equal(t, tt.status, res.StatusCode)
			assert.Equal(t, []string{tt.challenge}, res.Header.Values("WWW-Authenticate"))
			assert.Equal(t, "no-store", res.Header.Get("Cache-Control"))
			if tt.body == "" {
				assert.Empty(t, res.body)
			} else {
				assert.Contains(t, res.body, `{"error":"`+tt.body+`",`)
			}
		})
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()

	t.Run("adapter-A8+express-N2+express-N4+express-U1 a good token reaches the handler", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		token := a.userToken()
		for _, scheme := range []string{"Bearer", "bearer", "BEARER"} { // adapter-A3, attack-J06
			res := a.do("GET", "/api/notes", nil, http.Header{"Authorization": {scheme + " " + token}})
			assert.Equal(t, http.StatusOK, res.StatusCode)
			assert.JSONEq(t, `{"user":"alice"}`, res.body)
		}
	})
	t.Run("adapter-A3+attack-J06 the scheme's name ignores case", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		res := a.do("GET", "/api/notes", nil, http.Header{"Authorization": {"bEaReR " + a.userToken()}})
		assert.Equal(t, http.StatusOK, res.StatusCode)
	})
	t.Run("adapter-A5 expired", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		token := a.userToken()
		a.clock.advance(time.Hour)
		res := a.do("GET", "/api/notes", nil, bearer(token))
		assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
		assert.Contains(t, res.Header.Get("WWW-Authenticate"), `error="invalid_token", error_description="The access token has expired."`)
	})
	t.Run("adapter-A9+express-U2 scopes of the route, in the headers too", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		res := a.do("GET", "/api/notes", nil, bearer(a.userToken()))
		assert.Equal(t, "read", res.Header.Get("X-Accepted-OAuth-Scopes"))
		assert.Equal(t, "read", res.Header.Get("X-OAuth-Scopes"))
	})
	t.Run("adapter-A10+express-U2 a scope is missing", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		res := a.do("GET", "/api/write", nil, bearer(a.userToken()))
		assert.Equal(t, http.StatusForbidden, res.StatusCode)
		assert.Equal(t, `Bearer realm="oauth", error="insufficient_scope", error_description="The access token lacks a scope.", scope="read write"`, res.Header.Get("WWW-Authenticate"))
		assert.Equal(t, http.StatusOK, a.do("GET", "/api/any", nil, bearer(a.userToken())).StatusCode)
	})
	t.Run("adapter-A11+adapter-A12+attack-J04 what stands in the query is not read", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		token := a.userToken()
		assert.Equal(t, http.StatusUnauthorized, a.do("GET", "/api/notes?access_token="+token, nil, nil).StatusCode)
		assert.Equal(t, http.StatusOK, a.do("GET", "/api/notes?access_token="+token, nil, bearer(token)).StatusCode)
	})
	t.Run("adapter-A11+adapter-A12 allowed in the query, in one way only", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.AllowQueryToken = true })
		token := a.userToken()
		res := a.do("GET", "/api/notes?access_token="+token, nil, nil)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Equal(t, "private", res.Header.Get("Cache-Control"))
		assert.Equal(t, http.StatusBadRequest, a.do("GET", "/api/notes?access_token="+token, nil, bearer(token)).StatusCode)
	})
	t.Run("adapter-A13+adapter-A14 allowed in the body, as a form", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.AllowBodyToken = true })
		token := a.userToken()
		a.router.POST("/api/echo", a.oauth.Authenticate("read"), func(c *gin.Context) { c.String(http.StatusOK, c.PostForm("note")) })
		res := a.do("POST", "/api/echo", url.Values{"access_token": {token}, "note": {"the handler sees the form"}}, nil)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Equal(t, "the handler sees the form", res.body)
		res = a.do("POST", "/api/notes", url.Values{"access_token": {token}}, http.Header{"Content-Type": {"application/json"}})
		assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
	})
	t.Run("adapter-A15+adapter-A6+express-K3 a store that fails", func(t *testing.T) {
		t.Parallel()
		var fault atomic.Bool
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) {
			c.Model = faulty{c.Model, func(string) error {
				if fault.Load() {
					return errors.New("password=marker-1234")
				}
				return nil
			}}
		})
		token := a.userToken()
		fault.Store(true)
		res := a.do("GET", "/api/notes", nil, bearer(token))
		assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
		assert.JSONEq(t, `{"error":"server_error","error_description":"The server could not complete the request."}`, res.body)
		assert.Empty(t, res.Header.Get("WWW-Authenticate"))
		assert.Equal(t, 1, a.events.count(engine.EventFault))
	})
	t.Run("attack-J14 challenges hold what callbacks say, cleaned", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) {
			c.VerifyScope = func(context.Context, *model.Token, []string) (bool, error) {
				return false, &engine.Error{Code: engine.CodeInsufficientScope, Description: "say \"please\"\r\nSet-Cookie: x=y"}
			}
		})
		res := a.do("GET", "/api/notes", nil, bearer(a.userToken()))
		assert.Equal(t, `Bearer realm="oauth", error="insufficient_scope", error_description="say 'please'??Set-Cookie: x=y", scope="read"`, res.Header.Get("WWW-Authenticate"))
		assert.Empty(t, res.Header.Values("Set-Cookie"))
		_, err := ginoauth.New(engine.Config{Realm: `a"b`}, ginoauth.Options{})
		assert.ErrorContains(t, err, "Config.Realm")
	})
}

func TestRequireUser(t *testing.T) {
	t.Parallel()

	t.Run("adapter-A7+attack-J08 a client's own token has no user", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		token := a.clientToken()
		res := a.do("GET", "/api/any", nil, bearer(token))
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.JSONEq(t, `{"user":""}`, res.body)
		res = a.do("GET", "/api/notes", nil, bearer(token))
		assert.Equal(t, http.StatusForbidden, res.StatusCode)
		assert.Contains(t, res.Header.Get("WWW-Authenticate"), `error="insufficient_scope", error_description="This resource needs a token of a user."`)
	})

	t.Run("attack-O06 a user whose id is that of a client", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		res := a.do("GET", "/api/notes", nil, bearer(a.clientToken()))
		assert.Equal(t, http.StatusForbidden, res.StatusCode, "the client web is not the user web")
		a.signIn("web")
		to, form := a.consentForm(authorizeQuery())
		_, m := a.token(exchange(a.decide(to, form, "allow").location(t).Query().Get("code")))
		res = a.do("GET", "/api/notes", nil, bearer(m["access_token"].(string)))
		assert.JSONEq(t, `{"user":"web"}`, res.body)
	})

	t.Run("attack-J08 without Authenticate before it, nobody gets through", func(t *testing.T) {
		t.Parallel()
		oauth := newApp(t, nil).oauth
		r := gin.New()
		r.GET("/", oauth.RequireUser(), func(*gin.Context) { t.Error("the handler ran") })
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		assert.Equal(t, http.StatusForbidden, w.Code)
	})
}

func TestTokenFrom(t *testing.T) {
	t.Parallel()
	t.Run("adapter-A8+express-N4 in the handler and below it", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.router.GET("/deep", a.oauth.Authenticate("read"), func(c *gin.Context) {
			assert.Same(t, ginoauth.TokenFrom(c), model.TokenFromContext(c.Request.Context()))
			c.String(http.StatusOK, ginoauth.TokenFrom(c).ClientID)
		})
		a.router.GET("/open", func(c *gin.Context) {
			assert.Nil(t, ginoauth.TokenFrom(c))
		})
		token := a.userToken()
		assert.Equal(t, "web", a.do("GET", "/deep", nil, bearer(token)).body)
		a.do("GET", "/open", nil, bearer(token))
	})
	t.Run("adapter-A8 nil outside of a request", func(t *testing.T) {
		t.Parallel()
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
		assert.Nil(t, ginoauth.TokenFrom(c))
		require.Nil(t, model.TokenFromContext(context.Background()))
	})
}
