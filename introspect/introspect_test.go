package introspect_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/introspect"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const secret = "rs s3cret:with/odd+characters"

// server is an authorization server with one client that is a resource server.
type server struct {
	*httptest.Server
	srv   *engine.Server
	asked atomic.Int64
	down  atomic.Bool
}

func newServer(t *testing.T) *server {
	t.Helper()
	store := memstore.New()
	require.NoError(t, store.AddClient(model.Client{
		ID: "rs", Secrets: model.HashSecrets(secret), Grants: []string{model.GrantClientCredentials}, ResourceServer: true, Scope: "read",
	}))
	s := &server{}
	var err error
	s.srv, err = engine.New(engine.Config{
		Model: store, Issuer: "https://as.test", Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read"}}, Logger: slog.New(slog.DiscardHandler),
		Resources: []string{"https://api.test/"},
	})
	require.NoError(t, err)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if s.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		in, err := s.srv.Introspect(r)
		if err != nil {
			s.srv.WriteError(w, r, err)
			return
		}
		s.srv.WriteIntrospection(w, r, in)
	}))
	t.Cleanup(s.Close)
	return s
}

// token issues a token to the client itself.
func (s *server) token(t *testing.T) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}, "resource": {"https://api.test/"}}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("rs", url.QueryEscape(secret))
	res, err := s.srv.Token(r)
	require.NoError(t, err)
	return res.AccessToken
}

func (s *server) verifier(t *testing.T, edit func(*introspect.Config)) *introspect.Verifier {
	t.Helper()
	cfg := introspect.Config{Endpoint: s.URL, ClientID: "rs", ClientSecret: secret}
	if edit != nil {
		edit(&cfg)
	}
	v, err := introspect.New(cfg)
	require.NoError(t, err)
	return v
}

func TestNew(t *testing.T) {
	t.Parallel()
	_, err := introspect.New(introspect.Config{Endpoint: "http://auth.example/introspect"})
	require.ErrorContains(t, err, "must use https")
	require.ErrorContains(t, err, "ClientID and ClientSecret are missing")
	_, err = introspect.New(introspect.Config{Endpoint: "introspect", ClientID: "a", ClientSecret: "b"})
	require.ErrorContains(t, err, "must be the URL")
	_, err = introspect.New(introspect.Config{Endpoint: "http://auth.example/introspect", ClientID: "a", ClientSecret: "b", AllowInsecureEndpoint: true})
	require.NoError(t, err)
}

func TestVerifyToken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	v := s.verifier(t, nil)
	access := s.token(t)
	got, err := v.VerifyToken(t.Context(), access)
	require.NoError(t, err)
	assert.Equal(t, "rs", got.ClientID)
	assert.Empty(t, got.UserID)
	assert.Equal(t, model.Scope("read"), got.Scope)
	assert.Equal(t, model.Resources("https://api.test/"), got.Resources)
	assert.WithinDuration(t, time.Now().Add(time.Hour), got.AccessExpiresAt, time.Minute)

	got.Scope = "changed"
	again, err := v.VerifyToken(t.Context(), access)
	require.NoError(t, err)
	assert.Equal(t, model.Scope("read"), again.Scope, "the result is the caller's own")
	assert.EqualValues(t, 1, s.asked.Load(), "the second answer came from the cache")

	for range 3 {
		_, err = v.VerifyToken(t.Context(), "nope")
		require.ErrorIs(t, err, model.ErrNotFound)
	}
	assert.EqualValues(t, 2, s.asked.Load())
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCacheEnds(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var mu sync.Mutex
	now := time.Now()
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	advance := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	access := s.token(t)
	t.Run("7662-4 after CacheFor", func(t *testing.T) {
		v := s.verifier(t, func(c *introspect.Config) { c.Clock = clock })
		before := s.asked.Load()
		for _, step := range []time.Duration{0, 4 * time.Second, time.Second} {
			advance(step)
			_, err := v.VerifyToken(t.Context(), access)
			require.NoError(t, err)
		}
		assert.EqualValues(t, 2, s.asked.Load()-before)
	})
	t.Run("7662-4 an answer is as old as the question", func(t *testing.T) {
		v := s.verifier(t, func(c *introspect.Config) {
			c.Clock = clock
			c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				res, err := http.DefaultTransport.RoundTrip(r)
				advance(3 * time.Second)
				return res, err
			})
		})
		before := s.asked.Load()
		for range 2 {
			_, err := v.VerifyToken(t.Context(), access)
			require.NoError(t, err)
			advance(2 * time.Second)
		}
		assert.EqualValues(t, 2, s.asked.Load()-before)
	})
	t.Run("7662-4 never beyond the expiry", func(t *testing.T) {
		v := s.verifier(t, func(c *introspect.Config) { c.Clock, c.CacheFor = clock, 24*time.Hour })
		got, err := v.VerifyToken(t.Context(), access)
		require.NoError(t, err)
		before := s.asked.Load()
		advance(time.Until(got.AccessExpiresAt) + time.Minute)
		_, err = v.VerifyToken(t.Context(), access)
		require.NoError(t, err, "the server's clock has not moved")
		assert.EqualValues(t, 1, s.asked.Load()-before)
	})
	t.Run("7662-4 turned off", func(t *testing.T) {
		v := s.verifier(t, func(c *introspect.Config) { c.CacheFor = -1 })
		before := s.asked.Load()
		for range 3 {
			_, err := v.VerifyToken(t.Context(), access)
			require.NoError(t, err)
		}
		assert.EqualValues(t, 3, s.asked.Load()-before)
	})
	t.Run("7662-4 bounded", func(t *testing.T) {
		v := s.verifier(t, func(c *introspect.Config) { c.CacheSize = 4 })
		for i := range 50 {
			_, err := v.VerifyToken(t.Context(), fmt.Sprint("nope", i))
			require.ErrorIs(t, err, model.ErrNotFound)
		}
		assert.LessOrEqual(t, v.CacheLen(), 4)
	})
}

// A server that is down, refuses or talks nonsense never lets anybody in, and
// is asked again.
func TestServerTrouble(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access := s.token(t)
	v := s.verifier(t, nil)
	s.down.Store(true)
	_, err := v.VerifyToken(t.Context(), access)
	require.ErrorContains(t, err, "502")
	require.NotErrorIs(t, err, model.ErrNotFound)
	s.down.Store(false)
	_, err = v.VerifyToken(t.Context(), access)
	require.NoError(t, err, "the fault was not cached")

	wrong := s.verifier(t, func(c *introspect.Config) { c.ClientSecret = "guess-guess" })
	_, err = wrong.VerifyToken(t.Context(), access)
	require.ErrorContains(t, err, `refused client "rs"`)
	assert.NotContains(t, err.Error(), "guess-guess")

	for name, answer := range map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"HTML":           func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"no JSON":        jsonAnswer("{"),
		"no active":      jsonAnswer(`{"scope":"read"}`),
		"a list":         jsonAnswer(`[]`),
		"a bad scope":    jsonAnswer(`{"active":true,"scope":"a\u0000b"}`),
		"a bad audience": jsonAnswer(`{"active":true,"aud":"a b"}`),
		"a bad time":     jsonAnswer(`{"active":true,"exp":-1}`),
		"active a word":  jsonAnswer(`{"active":"true"}`),
		"too much":       jsonAnswer(`{"active":true,"x":"` + strings.Repeat("x", 70<<10) + `"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := httptest.NewServer(answer)
			defer ts.Close()
			v := s.verifier(t, func(c *introspect.Config) { c.Endpoint = ts.URL })
			_, err := v.VerifyToken(t.Context(), access)
			require.Error(t, err)
			require.NotErrorIs(t, err, model.ErrNotFound)
			assert.NotContains(t, err.Error(), access)
		})
	}
	t.Run("a token bound to a key", func(t *testing.T) {
		t.Parallel()
		ts := httptest.NewServer(jsonAnswer(`{"active":true,"token_type":"DPoP"}`))
		defer ts.Close()
		_, err := s.verifier(t, func(c *introspect.Config) { c.Endpoint = ts.URL }).VerifyToken(t.Context(), access)
		require.ErrorIs(t, err, model.ErrNotFound)
	})
}

func jsonAnswer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprint(w, body)
	}
}

// Fifty callers at once are one request, and one that gives up ends nobody
// else's wait.
func TestOneRequest(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var asked atomic.Int64
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		<-release
		jsonAnswer(`{"active":true,"scope":"read","sub":"alice"}`)(w, r)
	}))
	defer ts.Close()
	v, err := introspect.New(introspect.Config{Endpoint: ts.URL, ClientID: "rs", ClientSecret: secret})
	require.NoError(t, err)

	impatient, giveUp := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := v.VerifyToken(impatient, "token"); gone <- err }()
	for asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	giveUp()
	require.ErrorIs(t, <-gone, context.Canceled)

	var wg sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		wg.Go(func() {
			tok, err := v.VerifyToken(t.Context(), "token")
			if err == nil && tok.UserID != "alice" {
				err = errors.New("not alice")
			}
			errs[i] = err
		})
	}
	close(release)
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	assert.EqualValues(t, 1, asked.Load())
}
