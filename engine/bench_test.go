package engine_test

import (
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// discard is a response that costs nothing.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func benchServer(b *testing.B) *engine.Server {
	b.Helper()
	store := memstore.New()
	require.NoError(b, store.AddClient(model.Client{
		ID: "conf", Secrets: model.HashSecrets("s3cret"), RedirectURIs: []string{r1}, Scope: "read write",
		Grants: []string{model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantClientCredentials},
	}))
	unlimited := model.Rate{Interval: 1, Burst: 1 << 40} // is counted, and never reached
	srv, err := engine.New(engine.Config{
		Model: store, Issuer: issuer, Scopes: fixtureScopes(), Logger: slog.New(slog.DiscardHandler),
		RateLimits: engine.RateLimits{Address: unlimited, Client: unlimited, Failures: unlimited},
	})
	require.NoError(b, err)
	return srv
}

// benchRequest is a token request that can be sent again and again.
type benchRequest struct {
	r    *http.Request
	body strings.Reader
	form string
}

func newBenchRequest(form url.Values) *benchRequest {
	q := &benchRequest{form: form.Encode()}
	q.r = httptest.NewRequest(http.MethodPost, issuer+"/oauth/token", nil)
	q.r.Header.Set("Content-Type", formType)
	q.r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("conf:s3cret")))
	return q
}

func (q *benchRequest) reset() *http.Request {
	q.body.Reset(q.form)
	q.r.Body, q.r.ContentLength = io.NopCloser(&q.body), int64(len(q.form))
	return q.r
}

func BenchmarkAuthenticate(b *testing.B) {
	srv := benchServer(b)
	q := newBenchRequest(url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
	res, err := srv.Token(q.reset())
	require.NoError(b, err)
	for name, token := range map[string]string{"valid": res.AccessToken, "unknown": strings.Repeat("B", 64), "malformed": "nope"} {
		b.Run(name, func(b *testing.B) {
			r := rs("Bearer " + token)
			w := &discard{h: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := srv.Authenticate(r, "read"); err != nil {
					srv.WriteError(w, r, err)
				}
			}
		})
	}
}

func BenchmarkClientCredentials(b *testing.B) {
	srv := benchServer(b)
	q := newBenchRequest(url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
	w := &discard{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		res, err := srv.Token(q.reset())
		if err != nil {
			b.Fatal(err)
		}
		srv.WriteToken(w, q.r, res)
	}
}

// benchCode goes through the authorization endpoint as an application does.
func benchCode(b *testing.B, srv *engine.Server, r *http.Request, user *model.User) string {
	b.Helper()
	req, err := srv.AuthorizeRequest(r)
	if err != nil {
		b.Fatal(err)
	}
	res, err := srv.Approve(r.Context(), req, user, req.Scope)
	if err != nil {
		b.Fatal(err)
	}
	_, code, _ := strings.Cut(res.Location, "code=")
	code, _, _ = strings.Cut(code, "&")
	return code
}

func BenchmarkAuthorizeAndExchange(b *testing.B) {
	srv := benchServer(b)
	r, user := get(az(withS256, s256)), alice()
	q := newBenchRequest(nil)
	w := &discard{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		q.form = "grant_type=authorization_code&code=" + benchCode(b, srv, r, user) + "&redirect_uri=" + url.QueryEscape(r1) + "&code_verifier=" + verifier
		res, err := srv.Token(q.reset())
		if err != nil {
			b.Fatal(err)
		}
		srv.WriteToken(w, q.r, res)
	}
}

func BenchmarkRefresh(b *testing.B) {
	srv := benchServer(b)
	q := newBenchRequest(nil)
	q.form = "grant_type=authorization_code&code=" + benchCode(b, srv, get(az(withS256, s256)), alice()) + "&redirect_uri=" + url.QueryEscape(r1) + "&code_verifier=" + verifier
	res, err := srv.Token(q.reset())
	require.NoError(b, err)
	w := &discard{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		q.form = "grant_type=refresh_token&refresh_token=" + res.RefreshToken
		if res, err = srv.Token(q.reset()); err != nil {
			b.Fatal(err)
		}
		srv.WriteToken(w, q.r, res)
	}
}
