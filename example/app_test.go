package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/internal/syncbuf"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	logging.Disable()
	os.Exit(m.Run())
}

// browser is a browser of the demo: it keeps cookies and does not follow
// redirects by itself.
type browser struct {
	t    *testing.T
	base string
	http *http.Client
}

// startDemo serves the demo and returns a browser on it. change may alter the
// configuration.
func startDemo(t *testing.T, change ...func(*config)) *browser {
	t.Helper()
	b, _ := startApp(t, change...)
	return b
}

// startApp is startDemo for a test that looks inside.
func startApp(t *testing.T, change ...func(*config)) (*browser, *app) {
	t.Helper()
	cfg, err := parseFlags(nil, noEnv, io.Discard)
	require.NoError(t, err)
	var h http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	cfg.issuer = srv.URL
	for _, f := range change {
		f(cfg)
	}
	a, err := newAppHashing(t.Context(), cfg, builtInSeed(), slog.New(slog.DiscardHandler), 1)
	require.NoError(t, err)
	t.Cleanup(func() {
		srv.Close()
		assert.NoError(t, a.storage.close())
	})
	h = a.handler
	return newBrowser(t, srv.URL), a
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	// Not the default one, whose connections any httptest.Server that is closed closes.
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: t, base: base, http: &http.Client{Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// reply is an answer that was read.
type reply struct {
	*http.Response
	body string
}

func (b *browser) do(method, path string, form url.Values, header ...string) reply {
	b.t.Helper()
	target := path
	if !strings.HasPrefix(path, "http") {
		target = b.base + path
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, target, body)
	require.NoError(b.t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return b.read(r)
}

func (b *browser) read(r *http.Request) reply {
	b.t.Helper()
	res, err := b.http.Do(r)
	require.NoError(b.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	return reply{res, string(text)}
}

func (b *browser) get(path string) reply { return b.do(http.MethodGet, path, nil) }

func (b *browser) post(path string, pairs ...string) reply {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

// sees asserts on status and text of a page, and on what every page has.
func (b *browser) sees(r reply, status int, texts ...string) {
	b.t.Helper()
	require.Equal(b.t, status, r.StatusCode, r.body)
	for _, text := range texts {
		assert.Contains(b.t, r.body, text)
	}
	h := r.Header
	assert.Regexp(b.t, "^default-src 'none'; (img-src 'self'; )?style-src 'sha256-", h.Get("Content-Security-Policy"))
	assert.NotContains(b.t, h.Get("Content-Security-Policy"), "form-action")
	assert.Equal(b.t, "DENY", h.Get("X-Frame-Options"))
	assert.Equal(b.t, "no-store", h.Get("Cache-Control"))
	assert.NotContains(b.t, r.body, "<script")
	assert.NotContains(b.t, r.body, " style=")
}

// sent asserts that the browser is sent on, and returns where to.
func (b *browser) sent(r reply) string {
	b.t.Helper()
	require.Contains(b.t, []int{http.StatusFound, http.StatusSeeOther}, r.StatusCode, r.body)
	return r.Header.Get("Location")
}

// hiddenInput returns the value of a hidden field of a page.
func hiddenInput(t *testing.T, page, name string) string {
	t.Helper()
	_, after, ok := strings.Cut(page, `<input type="hidden" name="`+name+`" value="`)
	require.True(t, ok, "no hidden field %s", name)
	value, _, _ := strings.Cut(after, `"`)
	return htmlText(value)
}

func htmlText(s string) string {
	return strings.NewReplacer("&amp;", "&", "&#34;", `"`, "&#43;", "+").Replace(s)
}

func (b *browser) signIn(username, password string) reply {
	return b.post("/login", "username", username, "password", password)
}

// machineToken gets a token with client_credentials.
func (b *browser) machineToken(scope string) string {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+"/oauth/token", strings.NewReader("grant_type=client_credentials&scope="+url.QueryEscape(scope)))
	require.NoError(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(machineClientID, machineSecret)
	a := b.read(r)
	require.Equal(b.t, http.StatusOK, a.StatusCode, a.body)
	var tokens tokens
	require.NoError(b.t, json.Unmarshal([]byte(a.body), &tokens))
	require.NotEmpty(b.t, tokens.Access)
	return tokens.Access
}

func TestHealthAndHead(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	assert.Equal(t, "ok\n", b.get("/healthz").body)
	icon := b.get("/icon.svg")
	assert.Equal(t, http.StatusOK, icon.StatusCode)
	assert.Equal(t, "image/svg+xml", icon.Header.Get("Content-Type"))
	head := b.do(http.MethodHead, "/", nil)
	assert.Equal(t, http.StatusOK, head.StatusCode)
	assert.Empty(t, head.body)
	b.sees(b.get("/nothing"), http.StatusNotFound, "There is no such page")
	assert.Equal(t, http.StatusMethodNotAllowed, b.do(http.MethodDelete, "/api/notes", nil).StatusCode)
}

func TestEndpointsRefuseOtherMethods(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	for path, method := range map[string]string{
		"/oauth/token": http.MethodGet, "/oauth/authorize": http.MethodPut, "/.well-known/oauth-authorization-server": http.MethodPost,
	} {
		r := b.do(method, path, nil)
		assert.Equal(t, http.StatusMethodNotAllowed, r.StatusCode, path)
		assert.NotEmpty(t, r.Header.Get("Allow"), path)
	}
}

func TestPagesUnderAnotherName(t *testing.T) {
	t.Parallel()
	s := &site{origin: "http://localhost:8080"}
	for host, want := range map[string]string{
		"localhost:8080": "",
		"127.0.0.1:8080": "http://localhost:8080/client",
		"[::1]:8080":     "http://localhost:8080/client",
		"demo.test":      "", // a proxy in between: the browser may see the right name
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/client?x=y", nil)
		r.Host = host
		assert.Equal(t, want, s.canonical(r), host)
	}
}

func TestRecoverPanics(t *testing.T) {
	t.Parallel()
	var log syncbuf.Buffer
	r := gin.New()
	r.Use(recoverPanics(slog.New(slog.NewTextHandler(&log, nil))))
	r.GET("/", func(*gin.Context) { panic("oops") })
	w := httptest.NewRecorder()
	q := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?code=secret", nil)
	q.Header.Set("Cookie", "demo_session=secret")
	r.ServeHTTP(w, q)
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.NotContains(t, w.Body.String(), "oops")
	assert.Contains(t, log.String(), "oops")
	assert.NotContains(t, log.String(), "secret")
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Second: "1 second", 90 * time.Second: "90 seconds", time.Minute: "1 minute", 36 * time.Hour: "36 hours",
		14 * 24 * time.Hour: "14 days", 1500 * time.Millisecond: "1.5s",
	} {
		assert.Equal(t, want, strings.ReplaceAll(span(d), "\u00a0", " "))
	}
}

func TestIssuerWithPath(t *testing.T) {
	t.Parallel()
	b := startDemo(t, func(c *config) { c.issuer += "/tenant/a" })
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/tenant/a"} {
		r := b.get(path)
		require.Equal(t, http.StatusOK, r.StatusCode, path)
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.body), &m))
		assert.Equal(t, b.base+"/tenant/a", m["issuer"])
		assert.Equal(t, b.base+"/oauth/authorize", m["authorization_endpoint"])
		assert.Equal(t, b.base+"/oauth/token", m["token_endpoint"])
		assert.Equal(t, b.base+"/oauth/revoke", m["revocation_endpoint"])
		assert.Equal(t, b.base+"/oauth/introspect", m["introspection_endpoint"])
	}
	b.walkTo(t, "read")
	b.sees(b.get("/client"), http.StatusOK, "Get the notes")
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	b.sees(b.get("/login"), http.StatusOK, `name="username"`, `name="password"`, "wonderland")
	for _, who := range [][2]string{{"alice", "wrong"}, {"nobody", "wonderland"}, {"", ""}, {"alice", ""}} {
		b.sees(b.signIn(who[0], who[1]), http.StatusForbidden, "do not belong together")
	}
	b.sees(b.post("/login", "username", `"><b>x`, "password", "x"), http.StatusForbidden, "&lt;b&gt;x")
	assert.Equal(t, "/", b.sent(b.signIn("alice", "wonderland")))
	b.sees(b.get("/"), http.StatusOK, "Alice", "/logout")

	b.sees(b.get("/logout"), http.StatusOK, "Sign out?", "Alice")
	b.sees(b.get("/"), http.StatusOK, "Alice") // a GET changes nothing
	assert.Equal(t, "/logout", b.sent(b.post("/logout")))
	b.sees(b.get("/logout"), http.StatusOK, "You are signed out")
}

func TestLoginIsSlowed(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	r := b.signIn("alice", "wrong")
	for range 100 { // 20 would do if no time passed
		if r.StatusCode != http.StatusForbidden {
			break
		}
		r = b.signIn("alice", "wrong")
	}
	b.sees(r, http.StatusTooManyRequests, "Too many wrong passwords")
	assert.NotEmpty(t, r.Header.Get("Retry-After"))
}

func TestLoginGoesNowhereElse(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	for _, to := range []string{"https://evil.test/", "//evil.test", "/logout", "/oauth/authorize@evil.test", "/\\evil.test"} {
		r := b.post("/login", "username", "alice", "password", "wonderland", "return_to", to)
		assert.Equal(t, "/", b.sent(r), to)
	}
	good := "/oauth/authorize?client_id=demo&state=a%26b"
	assert.Equal(t, good, b.sent(b.post("/login", "username", "alice", "password", "wonderland", "return_to", good)))
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	b.sent(b.signIn("alice", "wonderland"))
	for _, path := range []string{"/login", "/logout", "/client/start", "/client/call", "/client/refresh", "/client/replay", "/client/sign-out"} {
		r := b.do(http.MethodPost, path, url.Values{"username": {"alice"}, "password": {"wonderland"}}, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test")
		b.sees(r, http.StatusForbidden, "came from another site")
	}
	b.sees(b.get("/"), http.StatusOK, "Alice")
}

func TestPasswordGrant(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{false, true} {
		sd, err := parseSeed([]byte(`{"clients": [{"client_id": "old", "client_secret": "s", "grant_types": ["password"], "scope": "read"}],
			"users": [{"username": "alice", "password": "wonderland"}]}`), on)
		require.NoError(t, err)
		cfg := &config{issuer: "http://localhost", allowPasswordGrant: on}
		a, err := newAppHashing(t.Context(), cfg, sd, slog.New(slog.DiscardHandler), 1)
		require.NoError(t, err)
		for password, want := range map[string]string{"wonderland": "access_token", "wrong": "invalid_grant"} {
			if !on {
				want = "unsupported_grant_type"
			}
			r := httptest.NewRequest(http.MethodPost, "/oauth/token", strings.NewReader("grant_type=password&username=alice&scope=read&password="+password))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("old", "s")
			w := httptest.NewRecorder()
			a.handler.ServeHTTP(w, r)
			assert.Contains(t, w.Body.String(), want)
		}
	}
}

func TestAppRefusesBadConfiguration(t *testing.T) {
	t.Parallel()
	_, err := newAppHashing(t.Context(), &config{issuer: "http://auth.test", codeLifetime: time.Minute}, builtInSeed(), slog.New(slog.DiscardHandler), 1)
	require.ErrorContains(t, err, "http")
}
