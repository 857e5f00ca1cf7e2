package ginoauth_test

import (
	"crypto/rand"
	"encoding/base64"
	"io"
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
	body strings.Reader
}

func newReused(method, target string) *reused {
	q := &reused{Request: httptest.NewRequest(method, target, nil)}
	q.RemoteAddr = "192.0.2.1:1234"
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return q
}

func (q *reused) bearer(token string) *reused {
	q.Header.Set("Authorization", "Bearer "+token)
	return q
}

// with makes the request ready to be sent with this form.
func (q *reused) with(form string) *http.Request {
	q.body.Reset(form)
	q.Form, q.PostForm = nil, nil
	q.Body, q.ContentLength = io.NopCloser(&q.body), int64(len(form))
	return q.Request
}

// serve fails if the answer is another than expected.
func serve(b *testing.B, h http.Handler, w *sink, r *http.Request, status int) {
	w.status = http.StatusOK
	clear(w.header)
	h.ServeHTTP(w, r)
	if w.status != status {
		b.Fatalf("status %d instead of %d: %s", w.status, status, w.body[:w.n])
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
func benchApp(b *testing.B) *gin.Engine {
	b.Helper()
	store := memstore.New()
	for _, c := range clients {
		require.NoError(b, store.AddClient(c))
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
	require.NoError(b, err)
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

// benchToken asks for a token with the client's own credentials.
func benchToken(b *testing.B, app http.Handler) string {
	b.Helper()
	q, w := newReused(http.MethodPost, "/oauth/token"), newSink()
	q.SetBasicAuth("web", secret)
	serve(b, app, w, q.with(benchForm), http.StatusOK)
	return w.member("access_token")
}

func BenchmarkAuthenticate(b *testing.B) {
	app := benchApp(b)
	token := benchToken(b, app)
	for _, tc := range []struct {
		name, path, token string
		status            int
	}{
		{"bare", "/bare/api", "known", http.StatusOK},
		{"valid", "/api", token, http.StatusOK},
		{"bare unknown", "/bare/api", "unknown", http.StatusUnauthorized},
		{"unknown", "/api", strings.Repeat("B", 64), http.StatusUnauthorized},
		{"malformed", "/api", "nope", http.StatusUnauthorized},
		{"none", "/api", "", http.StatusUnauthorized},
	} {
		b.Run(tc.name, func(b *testing.B) {
			q, w := newReused(http.MethodGet, tc.path).bearer(tc.token), newSink()
			if tc.token == "" {
				q.Header.Del("Authorization")
			}
			b.ReportAllocs()
			for b.Loop() {
				serve(b, app, w, q.Request, tc.status)
			}
		})
	}
}

func BenchmarkToken(b *testing.B) {
	app := benchApp(b)
	for _, tc := range []struct {
		name, path, user, secret string
		status                   int
	}{
		{"bare", "/bare/token", "web", secret, http.StatusOK},
		{"client_credentials", "/oauth/token", "web", secret, http.StatusOK},
		{"wrong secret", "/oauth/token", "web", "wrong", http.StatusUnauthorized},
	} {
		b.Run(tc.name, func(b *testing.B) {
			q, w := newReused(http.MethodPost, tc.path), newSink()
			q.SetBasicAuth(tc.user, tc.secret)
			b.ReportAllocs()
			for b.Loop() {
				serve(b, app, w, q.with(benchForm), tc.status)
			}
		})
	}
	b.Run("refresh", func(b *testing.B) {
		w := newSink()
		q := newReused(http.MethodPost, "/oauth/token")
		q.SetBasicAuth("own", secret)
		serve(b, app, w, newReused(http.MethodGet, benchAuthorize).Request, http.StatusFound)
		serve(b, app, w, q.with(benchExchange(w)), http.StatusOK)
		b.ReportAllocs()
		for b.Loop() {
			serve(b, app, w, q.with("grant_type=refresh_token&refresh_token="+w.member("refresh_token")), http.StatusOK)
		}
	})
}

// benchAuthorize is a request of the application's own client, which is answered
// without a page. The challenge is that of verifier.
const benchAuthorize = "/oauth/authorize?response_type=code&client_id=own&redirect_uri=https%3A%2F%2Fown.test%2Fcb&scope=read&state=xyz" +
	"&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"

// benchExchange is the form that follows an answer to benchAuthorize.
func benchExchange(w *sink) string {
	_, code, _ := strings.Cut(w.header["Location"][0], "code=")
	code, _, _ = strings.Cut(code, "&")
	return "grant_type=authorization_code&redirect_uri=https%3A%2F%2Fown.test%2Fcb&code=" + code + "&code_verifier=" + verifier
}

func BenchmarkAuthorizeAndExchange(b *testing.B) {
	app := benchApp(b)
	b.Run("bare", func(b *testing.B) {
		get, post, w := newReused(http.MethodGet, "/bare"+strings.TrimPrefix(benchAuthorize, "/oauth")), newReused(http.MethodPost, "/bare/token"), newSink()
		b.ReportAllocs()
		for b.Loop() {
			serve(b, app, w, get.Request, http.StatusFound)
			serve(b, app, w, post.with("grant_type=client_credentials"+strings.TrimPrefix(benchExchange(w), "grant_type=authorization_code")), http.StatusOK)
		}
	})
	b.Run("own client", func(b *testing.B) {
		get, post, w := newReused(http.MethodGet, benchAuthorize), newReused(http.MethodPost, "/oauth/token"), newSink()
		post.SetBasicAuth("own", secret)
		b.ReportAllocs()
		for b.Loop() {
			serve(b, app, w, get.Request, http.StatusFound)
			serve(b, app, w, post.with(benchExchange(w)), http.StatusOK)
		}
	})
}
