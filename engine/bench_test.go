package engine_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/internal/alloctest"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// discard is a response that costs nothing.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// unlimited is counted like every limit, and never reached.
var unlimited = model.Rate{Interval: 1, Burst: 1 << 40}

func benchServer(tb testing.TB) *engine.Server {
	tb.Helper()
	store := memstore.New()
	require.NoError(tb, store.AddClient(model.Client{
		ID: "conf", Secrets: model.HashSecrets("s3cret"), RedirectURIs: []string{r1}, Scope: "read write",
		Grants: []string{model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantClientCredentials},
	}))
	srv, err := engine.New(engine.Config{
		Model: store, Issuer: issuer, Scopes: fixtureScopes(), Logger: slog.New(slog.DiscardHandler),
		RateLimits: engine.RateLimits{Address: unlimited, Client: unlimited, Failures: unlimited},
		Events:     func(context.Context, engine.Event) {},
	})
	require.NoError(tb, err)
	return srv
}

// benchRequest is a token request that can be sent again and again.
type benchRequest struct {
	r    *http.Request
	body benchBody
}

// benchBody is a body that is read from the start each time, without allocating.
type benchBody struct{ strings.Reader }

func (*benchBody) Close() error { return nil }

func newBenchRequest(secret string) *benchRequest {
	q := &benchRequest{}
	q.r = httptest.NewRequest(http.MethodPost, issuer+"/oauth/token", nil)
	q.r.Header.Set("Content-Type", formType)
	q.r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("conf:"+secret)))
	return q
}

// with returns the request with this form as its body.
func (q *benchRequest) with(form string) *http.Request {
	q.body.Reset(form)
	q.r.Body, q.r.ContentLength = &q.body, int64(len(form))
	return q.r
}

const clientCredentialsForm = "grant_type=client_credentials&scope=read"

var exchangeRest = "&redirect_uri=" + url.QueryEscape(r1) + "&code_verifier=" + verifier

// exchangeOf is the form that redeems the code of a redirect.
func exchangeOf(location string) string {
	_, code, _ := strings.Cut(location, "code=")
	code, _, _ = strings.Cut(code, "&")
	return "grant_type=authorization_code&code=" + code + exchangeRest
}

// operations are what the benchmarks measure, with the most allocations of each.
// One of a refresh and of an exchange is the test's own, for the form.
func operations(tb testing.TB) []alloctest.Operation {
	tb.Helper()
	srv, w := benchServer(tb), &discard{h: http.Header{}}
	good, bad := newBenchRequest("s3cret"), newBenchRequest("wrong")
	token := func(r *http.Request) *engine.TokenResponse {
		res, err := srv.Token(r)
		if err != nil {
			tb.Fatal(err)
		}
		srv.WriteToken(w, r, res)
		return res
	}
	authenticate := func(header string, ok bool) func() {
		r, scopes := rs(header), []string{"read"}
		return func() {
			_, err := srv.Authenticate(r, scopes...)
			if (err == nil) != ok {
				tb.Fatal(header, err)
			}
			if err != nil {
				srv.WriteError(w, r, err)
			}
		}
	}
	authorize, user := get(az(withS256, s256)), alice()
	code := func() string {
		req, err := srv.AuthorizeRequest(authorize)
		if err != nil {
			tb.Fatal(err)
		}
		res, err := srv.Approve(authorize.Context(), req, user, req.Scope)
		if err != nil {
			tb.Fatal(err)
		}
		srv.WriteAuthorize(w, authorize, res)
		return exchangeOf(res.Location)
	}
	refresh := token(good.with(code())).RefreshToken
	return []alloctest.Operation{
		{Name: "Authenticate/valid", Most: 1, Run: authenticate("Bearer "+token(good.with(clientCredentialsForm)).AccessToken, true)},
		{Name: "Authenticate/unknown", Most: 6, Run: authenticate("Bearer "+strings.Repeat("B", 64), false)},
		{Name: "Authenticate/malformed", Most: 6, Run: authenticate("Bearer nope", false)},
		{Name: "Authenticate/none", Most: 6, Run: authenticate("", false)},
		{Name: "Token/client_credentials", Most: 11, Run: func() { token(good.with(clientCredentialsForm)) }},
		{Name: "Token/wrong secret", Most: 13, Run: func() {
			r := bad.with(clientCredentialsForm)
			_, err := srv.Token(r)
			if err == nil {
				tb.Fatal("a wrong secret is taken")
			}
			srv.WriteError(w, r, err)
		}},
		{Name: "Token/refresh", Most: 14, Run: func() {
			refresh = token(good.with("grant_type=refresh_token&refresh_token=" + refresh)).RefreshToken
		}},
		{Name: "AuthorizeAndExchange", Most: 28, Run: func() { token(good.with(code())) }},
	}
}

func BenchmarkOperations(b *testing.B) { alloctest.Bench(b, operations(b)) }
