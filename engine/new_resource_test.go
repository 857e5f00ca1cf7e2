package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// verifierFunc is a TokenVerifier.
type verifierFunc func(ctx context.Context, token string) (*model.Token, error)

func (f verifierFunc) VerifyToken(ctx context.Context, token string) (*model.Token, error) {
	return f(ctx, token)
}

func TestNewResourceProblems(t *testing.T) {
	t.Parallel()
	_, err := engine.NewResource(engine.ResourceConfig{Resource: "api#x", Realm: `a"b`, Scopes: "a  b"})
	require.Error(t, err)
	for _, want := range []string{"Verifier is missing", "must be an absolute URL without fragment", "AuthorizationServers is missing", "Realm", "not a scope in normal form"} {
		assert.Contains(t, err.Error(), want)
	}
	assert.Equal(t, 4, strings.Count(err.Error(), "\n"), err)

	_, err = engine.NewResource(engine.ResourceConfig{Verifier: verifierFunc(nil)})
	require.ErrorContains(t, err, "Verifier is a engine_test.verifierFunc that is nil")
}

// TestResourceAlone guards an API that knows the authorization server by a
// verifier only.
func TestResourceAlone(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tokens := map[string]*model.Token{
		"good":    {ClientID: "web", UserID: "alice", Scope: "read", Resources: resourceB, AccessExpiresAt: now.Add(time.Hour)},
		"machine": {ClientID: "cron", Scope: "read", Resources: resourceB, AccessExpiresAt: now.Add(time.Hour)},
		"old":     {ClientID: "web", UserID: "alice", Scope: "read", Resources: resourceB, AccessExpiresAt: now},
		"foreign": {ClientID: "web", UserID: "alice", Scope: "read", Resources: resourceA, AccessExpiresAt: now.Add(time.Hour)},
		"unbound": {ClientID: "web", UserID: "alice", Scope: "read", AccessExpiresAt: now.Add(time.Hour)},
	}
	res, err := engine.NewResource(engine.ResourceConfig{
		Verifier: verifierFunc(func(_ context.Context, token string) (*model.Token, error) {
			switch token {
			case "down":
				return nil, errors.New("dial tcp: secret host")
			case "panics":
				panic("oh")
			}
			if tok, ok := tokens[token]; ok {
				return tok, nil
			}
			return nil, model.ErrNotFound
		}),
		Resource: resourceB, AuthorizationServers: []string{issuer}, Scopes: "read write",
		Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	for _, tc := range []struct {
		name, token string
		scopes      []string
		status      int
		challenge   string
	}{
		{"8707-2 for this resource", "good", []string{"read"}, 200, ""},
		{"8707-2 for another", "foreign", []string{"read"}, 401, `error="invalid_token"`},
		{"2.1-5.2 for none", "unbound", []string{"read"}, 401, `error="invalid_token"`},
		{"6750-3.1 expired", "old", nil, 401, `error="invalid_token"`},
		{"6750-3.1 unknown", "nope", nil, 401, `error="invalid_token"`},
		{"6750-3.1 scope", "good", []string{"write"}, 403, `error="insufficient_scope"`},
		{"6750-3.1 none", "", []string{"read"}, 401, `scope="read", resource_metadata="https://other.test/.well-known/oauth-protected-resource/api"`},
		{"the server is down", "down", nil, 503, ""},
		{"attack-O02 a panic", "panics", nil, 500, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			if tc.token != "" {
				r.Header.Set("Authorization", "Bearer "+tc.token)
			}
			w := httptest.NewRecorder()
			if _, err := res.Authenticate(r, tc.scopes...); err != nil {
				res.WriteError(w, r, err)
			}
			assert.Equal(t, tc.status, w.Code)
			assert.Equal(t, map[bool]string{true: "5"}[tc.status == 503], w.Header().Get("Retry-After"))
			assert.Contains(t, w.Header().Get("WWW-Authenticate"), tc.challenge)
			assert.NotContains(t, w.Body.String(), "secret host")
		})
	}
	t.Run("attack-J08 a token without a user", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, res.RequireUser(t.Context(), tokens["good"]))
		require.Error(t, res.RequireUser(t.Context(), tokens["machine"]))
		require.Error(t, res.RequireUser(t.Context(), nil))
	})
	t.Run("9728-3.3 the metadata", func(t *testing.T) {
		t.Parallel()
		w := httptest.NewRecorder()
		res.WriteMetadata(w, nil)
		assert.JSONEq(t, `{"resource":"`+resourceB+`","authorization_servers":["`+issuer+`"],"scopes_supported":["read","write"],"bearer_methods_supported":["header"]}`, w.Body.String())
	})
}
