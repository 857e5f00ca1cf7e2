package ginoauthtest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/ginoauthtest"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	os.Exit(m.Run())
}

// newApp is the application under test: three guarded routes.
func newApp(t testing.TB, mod func(*engine.Config)) (*gin.Engine, *ginoauth.Server) {
	t.Helper()
	store := memstore.New()
	require.NoError(t, store.AddClient(model.Client{
		ID: "cron", Secrets: model.HashSecrets("cron-secret-0123456789abcdef"), Grants: []string{model.GrantClientCredentials}, Scope: "read",
	}))
	cfg := engine.Config{
		Model: store, Issuer: "https://app.test", Logger: slog.New(slog.DiscardHandler),
		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read"}, {Name: "write", Title: "Write"}},
		CheckUser: func(_ context.Context, userID string) error {
			if userID == "ghost" {
				return model.ErrNoUser
			}
			return nil
		},
	}
	if mod != nil {
		mod(&cfg)
	}
	oauth, err := ginoauth.New(cfg, ginoauth.Options{})
	require.NoError(t, err)
	r := gin.New()
	whoami := func(c *gin.Context) {
		t := ginoauth.TokenFrom(c)
		c.String(http.StatusOK, "%s/%s/%s", t.ClientID, t.UserID, t.Scope)
	}
	r.GET("/any", oauth.Authenticate(), whoami)
	r.GET("/write", oauth.Authenticate("write"), whoami)
	r.GET("/user", oauth.Authenticate("read"), oauth.RequireUser(), whoami)
	return r, oauth
}

func get(t *testing.T, h http.Handler, path, token string) (int, string) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	ginoauthtest.Authorize(req, token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

func TestTokens(t *testing.T) {
	t.Parallel()
	r, oauth := newApp(t, nil)
	tests := []struct {
		name, token, path string
		status            int
		body              string
	}{
		{"a user's token", ginoauthtest.Token(t, oauth, "alice", "read"), "/user", 200, "ginoauthtest/alice/read"},
		{"scopes are what was asked for", ginoauthtest.Token(t, oauth, "alice", "read", "write"), "/write", 200, "ginoauthtest/alice/read write"},
		{"and no more", ginoauthtest.Token(t, oauth, "alice", "read"), "/write", 403, ""},
		{"a client's own token", ginoauthtest.ClientToken(t, oauth, "cron", "read"), "/any", 200, "cron//read"},
		{"has no user", ginoauthtest.ClientToken(t, oauth, "cron", "read"), "/user", 403, ""},
		{"a registered client for a user", ginoauthtest.Issue(t, oauth, engine.Issue{ClientID: "cron", UserID: "bob", Scope: "read"}), "/user", 200, "cron/bob/read"},
		{"something else", "no-token", "/any", 401, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, body := get(t, r, tt.path, tt.token)
			assert.Equal(t, tt.status, status, body)
			if tt.body != "" {
				assert.Equal(t, tt.body, body)
			}
		})
	}
}

func TestTokenIsTheServersOwn(t *testing.T) {
	t.Parallel()
	now, mu := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), sync.Mutex{}
	var events []engine.Event
	r, oauth := newApp(t, func(c *engine.Config) {
		c.DefaultScope, c.Resource, c.TokenPrefix = "read", "https://app.test/api", "app_"
		c.AccessTokenLifetime = time.Minute
		c.Clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		c.Events = func(_ context.Context, e engine.Event) { mu.Lock(); defer mu.Unlock(); events = append(events, e) }
	})
	token := ginoauthtest.Token(t, oauth, "alice")
	assert.Regexp(t, "^app_", token)
	status, body := get(t, r, "/any", token)
	assert.Equal(t, 200, status, body)
	assert.Equal(t, "ginoauthtest/alice/read", body, "the default scope")
	require.Len(t, events, 1)
	assert.Equal(t, engine.EventIssued, events[0].Type)

	_, err := oauth.Engine().RevokeUser(t.Context(), "alice")
	require.NoError(t, err)
	status, _ = get(t, r, "/any", token)
	assert.Equal(t, 401, status, "revoked")

	token = ginoauthtest.Token(t, oauth, "bob")
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	status, _ = get(t, r, "/any", token)
	assert.Equal(t, 401, status, "expired")
}

// TestEverythingOn makes a token where all that can be turned on is.
func TestEverythingOn(t *testing.T) {
	t.Parallel()
	r, oauth := newApp(t, func(c *engine.Config) {
		c.Keys = [][]byte{make([]byte, 32)}
		c.RefreshTokenGrace, c.ConsentLifetime = -1, -1
		c.Registration = &engine.RegistrationPolicy{AllowOpen: true, Scope: "read"}
		c.CheckPassword = func(context.Context, *model.Client, string, string) (*model.User, error) { return nil, model.ErrNoUser }
		c.TokenAttributes = func(context.Context, *model.Token) (map[string]any, error) { return map[string]any{"tenant": 1}, nil }
	})
	for range 2 {
		status, body := get(t, r, "/user", ginoauthtest.Token(t, oauth, "alice", "read"))
		assert.Equal(t, 200, status, body)
	}
}

// plainStore is the least that a store is: the further interfaces are hidden.
type plainStore struct{ model.Model }

func TestAnyStore(t *testing.T) {
	t.Parallel()
	r, oauth := newApp(t, func(c *engine.Config) { c.Model = plainStore{c.Model} })
	status, body := get(t, r, "/user", ginoauthtest.Token(t, oauth, "alice", "read"))
	assert.Equal(t, 200, status, body)
}

func TestClientUser(t *testing.T) {
	t.Parallel()
	r, oauth := newApp(t, func(c *engine.Config) {
		c.ClientUser = func(_ context.Context, c *model.Client) (*model.User, error) {
			return &model.User{ID: "service-" + c.ID}, nil
		}
	})
	status, body := get(t, r, "/user", ginoauthtest.ClientToken(t, oauth, "cron", "read"))
	assert.Equal(t, 200, status)
	assert.Equal(t, "cron/service-cron/read", body)
}

func TestAuthorizeReplaces(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	ginoauthtest.Authorize(r, "one")
	ginoauthtest.Authorize(r, "two")
	assert.Equal(t, []string{"Bearer two"}, r.Header["Authorization"])
}

// failing is a test that can fail without failing this one.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestRefused(t *testing.T) {
	t.Parallel()
	_, oauth := newApp(t, nil)
	_, narrow := newApp(t, func(c *engine.Config) {
		c.ValidateScope = func(context.Context, engine.ScopeRequest) (model.Scope, error) { return "read", nil }
		c.ClientUser = func(context.Context, *model.Client) (*model.User, error) { return nil, errors.New("no directory") }
	})
	tests := []struct {
		name string
		do   func(t testing.TB) string
		says []string
	}{
		{"no user", func(t testing.TB) string { return ginoauthtest.Token(t, oauth, "", "read") }, []string{"ClientToken"}},
		{"a user that is refused", func(t testing.TB) string { return ginoauthtest.Token(t, oauth, "ghost", "read") }, []string{`user "ghost"`, "invalid_grant"}},
		{"an unknown scope", func(t testing.TB) string { return ginoauthtest.Token(t, oauth, "alice", "delete") }, []string{"invalid_scope", `"delete"`}},
		{"no scope and no default", func(t testing.TB) string { return ginoauthtest.Token(t, oauth, "alice") }, []string{"invalid_scope"}},
		{"two scopes in one string", func(t testing.TB) string { return ginoauthtest.Token(t, oauth, "alice", "read write") }, []string{`"read write" is not a scope`}},
		{"an empty scope", func(t testing.TB) string { return ginoauthtest.Token(t, oauth, "alice", "") }, []string{`"" is not a scope`}},
		{"no client", func(t testing.TB) string { return ginoauthtest.ClientToken(t, oauth, "", "read") }, []string{"registered client"}},
		{"an unknown client", func(t testing.TB) string { return ginoauthtest.ClientToken(t, oauth, "nobody", "read") }, []string{"nobody", "invalid_client"}},
		{"an unknown client with ClientUser", func(t testing.TB) string { return ginoauthtest.ClientToken(t, narrow, "nobody", "read") }, []string{"nobody"}},
		{"a faulty ClientUser", func(t testing.TB) string { return ginoauthtest.ClientToken(t, narrow, "cron", "read") }, []string{"ClientUser", "no directory"}},
		{"more than the client has", func(t testing.TB) string { return ginoauthtest.ClientToken(t, oauth, "cron", "write") }, []string{"invalid_scope"}},
		{"the policy narrows", func(t testing.TB) string { return ginoauthtest.Token(t, narrow, "alice", "read", "write") }, []string{"ValidateScope", `"read write"`, `"read"`}},
		{"a lifetime that is none", func(t testing.TB) string {
			return ginoauthtest.Issue(t, narrow, engine.Issue{UserID: "alice", Scope: "read", Lifetime: time.Millisecond})
		}, []string{"Lifetime"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, token := &failing{TB: t}, ""
			done := make(chan struct{})
			go func() {
				defer close(done)
				token = tt.do(f)
			}()
			<-done
			assert.Empty(t, token)
			for _, text := range append(tt.says, "ginoauthtest: ") {
				assert.Contains(t, f.said, text)
			}
		})
	}
}
