package ginoauth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
)

func TestOnError(t *testing.T) {
	t.Parallel()
	// An application that answers errors in a form of its own.
	own := func(_ *engine.Config, o *ginoauth.Options) {
		o.OnError = func(c *gin.Context, e *engine.Error) {
			c.JSON(e.HTTPStatus(), gin.H{"problem": e.Code, "why": e.Reason})
		}
	}

	for _, tt := range []struct {
		name, method, path string
		form               url.Values
		header             http.Header
		status             int
		body               string
		want               map[string]string
	}{
		{
			name: "adapter-A17+express-Z4 guard", method: "GET", path: "/api/notes", status: 401, body: `{"problem":"","why":"no_credentials"}`,
			want: map[string]string{"WWW-Authenticate": `Bearer realm="oauth", scope="read"`, "Cache-Control": "no-store"},
		},
		{
			name: "adapter-A17 token", method: "POST", path: "/oauth/token", form: clientForm, header: http.Header{"Authorization": {basic("web", "wrong")}},
			status: 401, body: `{"problem":"invalid_client","why":"client_secret"}`,
			want: map[string]string{"WWW-Authenticate": `Basic realm="oauth"`, "Cache-Control": "no-store", "Pragma": "no-cache"},
		},
		{
			name: "adapter-A17 method", method: "GET", path: "/oauth/token", status: 405, body: `{"problem":"invalid_request","why":"method"}`,
			want: map[string]string{"Allow": "POST"},
		},
		{
			name: "adapter-A17 metadata", method: "POST", path: metadataPath, status: 405, body: `{"problem":"invalid_request","why":"method"}`,
			want: map[string]string{"Allow": "GET, HEAD"},
		},
		{
			name: "adapter-A17+attack-A18 authorize", method: "GET", path: "/oauth/authorize", status: 400, body: `{"problem":"invalid_request","why":"client_id_missing"}`,
			want: map[string]string{"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := newApp(t, own).do(tt.method, tt.path, tt.form, tt.header)
			assert.Equal(t, tt.status, res.StatusCode)
			assert.JSONEq(t, tt.body, res.body)
			assert.Equal(t, "application/json; charset=utf-8", res.Header.Get("Content-Type"))
			for name, value := range tt.want {
				assert.Equal(t, value, res.Header.Get(name), name)
			}
		})
	}

	t.Run("express-Z4 what goes to the client by a redirect does", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(_ *engine.Config, o *ginoauth.Options) {
			o.OnError = func(*gin.Context, *engine.Error) { t.Error("asked") }
		})
		assert.Equal(t, "invalid_scope", a.authorize(authorizeQuery("scope", "admin")).location(t).Query().Get("error"))
	})

	t.Run("adapter-A17 one that writes nothing: the status stands, the guard holds", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(_ *engine.Config, o *ginoauth.Options) { o.OnError = func(*gin.Context, *engine.Error) {} })
		res := a.do("GET", "/api/notes", nil, nil)
		assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
		assert.NotEmpty(t, res.Header.Get("WWW-Authenticate"))
		assert.Empty(t, res.body)
		assert.Equal(t, http.StatusBadRequest, a.authorize(url.Values{}).StatusCode)
	})

	t.Run("adapter-A17 it sees the cause", func(t *testing.T) {
		t.Parallel()
		boom := errors.New("boom")
		got := make(chan error, 1)
		a := newApp(t, func(c *engine.Config, o *ginoauth.Options) {
			c.Model = faulty{c.Model, func(string) error { return boom }}
			o.OnError = func(_ *gin.Context, e *engine.Error) { got <- e }
		})
		res := a.authorize(authorizeQuery())
		assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
		assert.ErrorIs(t, <-got, boom)
	})
}

// What Gin's loggers print: code and description, no causes, no secrets.
func TestGinErrors(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	collect := func(c *gin.Context) {
		c.Next()
		mu.Lock()
		defer mu.Unlock()
		for _, e := range c.Errors {
			seen = append(seen, e.Error()+"|"+fmt.Sprintf("%+v", e.Err)+"|"+e.Err.Error())
			if inner := errors.Unwrap(e.Err); inner != nil {
				seen = append(seen, "cause: "+inner.Error())
			}
		}
		if b, err := json.Marshal(c.Errors); err == nil && len(c.Errors) > 0 {
			seen = append(seen, string(b))
		}
	}
	a := newApp(t, nil, collect)

	code := a.code()
	a.do("GET", "/api/notes", nil, nil)
	a.do("GET", "/api/notes", nil, bearer("marker-bearer-4711"))
	a.do("POST", "/oauth/token", clientForm, http.Header{"Authorization": {basic("web", "marker-secret-4711")}})
	bad := exchange(code)
	bad.Set("redirect_uri", "https://web.test/marker-uri-4711")
	a.token(bad)
	bad = exchange(code)
	bad.Set("code_verifier", "marker-verifier-4711-marker-verifier-4711-xyz")
	a.token(bad)
	a.authorize(authorizeQuery("client_id", "marker-client-4711"))
	a.authorize(authorizeQuery("scope", "marker-scope-4711"))

	mu.Lock()
	defer mu.Unlock()
	all := strings.Join(seen, "\n")
	require.NotEmpty(t, seen)
	assert.Contains(t, all, "invalid_client: Client authentication failed.")
	assert.Contains(t, all, "unauthorized")
	for _, never := range []string{"4711", code, secret, verifier, "cause: ", basic("web", secret)} {
		assert.NotContains(t, all, never)
	}
}

// A store that fails with a text that tells something: it is in no body, no
// header, no redirect and none of Gin's errors, and it is in the log.
func TestFaultsLeakNothing(t *testing.T) {
	t.Parallel()
	const marker = "marker-0815 dsn=postgres://u:p@db"
	for _, verb := range []string{
		"GetClient", "SaveAuthorizationCode", "GetAuthorizationCode", "RedeemAuthorizationCode",
		"SaveToken", "GetAccessToken", "GetRefreshToken", "RotateRefreshToken",
	} {
		for how, fail := range map[string]func() error{
			"adapter-A15+adapter-T11+adapter-Z11 error": func() error { return errors.New(marker) },
			"attack-O02 panic":                          func() error { panic(marker) },
			"adapter-A15 wrapped error of the engine": func() error {
				return fmt.Errorf("%s: %w", marker, &engine.Error{Code: engine.CodeServerError, Description: "Not now.", Cause: errors.New(marker)})
			},
		} {
			t.Run(how+" in "+verb, func(t *testing.T) {
				t.Parallel()
				var log strings.Builder
				var mu sync.Mutex
				var ginErrors []string
				var failing atomic.Bool
				a := newApp(t, func(c *engine.Config, o *ginoauth.Options) {
					withPassword(c, o)
					c.Model = faulty{c.Model, func(v string) error {
						if v == verb && failing.Load() {
							return fail()
						}
						return nil
					}}
					c.Logger = slog.New(slog.NewTextHandler(&locked{&mu, &log}, nil))
				}, func(c *gin.Context) {
					c.Next()
					mu.Lock()
					defer mu.Unlock()
					for _, e := range c.Errors {
						ginErrors = append(ginErrors, fmt.Sprintf("%v %+v", e, e.Err))
					}
				})
				// A code, a pair and a page from before the fault.
				_, pair := a.token(exchange(a.code()))
				code := a.code()
				to, form := a.consentForm(authorizeQuery())
				failing.Store(true)
				var answers []answer
				answers = append(answers, a.authorize(authorizeQuery()), a.decide(to, form, "allow"))
				for _, f := range []url.Values{
					exchange(code), clientForm, passwordForm,
					{"grant_type": {"refresh_token"}, "refresh_token": {pair["refresh_token"].(string)}},
				} {
					res, _ := a.token(f)
					answers = append(answers, res)
				}
				answers = append(answers, a.do("GET", "/api/notes", nil, bearer(pair["access_token"].(string))))
				failing.Store(false)

				faults := 0
				for _, res := range answers {
					var header strings.Builder
					require.NoError(t, res.Header.Write(&header))
					assert.NotContains(t, res.body+header.String(), "0815")
					assert.NotContains(t, res.body+header.String(), "goroutine ")
					if res.StatusCode == http.StatusInternalServerError || strings.Contains(res.Header.Get("Location"), "error=server_error") {
						faults++
					}
				}
				mu.Lock()
				defer mu.Unlock()
				assert.NotContains(t, strings.Join(ginErrors, "\n"), "0815")
				assert.Positive(t, faults)
				assert.Contains(t, log.String(), "marker-0815", "the developer finds it in the log")
			})
		}
	}
}

// locked is a writer behind a mutex.
type locked struct {
	mu *sync.Mutex
	b  *strings.Builder
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// An error of the application that is one of the protocol passes as it is, and
// its shared value is not changed by that.
func TestErrorsOfTheApplicationPass(t *testing.T) {
	t.Parallel()
	shared := &engine.Error{Code: engine.CodeTemporarilyUnavailable, Description: "Come back at six.", Header: http.Header{"Retry-After": {"60"}}}
	for name, tt := range map[string]struct {
		call   func(a *app) answer
		status int
	}{
		"adapter-Z14 at the token endpoint": {func(a *app) answer { res, _ := a.token(clientForm); return res }, 503},
		"adapter-Z14 on a page":             {func(a *app) answer { return a.authorize(authorizeQuery()) }, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) {
				c.Model = faulty{c.Model, func(string) error { return shared }}
			})
			res := tt.call(a)
			assert.Equal(t, tt.status, res.StatusCode)
			assert.Contains(t, res.body, "Come back at six.")
			assert.Equal(t, "60", res.Header.Get("Retry-After"))
		})
	}
}
