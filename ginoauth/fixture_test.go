package ginoauth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

// clients are those of the tests: web and web2 are confidential and differ in
// how they authenticate, spa and cli are public, own belongs to the application
// itself.
var clients = []model.Client{
	{
		ID: "web", Name: "Web App", Secrets: model.HashSecrets(secret), RedirectURIs: []string{callback}, Scope: "profile read",
		Grants: []string{model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantClientCredentials, model.GrantPassword},
	},
	{ID: "web2", Name: "Second App", Secrets: model.HashSecrets(secret), AuthMethod: model.AuthSecretPost, RedirectURIs: []string{"https://web2.test/cb"}, Scope: "read write"},
	{ID: "spa", Public: true, RedirectURIs: []string{"https://spa.test/cb"}, Scope: "read"},
	{ID: "cli", Name: "Command Line", Public: true, RedirectURIs: []string{"http://127.0.0.1/cb", "com.example.cli:/cb"}, Scope: "read"},
	{ID: "own", Name: "Own App", Secrets: model.HashSecrets(secret), RedirectURIs: []string{"https://own.test/cb"}, Scope: "read", SkipConsent: true},
}

// app is a Gin application with an authorization server in it, as a user of the
// library writes it, and a browser to use it with.
type app struct {
	t      *testing.T
	oauth  *ginoauth.Server
	store  *memstore.Store
	router *gin.Engine
	server *httptest.Server
	client *http.Client
	events *recorder
	clock  *clock
}

// newApp starts the application. mod may change the configuration first; the
// middleware goes before everything else.
func newApp(t *testing.T, mod func(*engine.Config, *ginoauth.Options), middleware ...gin.HandlerFunc) *app {
	t.Helper()
	a := &app{t: t, store: memstore.New(), router: gin.New(), events: &recorder{}, clock: &clock{now: time.Now()}}
	for _, c := range clients {
		require.NoError(t, a.store.AddClient(c))
	}
	a.server = httptest.NewServer(a.router)
	t.Cleanup(a.server.Close)
	a.server.URL = strings.Replace(a.server.URL, "127.0.0.1", "localhost", 1)
	cfg := engine.Config{
		Model: a.store, Issuer: a.server.URL, Logger: slog.New(slog.DiscardHandler), Events: a.events.record, Clock: a.clock.read,
		Scopes: []engine.ScopeInfo{{Name: "profile", Title: "See who you are"}, {Name: "read", Title: "Read your notes"}, {Name: "write", Title: "Write notes"}},
	}
	opts := ginoauth.Options{AuthenticateHandler: ginoauth.SessionUser("user_id"), LoginURL: "/login"}
	if mod != nil {
		mod(&cfg, &opts)
	}
	var err error
	a.oauth, err = ginoauth.New(cfg, opts)
	require.NoError(t, err)

	a.router.Use(middleware...)
	a.router.Use(sessions.Sessions("app", plainCookieStore()))
	a.router.POST("/login", func(c *gin.Context) {
		s := sessions.Default(c)
		user := c.PostForm("user")
		if user == "" {
			user = "alice"
		}
		s.Set("user_id", user)
		assert.NoError(t, s.Save())
		c.Redirect(http.StatusSeeOther, a.oauth.ReturnTo(c, "/"))
	})
	a.router.POST("/logout", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Clear()
		assert.NoError(t, s.Save())
	})
	a.oauth.Mount(a.router)
	api := a.router.Group("/api")
	notes := func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"user": ginoauth.TokenFrom(c).UserID}) }
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		api.Handle(method, "/notes", a.oauth.Authenticate("read"), a.oauth.RequireUser(), notes)
		api.Handle(method, "/any", a.oauth.Authenticate(), notes)
		api.Handle(method, "/write", a.oauth.Authenticate("read", "write"), notes)
	}
	a.client = newBrowser(t)
	return a
}

// newBrowser returns a browser without cookies that follows no redirect.
func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	// Not the default one, whose connections any httptest.Server that is closed closes.
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// other returns the same application seen from another browser.
func (a *app) other() *app {
	b := *a
	b.client = newBrowser(a.t)
	return &b
}

// plainCookieStore is a cookie session store without Secure, since Go's cookie
// jar sends no Secure cookies over http.
func plainCookieStore() sessions.Store {
	store := cookie.NewStore([]byte("0123456789abcdef0123456789abcdef"))
	store.Options(sessions.Options{Path: "/", MaxAge: 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return store
}

// recorder keeps the events.
type recorder struct {
	mu   sync.Mutex
	list []engine.Event
}

func (r *recorder) record(_ context.Context, e engine.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, e)
}

func (r *recorder) all() []engine.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

func (r *recorder) last() engine.Event {
	all := r.all()
	return all[len(all)-1]
}

func (r *recorder) count(of engine.EventType) int {
	n := 0
	for _, e := range r.all() {
		if e.Type == of {
			n++
		}
	}
	return n
}

// clock is a clock that a test can advance.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
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
	for _, name := range []string{"Location", "WWW-Authenticate"} {
		if v := res.Header.Get(name); v != "" {
			res.Header.Set(name, references.ReplaceAllString(v, ""))
		}
	}
	return answer{res, references.ReplaceAllString(string(b), "")}
}

// references matches the random reference of an error, also escaped in a
// redirect. Tests compare answers without it.
var references = regexp.MustCompile(`(?: |%20)(?:\(|%28)ref(?: |%20)[A-Z2-7]{8}(?:\)|%29)`)

func (a *app) authorize(q url.Values) answer {
	a.t.Helper()
	return a.do("GET", "/oauth/authorize?"+q.Encode(), nil, nil)
}

// location is where the answer redirects to.
func (r answer) location(t *testing.T) *url.URL {
	t.Helper()
	u, err := url.Parse(r.Header.Get("Location"))
	require.NoError(t, err)
	return u
}

// authorizeQuery is a good request of the client web. over holds names and
// values to change; an empty value takes the parameter away.
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

// signIn signs the browser in, as alice unless told otherwise.
func (a *app) signIn(user ...string) {
	a.t.Helper()
	res := a.do("POST", "/login", url.Values{"user": user}, nil)
	require.Equal(a.t, http.StatusSeeOther, res.StatusCode)
}

var (
	hidden = regexp.MustCompile(`name="consent_request" value="([^"]*)"`)
	action = regexp.MustCompile(`action="([^"]*)"`)
)

// consentForm gets the consent page, also where the answer is remembered, and
// returns where its form goes and what it carries.
func (a *app) consentForm(q url.Values) (string, url.Values) {
	a.t.Helper()
	res := a.authorize(q)
	if res.StatusCode == http.StatusFound {
		q = maps.Clone(q)
		q.Set("prompt", "consent")
		res = a.authorize(q)
	}
	require.Equal(a.t, http.StatusOK, res.StatusCode, res.body)
	m, act := hidden.FindStringSubmatch(res.body), action.FindStringSubmatch(res.body)
	require.Len(a.t, m, 2, res.body)
	require.Len(a.t, act, 2, res.body)
	return "/oauth/authorize" + html.UnescapeString(act[1]), url.Values{"consent_request": {html.UnescapeString(m[1])}}
}

// decide sends a consent form as the page does.
func (a *app) decide(to string, form url.Values, decision string) answer {
	a.t.Helper()
	sent := url.Values{"decision": {decision}}
	for k, v := range form {
		sent[k] = v
	}
	return a.do("POST", to, sent, http.Header{"Origin": {a.server.URL}})
}

// code goes through sign-in and consent. over changes the request.
func (a *app) code(over ...string) string {
	a.t.Helper()
	a.signIn()
	to, form := a.consentForm(authorizeQuery(over...))
	res := a.decide(to, form, "allow")
	require.Equal(a.t, http.StatusSeeOther, res.StatusCode, res.body)
	code := res.location(a.t).Query().Get("code")
	require.NotEmpty(a.t, code)
	return code
}

// token sends a token request of the client web.
func (a *app) token(form url.Values) (answer, map[string]any) {
	a.t.Helper()
	res := a.do("POST", "/oauth/token", form, http.Header{"Authorization": {basic("web", secret)}})
	var m map[string]any
	require.NoError(a.t, json.Unmarshal([]byte(res.body), &m), res.body)
	return res, m
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

func exchange(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
}

// userToken is an access token of alice, for the client web and the scope read.
func (a *app) userToken() string {
	a.t.Helper()
	_, m := a.token(exchange(a.code()))
	require.Contains(a.t, m, "access_token")
	return m["access_token"].(string)
}

// clientToken is an access token that the client web got for itself.
func (a *app) clientToken() string {
	a.t.Helper()
	_, m := a.token(url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
	require.Contains(a.t, m, "access_token")
	return m["access_token"].(string)
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// faulty is a store whose verbs fail or panic where before says so.
type faulty struct {
	model.Model
	before func(verb string) error
}

func (f faulty) GetClient(ctx context.Context, id string) (*model.Client, error) {
	if err := f.before("GetClient"); err != nil {
		return nil, err
	}
	return f.Model.GetClient(ctx, id)
}

func (f faulty) SaveAuthorizationCode(ctx context.Context, code *model.AuthorizationCode) error {
	if err := f.before("SaveAuthorizationCode"); err != nil {
		return err
	}
	return f.Model.SaveAuthorizationCode(ctx, code)
}

func (f faulty) GetAuthorizationCode(ctx context.Context, key model.Key) (*model.AuthorizationCode, error) {
	if err := f.before("GetAuthorizationCode"); err != nil {
		return nil, err
	}
	return f.Model.GetAuthorizationCode(ctx, key)
}

func (f faulty) RedeemAuthorizationCode(ctx context.Context, key model.Key, token *model.Token) error {
	if err := f.before("RedeemAuthorizationCode"); err != nil {
		return err
	}
	return f.Model.RedeemAuthorizationCode(ctx, key, token)
}

func (f faulty) SaveToken(ctx context.Context, token *model.Token) error {
	if err := f.before("SaveToken"); err != nil {
		return err
	}
	return f.Model.SaveToken(ctx, token)
}

func (f faulty) GetAccessToken(ctx context.Context, key model.Key) (*model.Token, error) {
	if err := f.before("GetAccessToken"); err != nil {
		return nil, err
	}
	return f.Model.GetAccessToken(ctx, key)
}

func (f faulty) GetRefreshToken(ctx context.Context, key model.Key) (*model.Token, error) {
	if err := f.before("GetRefreshToken"); err != nil {
		return nil, err
	}
	return f.Model.GetRefreshToken(ctx, key)
}

func (f faulty) RotateRefreshToken(ctx context.Context, key model.Key, seed [32]byte, successor *model.Token) error {
	if err := f.before("RotateRefreshToken"); err != nil {
		return err
	}
	return f.Model.RotateRefreshToken(ctx, key, seed, successor)
}
