package ginoauth_test

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/internal/alloctest"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// These benchmarks send requests through a whole gin.Engine, without sockets.
// The Bare ones do the same work by hand, without protocol, checks and store:
// they are the limit that the others are read against.

const benchForm = "grant_type=client_credentials&scope=read"

// sink is a response that keeps what the benchmarks read and costs nothing.
type sink struct {
	header http.Header
	status int
	body   [512]byte
	n      int
}

func newSink() *sink { return &sink{header: http.Header{}} }

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(b []byte) (int, error) {
	s.n = copy(s.body[:], b)
	return len(b), nil
}

// member returns a string of the JSON that was written.
func (s *sink) member(name string) string {
	_, after, _ := strings.Cut(string(s.body[:s.n]), `"`+name+`":"`)
	value, _, _ := strings.Cut(after, `"`)
	return value
}

// reused is a request that is sent again and again.
type reused struct {
	*http.Request
	body reusedBody
}

// reusedBody is a body that is read from the start each time.
type reusedBody struct{ strings.Reader }

func (*reusedBody) Close() error { return nil }

func newReused(method, target string) *reused {
	q := &reused{Request: httptest.NewRequest(method, target, nil)}
	q.RemoteAddr = "192.0.2.1:1234"
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return q
}

// with makes the request ready to be sent with this form.
func (q *reused) with(form string) *http.Request {
	q.body.Reset(form)
	q.Form, q.PostForm = nil, nil
	q.Body, q.ContentLength = &q.body, int64(len(form))
	return q.Request
}

// serve fails if the answer is another than expected.
func serve(tb testing.TB, h http.Handler, w *sink, r *http.Request, status int) {
	w.status = http.StatusOK
	clear(w.header)
	h.ServeHTTP(w, r)
	if w.status != status {
		tb.Helper()
		tb.Fatalf("status %d instead of %d: %s", w.status, status, w.body[:w.n])
	}
}

func ok(c *gin.Context) { c.String(http.StatusOK, "ok") }

func bareToken(c *gin.Context) {
	if c.PostForm("grant_type") != "client_credentials" {
		c.Status(http.StatusBadRequest)
		return
	}
	var random [32]byte
	_, _ = rand.Read(random[:])
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, gin.H{
		"access_token": base64.RawURLEncoding.EncodeToString(random[:]), "token_type": "Bearer", "expires_in": 3600, "scope": "read",
	})
}

func bareAuthorize(c *gin.Context) {
	to, err := url.Parse(c.Query("redirect_uri"))
	if err != nil {
		c.Status(http.StatusBadRequest)
		return
	}
	var random [32]byte
	_, _ = rand.Read(random[:])
	to.RawQuery = url.Values{"code": {base64.RawURLEncoding.EncodeToString(random[:])}, "state": {c.Query("state")}}.Encode()
	c.Redirect(http.StatusFound, to.String())
}

// benchApp has both: under /bare what is done by hand.
func benchApp(tb testing.TB) *gin.Engine {
	tb.Helper()
	store := memstore.New()
	for _, c := range clients {
		require.NoError(tb, store.AddClient(c))
	}
	unlimited := model.Rate{Interval: 1, Burst: 1 << 40} // is counted, and never reached
	oauth, err := ginoauth.New(engine.Config{
		Model: store, Issuer: "https://as.test", Logger: slog.New(slog.DiscardHandler),
		Scopes:     []engine.ScopeInfo{{Name: "read", Title: "Read"}, {Name: "write", Title: "Write"}, {Name: "profile", Title: "Profile"}},
		RateLimits: engine.RateLimits{Address: unlimited, Client: unlimited, Failures: unlimited},
	}, ginoauth.Options{
		LoginURL:            "/login",
		AuthenticateHandler: func(*gin.Context) (*model.User, error) { return &model.User{ID: "alice"}, nil },
	})
	require.NoError(tb, err)
	r := gin.New()
	oauth.Mount(r)
	r.GET("/api", oauth.Authenticate("read"), ok)
	tokens := map[string]time.Time{"known": time.Now().Add(time.Hour)}
	r.GET("/bare/api", func(c *gin.Context) {
		token, found := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer ")
		if _, known := tokens[token]; !found || !known {
			c.Header("WWW-Authenticate", "Bearer")
			c.AbortWithStatusJSON(http.StatusUnauthorized, gin.H{"error": "invalid_token"})
		}
	}, ok)
	r.POST("/bare/token", bareToken)
	r.GET("/bare/authorize", bareAuthorize)
	return r
}

// benchAuthorize is a request of the application's own client, which is answered
// without a page. The challenge is that of verifier.
const benchAuthorize = "?response_type=code&client_id=own&redirect_uri=https%3A%2F%2Fown.test%2Fcb&scope=read&state=xyz" +
	"&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"

// benchExchange is the form that follows an answer to benchAuthorize.
func benchExchange(w *sink) string {
	_, code, _ := strings.Cut(w.header["Location"][0], "code=")
	code, _, _ = strings.Cut(code, "&")
	return "grant_type=authorization_code&redirect_uri=https%3A%2F%2Fown.test%2Fcb&code=" + code + "&code_verifier=" + verifier
}

// operations are what the benchmarks measure, with the most allocations of each:
// that of the handler behind the guard and two for the forms of a flow included.
func operations(tb testing.TB) []alloctest.Operation {
	tb.Helper()
	app, w := benchApp(tb), newSink()
	good, own, bad := newReused(http.MethodPost, "/oauth/token"), newReused(http.MethodPost, "/oauth/token"), newReused(http.MethodPost, "/oauth/token")
	good.SetBasicAuth("web", secret)
	own.SetBasicAuth("own", secret)
	bad.SetBasicAuth("web", "wrong")
	serve(tb, app, w, good.with(benchForm), http.StatusOK)
	valid := w.member("access_token")
	api := func(path, authorization string, status int) func() {
		q := newReused(http.MethodGet, path)
		if authorization != "" {
			q.Header.Set("Authorization", authorization)
		}
		return func() { serve(tb, app, w, q.Request, status) }
	}
	authorize, bareAuthorize := newReused(http.MethodGet, "/oauth/authorize"+benchAuthorize), newReused(http.MethodGet, "/bare/authorize"+benchAuthorize)
	bare := newReused(http.MethodPost, "/bare/token")
	serve(tb, app, w, authorize.Request, http.StatusFound)
	serve(tb, app, w, own.with(benchExchange(w)), http.StatusOK)
	refresh := w.member("refresh_token")
	return []alloctest.Operation{
		{Name: "Authenticate/bare", Most: alloctest.Any, Run: api("/bare/api", "Bearer known", http.StatusOK)},
		{Name: "Authenticate/valid", Most: 4, Run: api("/api", "Bearer "+valid, http.StatusOK)},
		{Name: "Authenticate/bare unknown", Most: alloctest.Any, Run: api("/bare/api", "Bearer unknown", http.StatusUnauthorized)},
		{Name: "Authenticate/unknown", Most: 7, Run: api("/api", "Bearer "+strings.Repeat("B", 64), http.StatusUnauthorized)},
		{Name: "Authenticate/malformed", Most: 7, Run: api("/api", "Bearer nope", http.StatusUnauthorized)},
		{Name: "Authenticate/none", Most: 7, Run: api("/api", "", http.StatusUnauthorized)},
		{Name: "Token/bare", Most: alloctest.Any, Run: func() { serve(tb, app, w, bare.with(benchForm), http.StatusOK) }},
		{Name: "Token/client_credentials", Most: 11, Run: func() { serve(tb, app, w, good.with(benchForm), http.StatusOK) }},
		{Name: "Token/wrong secret", Most: 15, Run: func() { serve(tb, app, w, bad.with(benchForm), http.StatusUnauthorized) }},
		{Name: "Token/refresh", Most: 15, Run: func() {
			serve(tb, app, w, own.with("grant_type=refresh_token&refresh_token="+refresh), http.StatusOK)
			refresh = w.member("refresh_token")
		}},
		{Name: "AuthorizeAndExchange/bare", Most: alloctest.Any, Run: func() {
			serve(tb, app, w, bareAuthorize.Request, http.StatusFound)
			serve(tb, app, w, bare.with("grant_type=client_credentials"+strings.TrimPrefix(benchExchange(w), "grant_type=authorization_code")), http.StatusOK)
		}},
		{Name: "AuthorizeAndExchange/own client", Most: 30, Run: func() {
			serve(tb, app, w, authorize.Request, http.StatusFound)
			serve(tb, app, w, own.with(benchExchange(w)), http.StatusOK)
		}},
	}
}

func BenchmarkOperations(b *testing.B) { alloctest.Bench(b, operations(b)) }
