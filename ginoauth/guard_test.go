package ginoauth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

type staticVerifier map[string]*model.Token

func (v staticVerifier) VerifyToken(_ context.Context, token string) (*model.Token, error) {
	if token == "down" {
		return nil, errors.New("the server is down")
	}
	if t, ok := v[token]; ok {
		return t, nil
	}
	return nil, model.ErrNotFound
}

func TestGuard(t *testing.T) {
	t.Parallel()
	resource, err := engine.NewResource(engine.ResourceConfig{
		Verifier: staticVerifier{
			"alice": {UserID: "alice", Scope: "read", AccessExpiresAt: time.Now().Add(time.Hour)},
			"cron":  {ClientID: "cron", Scope: "read", AccessExpiresAt: time.Now().Add(time.Hour)},
		},
		Scopes: "read write", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	guard := ginoauth.NewGuard(resource)
	r := gin.New()
	r.GET("/notes", guard.Authenticate("read"), guard.RequireUser(), func(c *gin.Context) {
		c.String(http.StatusOK, ginoauth.TokenFrom(c).UserID)
	})
	r.GET("/write", guard.Authenticate("write"))
	for _, tc := range []struct {
		name, path, token string
		status            int
	}{
		{"adapter-A8 let through", "/notes", "alice", 200},
		{"adapter-A1 no token", "/notes", "", 401},
		{"adapter-A4 unknown", "/notes", "nope", 401},
		{"adapter-A10 scope", "/write", "alice", 403},
		{"attack-J08 no user", "/notes", "cron", 403},
		{"adapter-A15 a verifier that fails", "/notes", "down", 503},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tc.path, nil)
			if tc.token != "" {
				req.Header.Set("Authorization", "Bearer "+tc.token)
			}
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			assert.Equal(t, tc.status, w.Code)
			if tc.status == http.StatusOK {
				assert.Equal(t, "alice", w.Body.String())
			}
			assert.NotContains(t, w.Body.String(), "is down")
		})
	}
	assert.PanicsWithValue(t, "ginoauth: Authenticate(admin): there is no such scope in Config.Scopes", func() { guard.Authenticate("admin") })
}
