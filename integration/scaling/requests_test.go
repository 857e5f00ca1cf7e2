package scaling

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	issuer   = "https://as.test"
	callback = "https://notes.example.com/callback"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	s256     = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// app is a server on a store, as its handlers use it.
type app struct {
	tb  testing.TB
	srv *engine.Server
	// last is the latest token response.
	last *engine.TokenResponse
}

// newApp returns a server. Without limits it does not count its requests in the store.
func newApp(tb testing.TB, s store, limits bool) *app {
	tb.Helper()
	require.NoError(tb, s.CreateClient(tb.Context(), &model.Client{
		ID: "notes-web", Secrets: model.HashSecrets("s3cret"), RedirectURIs: []string{callback}, Scope: "read",
		Grants: []string{model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantClientCredentials},
	}))
	cfg := engine.Config{
		Model: s, Issuer: issuer, Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}},
		Keys: [][]byte{[]byte("0123456789abcdef0123456789abcdef")}, Logger: slog.New(slog.DiscardHandler),
	}
	if !limits {
		off := model.Rate{Interval: -1}
		cfg.RateLimits = engine.RateLimits{Address: off, Client: off, Failures: off, Registrations: off, DeviceCodes: off}
	}
	srv, err := engine.New(cfg)
	require.NoError(tb, err)
	return &app{tb: tb, srv: srv}
}

func (a *app) post(path string, form url.Values) *http.Request {
	r := httptest.NewRequestWithContext(a.tb.Context(), http.MethodPost, issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("notes-web:s3cret")))
	return r
}

func (a *app) token(form url.Values) {
	res, err := a.srv.Token(a.post("/oauth/token", form))
	require.NoError(a.tb, err)
	a.last = res
}

func (a *app) authorize() (code string) {
	q := url.Values{
		"response_type": {"code"}, "client_id": {"notes-web"}, "redirect_uri": {callback}, "scope": {"read"}, "state": {"xyz"},
		"code_challenge": {s256}, "code_challenge_method": {"S256"},
	}
	user := &model.User{ID: "alice"}
	req, err := a.srv.AuthorizeRequest(httptest.NewRequestWithContext(a.tb.Context(), http.MethodGet, issuer+"/oauth/authorize?"+q.Encode(), nil))
	require.NoError(a.tb, err)
	res, err := a.srv.Approve(a.tb.Context(), req, user, req.Scope)
	require.NoError(a.tb, err)
	u, err := url.Parse(res.Location)
	require.NoError(a.tb, err)
	return u.Query().Get("code")
}

func (a *app) exchange(code string) {
	a.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}})
}

func (a *app) refresh() {
	a.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.last.RefreshToken}})
}

func (a *app) authenticate() {
	r := httptest.NewRequestWithContext(a.tb.Context(), http.MethodGet, issuer+"/api/notes", nil)
	r.Header.Set("Authorization", "Bearer "+a.last.AccessToken)
	_, err := a.srv.Authenticate(r, "read")
	require.NoError(a.tb, err)
}

// requests are what people and programs do, each on what the one before left.
func (a *app) requests() []request {
	var code string
	return []request{
		{"client_credentials", func() { a.token(url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}) }},
		{"authorize", func() { code = a.authorize() }},
		{"exchange", func() { a.exchange(code) }},
		{"authenticate", a.authenticate},
		{"refresh", a.refresh},
		{"introspect", func() {
			_, err := a.srv.Introspect(a.post("/oauth/introspect", url.Values{"token": {a.last.AccessToken}}))
			require.NoError(a.tb, err)
		}},
		{"revoke", func() {
			require.NoError(a.tb, a.srv.Revoke(a.post("/oauth/revoke", url.Values{"token": {a.last.RefreshToken}})))
		}},
	}
}

type request struct {
	name string
	do   func()
}

// trips counts the round trips of each request. At first, statements are prepared and scripts sent.
func trips(tb testing.TB, s subject, limits bool) (names []string, counts []int64) {
	tb.Helper()
	a := newApp(tb, s, limits)
	list := a.requests()
	for range 3 {
		for _, r := range list {
			r.do()
		}
	}
	for _, r := range list {
		before := s.trips.Load()
		r.do()
		names = append(names, r.name)
		counts = append(counts, s.trips.Load()-before)
	}
	return names, counts
}

// TestRoundTrips holds what a request costs on a network.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := k.open(t)
			if s.trips == nil {
				assert.Contains(t, []string{"memory", "SQLite"}, k.name)
				return
			}
			want := map[string][]int64{
				"PostgreSQL": {2, 3, 3, 1, 3, 2, 4},
				"MariaDB":    {6, 7, 8, 1, 8, 2, 4},
				"Redis":      {2, 3, 3, 1, 3, 2, 4},
			}[k.name]
			names, counts := trips(t, s, false)
			assert.Equal(t, want, counts, names)
		})
	}
}

// BenchmarkRequests reports the same, for the tables.
func BenchmarkRequests(b *testing.B) {
	onEach(b, func(b *testing.B, s subject) {
		if s.trips == nil {
			return
		}
		for _, limits := range []bool{false, true} {
			// The two servers share a store, but not a client.
			names, counts := trips(b, s, limits)
			require.NoError(b, s.DeleteClient(b.Context(), "notes-web"))
			for i, name := range names {
				if limits {
					name += ", limits counted"
				}
				b.Run(name, func(b *testing.B) {
					b.ReportMetric(float64(counts[i]), "trips/op")
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	})
}
