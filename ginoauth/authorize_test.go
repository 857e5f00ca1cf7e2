package ginoauth_test

import (
	"errors"
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

// What is wrong before client and redirect URI are trusted stays on a page of
// this server; nobody is asked to sign in for it.
func TestAuthorizeErrorsOnAPage(t *testing.T) {
	t.Parallel()
	with := func(name, value string) url.Values {
		q := authorizeQuery()
		q.Add(name, value)
		return q
	}
	for _, tt := range []struct {
		name  string
		query url.Values
		want  string
	}{
		{"adapter-Z4+attack-A02 no client_id", authorizeQuery("client_id", ""), "The parameter client_id is missing."},
		{"adapter-Z4 unknown client", authorizeQuery("client_id", "nobody"), "There is no such client."},
		{"adapter-Z4 another redirect_uri", authorizeQuery("redirect_uri", "https://evil.test/cb"), "The redirect_uri is not registered for this client."},
		{"attack-A06 bad redirect_uri and prompt=none", authorizeQuery("redirect_uri", "https://evil.test/cb", "prompt", "none"), "The redirect_uri is not registered for this client."},
		{"adapter-Z3 no redirect_uri where two are registered", authorizeQuery("client_id", "cli", "redirect_uri", ""), "The parameter redirect_uri is missing."},
		{"adapter-Z17+attack-A08 client_id twice", with("client_id", "web"), "The parameter client_id is repeated."},
		{"attack-A08 redirect_uri twice", with("redirect_uri", callback), "The parameter redirect_uri is repeated."},
		{"attack-A12 NUL in the client_id", authorizeQuery("client_id", "we\x00b"), "The parameter client_id is malformed."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			for _, signedIn := range []bool{false, true} {
				if signedIn {
					a.signIn()
				}
				res := a.authorize(tt.query)
				assert.Equal(t, http.StatusBadRequest, res.StatusCode)
				assert.Empty(t, res.Header.Get("Location"))
				assert.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
				assert.Contains(t, res.body, tt.want)
				assert.NotContains(t, res.body, "evil.test")
			}
		})
	}
}

// Everything else that is wrong goes to the client, before anybody signs in.
func TestAuthorizeErrorsToTheClient(t *testing.T) {
	t.Parallel()
	with := func(name, value string) url.Values {
		q := authorizeQuery()
		q.Add(name, value)
		return q
	}
	for _, tt := range []struct {
		name  string
		query url.Values
		want  string
	}{
		{"adapter-Z5+express-Z2+express-K2 no response_type", authorizeQuery("response_type", ""), "invalid_request"},
		{"adapter-Z6+attack-A04 response_type=token", authorizeQuery("response_type", "token"), "unsupported_response_type"},
		{"adapter-Z9 unknown scope", authorizeQuery("scope", "admin"), "invalid_scope"},
		{"adapter-Z9 scope of another client", authorizeQuery("scope", "write"), "invalid_scope"},
		{"adapter-Z10 PKCE plain", authorizeQuery("code_challenge_method", "plain"), "invalid_request"},
		{"adapter-Z10 no PKCE", authorizeQuery("code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		{"attack-A08 scope twice", with("scope", "read"), "invalid_request"},
		{"attack-A08 response_type twice", with("response_type", "code"), "invalid_request"},
		{"attack-A08 code_challenge twice", with("code_challenge", "x"), "invalid_request"},
		{"attack-A22 request", authorizeQuery("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"},
		{"attack-A22 request_uri", authorizeQuery("request_uri", "https://evil.test/r"), "request_uri_not_supported"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			res := a.authorize(tt.query)
			assert.Equal(t, http.StatusFound, res.StatusCode)
			to := res.location(t)
			assert.Equal(t, callback, to.Scheme+"://"+to.Host+to.Path)
			assert.Empty(t, to.Fragment)
			assert.Equal(t, []string{tt.want}, to.Query()["error"])
			assert.Equal(t, []string{"xyz"}, to.Query()["state"])
			assert.Equal(t, []string{a.server.URL}, to.Query()["iss"], "attack-A16")
			assert.Equal(t, "no-store", res.Header.Get("Cache-Control"))
			assert.Equal(t, "no-referrer", res.Header.Get("Referrer-Policy"))
		})
	}

	t.Run("attack-A08 state twice: neither is sent back", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		to := a.authorize(with("state", "abc")).location(t)
		assert.Equal(t, "invalid_request", to.Query().Get("error"))
		assert.False(t, to.Query().Has("state"))
	})
	t.Run("adapter-Z7 no state, where it is required", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.RequireState = true })
		to := a.authorize(authorizeQuery("state", "")).location(t)
		assert.Equal(t, "invalid_request", to.Query().Get("error"))
		assert.False(t, to.Query().Has("state"))
	})
}

func TestAuthorizeAnswers(t *testing.T) {
	t.Parallel()

	t.Run("adapter-Z1+adapter-Z19+express-Z3+attack-A16 consent, then the code", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		to, form := a.consentForm(authorizeQuery())
		assert.Zero(t, a.events.count(engine.EventAuthorized), "nothing without consent")
		res := a.decide(to, form, "allow")
		assert.Equal(t, http.StatusSeeOther, res.StatusCode)
		assert.Regexp(t, `^https://web\.test/cb\?code=[A-Za-z0-9_-]{64}&state=xyz&iss=http%3A%2F%2Flocalhost%3A\d+$`, res.Header.Get("Location"))
		assert.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		assert.Equal(t, "no-referrer", res.Header.Get("Referrer-Policy"))
		assert.Empty(t, res.body, "the code is in no body")
	})

	t.Run("adapter-Z1 own client without consent page", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		res := a.authorize(authorizeQuery("client_id", "own", "redirect_uri", "https://own.test/cb"))
		assert.Equal(t, http.StatusFound, res.StatusCode)
		assert.NotEmpty(t, res.location(t).Query().Get("code"))
	})

	t.Run("adapter-Z2+express-Z1+attack-A20 a POST becomes the same GET", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		// It comes from the client's site; nothing is decided by it.
		res := a.do("POST", "/oauth/authorize", authorizeQuery(), http.Header{"Origin": {"https://web.test"}})
		require.Equal(t, http.StatusSeeOther, res.StatusCode)
		base, err := url.Parse(a.server.URL + "/oauth/authorize")
		require.NoError(t, err)
		next := base.ResolveReference(res.location(t))
		assert.Equal(t, "/oauth/authorize", next.Path)
		assert.Equal(t, authorizeQuery(), next.Query())
		res = a.do("GET", next.RequestURI(), nil, nil)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Contains(t, res.body, "Read your notes")
	})

	for name, tt := range map[string]struct {
		path   string
		form   url.Values
		header http.Header
		status int
	}{
		"express-Z1 JSON":                       {"", url.Values{}, http.Header{"Content-Type": {"application/json"}}, 400},
		"attack-A20 multipart":                  {"", url.Values{}, http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, 400},
		"attack-A20 in the query":               {"?" + authorizeQuery().Encode(), url.Values{}, nil, 400},
		"attack-A20 one half in each":           {"?client_id=web", authorizeQuery("client_id", ""), nil, 400},
		"attack-A20 one thing in both":          {"?scope=profile", authorizeQuery(), nil, 400},
		"attack-A20 larger than 64 kB":          {"", authorizeQuery("state", strings.Repeat("x", 64<<10)), nil, 413},
		"express-Z5 a client that is not there": {"", authorizeQuery("client_id", "nobody"), nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			res := a.do("POST", "/oauth/authorize"+tt.path, tt.form, tt.header)
			assert.Equal(t, tt.status, res.StatusCode, res.body)
			assert.Empty(t, res.Header.Get("Location"))
			assert.Contains(t, res.body, "<h1>This request cannot be served</h1>")
		})
	}

	t.Run("adapter-Z3 the one registered redirect URI is used", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		to, form := a.consentForm(authorizeQuery("redirect_uri", ""))
		res := a.decide(to, form, "allow")
		assert.True(t, strings.HasPrefix(res.Header.Get("Location"), callback+"?code="))
	})

	t.Run("adapter-Z7 state is optional with PKCE", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		to, form := a.consentForm(authorizeQuery("state", ""))
		q := a.decide(to, form, "allow").location(t).Query()
		assert.NotEmpty(t, q.Get("code"))
		assert.False(t, q.Has("state"))
	})
}

// The state goes through login, consent page and answer byte for byte.
func TestAuthorizeStateIsEchoed(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]string{
		"attack-A10 8 kB":        strings.Repeat("0123456789abcdef", 512),
		"attack-A10 script":      `<script>alert(1)</script>`,
		"attack-A10 quotes":      `"'` + "`" + `\`,
		"attack-A10 CR LF":       "a\r\nSet-Cookie: x=y\r\n\r\n",
		"attack-A10 unicode":     "zürich 東京 🎉",
		"attack-A10 parameters":  "a&code=evil&state=b;c=d",
		"attack-A10 fragment":    "a#code=evil",
		"attack-A10 plus":        "a+b c%20d%2B",
		"attack-A10 not UTF-8":   "\xff\xfe",
		"attack-A10 JSON in it":  `{"next":"/a?b=c&d=e","n":1}`,
		"attack-A10 return path": "/oauth/authorize?client_id=web#x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			res := a.authorize(authorizeQuery("state", state))
			require.Equal(t, http.StatusSeeOther, res.StatusCode)
			back := res.location(t).Query().Get("return_to")
			res = a.do("POST", "/login", url.Values{"return_to": {back}}, nil)
			require.Equal(t, http.StatusSeeOther, res.StatusCode)
			require.Equal(t, state, res.location(t).Query().Get("state"))

			to, form := a.consentForm(authorizeQuery("state", state))
			for decision, member := range map[string]string{"deny": "error", "allow": "code"} {
				res := a.decide(to, form, decision)
				q := res.location(t).Query()
				assert.Equal(t, []string{state}, q["state"])
				assert.Len(t, q[member], 1)
				assert.Len(t, q["iss"], 1)
				assert.NotContains(t, q["code"], "evil")
				assert.Empty(t, res.location(t).Fragment)
				assert.Empty(t, res.Header.Get("Set-Cookie"))
			}
			to2 := a.authorize(authorizeQuery("state", state, "scope", "admin")).location(t)
			assert.Equal(t, []string{state}, to2.Query()["state"])
		})
	}
}

// Who is signed in is the application's to say.
func TestAuthenticateHandler(t *testing.T) {
	t.Parallel()
	nobody := func(*gin.Context) (*model.User, error) { return nil, ginoauth.ErrNoUser }
	for _, tt := range []struct {
		name     string
		handler  func(*gin.Context) (*model.User, error)
		status   int
		location string
		code     string // the error that goes to the client
		body     string
	}{
		{name: "adapter-Z12+adapter-Z15 nobody", handler: nobody, status: 303, location: "/login?return_to="},
		{name: "adapter-Z12 nil user", handler: func(*gin.Context) (*model.User, error) { return nil, nil }, status: 303, location: "/login?return_to="},
		{name: "adapter-Z12 wrapped ErrNoUser", handler: func(*gin.Context) (*model.User, error) {
			return nil, errors.Join(errors.New("x"), ginoauth.ErrNoUser)
		}, status: 303, location: "/login?return_to="},
		{name: "adapter-Z14 a fault", handler: func(*gin.Context) (*model.User, error) { return nil, errors.New("marker-5e1f") }, status: 302, location: callback + "?error=server_error&", code: "server_error"},
		{name: "adapter-Z14 a user without ID", handler: func(*gin.Context) (*model.User, error) { return &model.User{Name: "A"}, nil }, status: 302, location: callback + "?error=server_error&", code: "server_error"},
		{name: "adapter-Z8 an answer of the application's own", handler: func(*gin.Context) (*model.User, error) {
			return nil, &engine.Error{Code: engine.CodeTemporarilyUnavailable, Description: "Come back later."}
		}, status: 302, location: callback + "?error=temporarily_unavailable&error_description=Come%20back%20later.&", code: "temporarily_unavailable"},
		{name: "adapter-Z13 it redirected by itself", handler: func(c *gin.Context) (*model.User, error) {
			c.Redirect(http.StatusFound, "/second-factor")
			return nil, nil
		}, status: 302, location: "/second-factor"},
		{name: "adapter-Z13 it aborted", handler: func(c *gin.Context) (*model.User, error) {
			c.AbortWithStatus(http.StatusTeapot)
			return nil, errors.New("marker-5e1f")
		}, status: 418},
		{name: "adapter-Z13 it wrote a page", handler: func(c *gin.Context) (*model.User, error) {
			c.String(http.StatusOK, "step up first")
			return &model.User{ID: "alice"}, nil
		}, status: 200, body: "step up first"},
		{name: "adapter-Z13 it only set a status", handler: func(c *gin.Context) (*model.User, error) {
			c.Status(http.StatusNotFound)
			return nil, nil
		}, status: 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, func(_ *engine.Config, o *ginoauth.Options) { o.AuthenticateHandler = tt.handler })
			res := a.authorize(authorizeQuery())
			assert.Equal(t, tt.status, res.StatusCode)
			assert.True(t, strings.HasPrefix(res.Header.Get("Location"), tt.location), res.Header.Get("Location"))
			assert.Equal(t, tt.location == "", res.Header.Get("Location") == "")
			if tt.code != "" {
				assert.Equal(t, []string{tt.code}, res.location(t).Query()["error"])
				assert.Equal(t, []string{"xyz"}, res.location(t).Query()["state"])
			}
			if tt.body != "" {
				assert.Equal(t, tt.body, res.body)
			}
			assert.NotContains(t, res.Header.Get("Location")+res.body, "marker-5e1f")
			assert.Zero(t, a.events.count(engine.EventAuthorized))
		})
	}

	t.Run("adapter-Z16 a bearer token is not a signed-in user", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		token := a.userToken()
		res := a.other().do("GET", "/oauth/authorize?"+authorizeQuery().Encode(), nil, bearer(token))
		assert.Equal(t, http.StatusSeeOther, res.StatusCode)
		assert.Equal(t, "/login", res.location(t).Path)
	})

	t.Run("adapter-Z4 it is not asked about junk", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(_ *engine.Config, o *ginoauth.Options) {
			o.AuthenticateHandler = func(*gin.Context) (*model.User, error) {
				t.Error("asked")
				return nil, nil
			}
		})
		a.authorize(authorizeQuery("client_id", "nobody"))
		a.authorize(authorizeQuery("scope", "admin"))
		a.do("POST", "/oauth/authorize", authorizeQuery(), nil)
	})
}

// Two broken logins that would otherwise send the browser round and round, and
// cookies that are no session.
func TestAuthorizeWithoutUser(t *testing.T) {
	t.Parallel()

	t.Run("back from the login without a user", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		back := a.authorize(authorizeQuery()).location(t).Query().Get("return_to")
		res := a.do("GET", back, nil, nil)
		assert.Equal(t, http.StatusForbidden, res.StatusCode)
		assert.Empty(t, res.Header.Get("Location"))
		assert.Contains(t, res.body, "nobody is signed in")
		assert.Regexp(t, `reference <code>[A-Z2-7]{8}<`, res.body, "the reference under which the log has it")
		assert.Contains(t, res.body, "SameSite=Strict")
		assert.Contains(t, res.body, "Sign in again")
		// Signing in after all leads on.
		a.signIn()
		assert.Equal(t, http.StatusOK, a.do("GET", back, nil, nil).StatusCode)
	})

	for name, value := range map[string]string{
		"attack-O10 an altered cookie":  "MTYxMjM0NTY3OHxhYmNkZWZn",
		"attack-O10 a cookie of 5 kB":   strings.Repeat("A", 5<<10),
		"attack-O10 of another release": "v1.alice",
		"attack-O10 empty":              "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			res := a.do("GET", "/oauth/authorize?"+authorizeQuery().Encode(), nil, http.Header{"Cookie": {"app=" + value}})
			assert.Equal(t, http.StatusSeeOther, res.StatusCode)
			assert.Equal(t, "/login", res.location(t).Path)
		})
	}

	t.Run("attack-C02 a login URL with a query keeps it", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(_ *engine.Config, o *ginoauth.Options) { o.LoginURL = "https://id.test/login?tenant=1" })
		to := a.authorize(authorizeQuery()).location(t)
		assert.Equal(t, "id.test", to.Host)
		assert.Equal(t, "1", to.Query().Get("tenant"))
		assert.True(t, strings.HasPrefix(to.Query().Get("return_to"), "/oauth/authorize?response_type=code&"))
	})
}

// express-U1 and its like ask that the engine is called once with the request
// of this route, and that nothing runs after the answer.
func TestAuthorizeEndsTheChain(t *testing.T) {
	t.Parallel()
	oauth := newApp(t, nil).oauth
	for _, tt := range []struct{ name, target string }{
		{"express-U3+express-U4 after a page", "/authorize?client_id=nobody"},
		{"express-U3+express-U4 after an error for the client", "/authorize?" + authorizeQuery("scope", "admin").Encode()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := gin.New()
			r.GET("/authorize", oauth.Authorize(), func(*gin.Context) { t.Error("the next handler ran") })
			w := httptest.NewRecorder()
			r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, tt.target, nil))
			assert.NotEqual(t, http.StatusOK, w.Code)
		})
	}
	t.Run("express-U3+express-U5 after the way to the login", func(t *testing.T) {
		t.Parallel()
		oauth := newApp(t, func(_ *engine.Config, o *ginoauth.Options) {
			o.AuthenticateHandler = func(*gin.Context) (*model.User, error) { return nil, nil }
		}).oauth
		r := gin.New()
		r.GET("/authorize", oauth.Authorize(), func(*gin.Context) { t.Error("the next handler ran") })
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/authorize?"+authorizeQuery().Encode(), nil))
		assert.Equal(t, http.StatusSeeOther, w.Code)
	})
}
