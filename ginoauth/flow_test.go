package ginoauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	secret   = "web-secret-0123456789abcdef"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	callback = "https://web.test/cb"
)

// app is a Gin application with an authorization server in it, as a user of the
// library writes it, and a browser to use it with.
type app struct {
	t      *testing.T
	oauth  *ginoauth.Server
	store  *memstore.Store
	router *gin.Engine
	server *httptest.Server
	client *http.Client
}

// newApp starts the application. mod may change the configuration first.
func newApp(t *testing.T, mod func(*engine.Config, *ginoauth.Options)) *app {
	t.Helper()
	a := &app{t: t, store: memstore.New(), router: gin.New()}
	require.NoError(t, a.store.AddClient(model.Client{
		ID: "web", Name: "Web App", Secrets: model.HashSecrets(secret), RedirectURIs: []string{callback}, Scope: "profile read",
		Grants: []string{model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantClientCredentials},
	}))
	a.server = httptest.NewServer(a.router)
	t.Cleanup(a.server.Close)
	issuer := strings.Replace(a.server.URL, "127.0.0.1", "localhost", 1)
	a.server.URL = issuer
	cfg := engine.Config{
		Model: a.store, Issuer: issuer, Logger: slog.New(slog.DiscardHandler),
		Scopes: []engine.ScopeInfo{{Name: "profile", Title: "See who you are"}, {Name: "read", Title: "Read your notes"}, {Name: "write", Title: "Write notes"}},
	}
	opts := ginoauth.Options{AuthenticateHandler: ginoauth.SessionUser("user_id"), LoginURL: "/login"}
	if mod != nil {
		mod(&cfg, &opts)
	}
	var err error
	a.oauth, err = ginoauth.New(cfg, opts)
	require.NoError(t, err)

	a.router.Use(sessions.Sessions("app", plainCookieStore()))
	a.router.POST("/login", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Set("user_id", "alice")
		assert.NoError(t, s.Save())
		c.Redirect(http.StatusSeeOther, a.oauth.ReturnTo(c, "/"))
	})
	a.oauth.Mount(a.router)
	api := a.router.Group("/api", a.oauth.Authenticate("read"), a.oauth.RequireUser())
	api.GET("/notes", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"user": ginoauth.TokenFrom(c).UserID}) })

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	a.client = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return a
}

// plainCookieStore is a cookie session store without Secure, since Go's cookie
// jar sends no Secure cookies over http.
func plainCookieStore() sessions.Store {
	store := cookie.NewStore([]byte("0123456789abcdef0123456789abcdef"))
	store.Options(sessions.Options{Path: "/", MaxAge: 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return store
}

type answer struct {
	*http.Response
	body string
}

func (a *app) do(method, path string, form url.Values, header http.Header) answer {
	a.t.Helper()
	target, err := url.Parse(a.server.URL)
	require.NoError(a.t, err)
	ref, err := url.Parse(path)
	require.NoError(a.t, err)
	req, err := http.NewRequestWithContext(a.t.Context(), method, target.ResolveReference(ref).String(), strings.NewReader(form.Encode()))
	require.NoError(a.t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := a.client.Do(req)
	require.NoError(a.t, err)
	defer func() { assert.NoError(a.t, res.Body.Close()) }()
	b, err := io.ReadAll(res.Body)
	require.NoError(a.t, err)
	return answer{res, string(b)}
}

func authorizeQuery(over ...string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {"web"}, "redirect_uri": {callback}, "scope": {"read"}, "state": {"xyz"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(over); i += 2 {
		q.Set(over[i], over[i+1])
		if over[i+1] == "" {
			q.Del(over[i])
		}
	}
	return q
}

func (a *app) signIn() {
	a.t.Helper()
	res := a.do("POST", "/login", url.Values{}, nil)
	require.Equal(a.t, http.StatusSeeOther, res.StatusCode)
}

var hidden = regexp.MustCompile(`name="consent_request" value="([^"]*)"`)
var action = regexp.MustCompile(`action="([^"]*)"`)

// consentForm gets the consent page and returns where its form goes and what it
// carries.
func (a *app) consentForm(q url.Values) (string, url.Values) {
	a.t.Helper()
	res := a.do("GET", "/oauth/authorize?"+q.Encode(), nil, nil)
	require.Equal(a.t, http.StatusOK, res.StatusCode, res.body)
	m, act := hidden.FindStringSubmatch(res.body), action.FindStringSubmatch(res.body)
	require.Len(a.t, m, 2, res.body)
	require.Len(a.t, act, 2, res.body)
	return "/oauth/authorize" + html.UnescapeString(act[1]), url.Values{"consent_request": {html.UnescapeString(m[1])}}
}

// code goes through sign-in and consent.
func (a *app) code() string {
	a.t.Helper()
	a.signIn()
	to, form := a.consentForm(authorizeQuery())
	form.Set("decision", "allow")
	res := a.do("POST", to, form, http.Header{"Origin": {a.server.URL}})
	require.Equal(a.t, http.StatusSeeOther, res.StatusCode, res.body)
	u, err := url.Parse(res.Header.Get("Location"))
	require.NoError(a.t, err)
	require.Equal(a.t, "xyz", u.Query().Get("state"))
	require.Equal(a.t, a.server.URL, u.Query().Get("iss"))
	return u.Query().Get("code")
}

func (a *app) token(form url.Values) (answer, map[string]any) {
	a.t.Helper()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("web:"+secret))
	res := a.do("POST", "/oauth/token", form, http.Header{"Authorization": {basic}})
	var m map[string]any
	require.NoError(a.t, json.Unmarshal([]byte(res.body), &m), res.body)
	return res, m
}

func TestWholeFlow(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)

	// Nobody is signed in: off to the login, and from there back.
	res := a.do("GET", "/oauth/authorize?"+authorizeQuery().Encode(), nil, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	login := res.Header.Get("Location")
	require.True(t, strings.HasPrefix(login, "/login?return_to=%2Foauth%2Fauthorize"), login)
	res = a.do("POST", login, url.Values{}, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.True(t, strings.HasPrefix(res.Header.Get("Location"), "/oauth/authorize?"), res.Header)
	res = a.do("GET", res.Header.Get("Location"), nil, nil)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, res.body, "Read your notes")

	_, tok := a.token(url.Values{"grant_type": {"authorization_code"}, "code": {a.code()}, "redirect_uri": {callback}, "code_verifier": {verifier}})
	require.Contains(t, tok, "access_token")
	res = a.do("GET", "/api/notes", nil, http.Header{"Authorization": {"Bearer " + tok["access_token"].(string)}})
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.JSONEq(t, `{"user":"alice"}`, res.body)

	_, again := a.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}})
	assert.NotEqual(t, tok["access_token"], again["access_token"])

	res = a.do("GET", "/api/notes", nil, nil)
	assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
	assert.Equal(t, `Bearer realm="oauth", scope="read"`, res.Header.Get("WWW-Authenticate"))
}
