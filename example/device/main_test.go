package main

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	m.Run()
}

// server is a small authorization server with an API.
func server(t *testing.T) (*ginoauth.Server, string, func(time.Duration)) {
	t.Helper()
	store := memstore.New()
	require.NoError(t, store.AddClient(model.Client{ID: "device", Public: true, Grants: []string{model.GrantDeviceCode}, Scope: "profile read"}))
	r := gin.New()
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	now := time.Now()
	oauth, err := ginoauth.New(engine.Config{
		Model: store, Issuer: srv.URL, Logger: slog.New(slog.DiscardHandler), Clock: func() time.Time { return now },
		Scopes: []engine.ScopeInfo{{Name: "profile", Title: "See who you are"}, {Name: "read", Title: "Read your notes"}},
	}, ginoauth.Options{AuthenticateHandler: func(*gin.Context) (*model.User, error) { return &model.User{ID: "alice"}, nil }, LoginURL: "/login"})
	require.NoError(t, err)
	oauth.Mount(r)
	r.GET("/api/notes", oauth.Authenticate("read"), oauth.RequireUser(), func(c *gin.Context) { c.JSON(http.StatusOK, []string{"a note"}) })
	return oauth, srv.URL, func(d time.Duration) { now = now.Add(d) }
}

var shown = regexp.MustCompile(`Enter  (\S+)`)

// user decides on the code that is shown, when the device has waited a while.
func user(t *testing.T, oauth *ginoauth.Server, out *bytes.Buffer, advance func(time.Duration), decide func(*engine.DeviceRequest, *model.User) error) func(context.Context, time.Duration) error {
	t.Helper()
	polls := 0
	return func(ctx context.Context, d time.Duration) error {
		polls++
		switch polls {
		case 2: // too soon: the device has to slow down
			advance(d / 5)
		case 4:
			m := shown.FindStringSubmatch(out.String())
			require.Len(t, m, 2, out)
			alice := &model.User{ID: "alice"}
			req, err := oauth.Engine().DeviceRequest(ctx, m[1], alice)
			require.NoError(t, err)
			require.NoError(t, decide(req, alice))
			advance(d)
		default:
			advance(d)
		}
		return nil
	}
}

func TestDevice(t *testing.T) {
	t.Parallel()
	oauth, issuer, advance := server(t)
	var out bytes.Buffer
	err := run(t.Context(), []string{"-issuer", issuer}, &out, user(t, oauth, &out, advance, func(req *engine.DeviceRequest, u *model.User) error {
		return oauth.Engine().ApproveDevice(t.Context(), req, u, req.Scope)
	}))
	require.NoError(t, err)
	assert.Contains(t, out.String(), issuer+"/device\n")
	assert.Contains(t, out.String(), "a note")
}

func TestDeviceRefused(t *testing.T) {
	t.Parallel()
	t.Run("denied", func(t *testing.T) {
		t.Parallel()
		oauth, issuer, advance := server(t)
		var out bytes.Buffer
		err := run(t.Context(), []string{"-issuer", issuer}, &out, user(t, oauth, &out, advance, func(req *engine.DeviceRequest, u *model.User) error {
			return oauth.Engine().DenyDevice(t.Context(), req, u)
		}))
		assert.EqualError(t, err, "you said no")
	})
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		_, issuer, advance := server(t)
		var out bytes.Buffer
		err := run(t.Context(), []string{"-issuer", issuer}, &out, func(context.Context, time.Duration) error { advance(time.Hour); return nil })
		assert.Error(t, err)
	})
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		_, issuer, _ := server(t)
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		err := run(ctx, []string{"-issuer", issuer}, &out, func(ctx context.Context, d time.Duration) error { cancel(); return wait(ctx, d) })
		assert.Error(t, err)
	})
	t.Run("unknown client", func(t *testing.T) {
		t.Parallel()
		_, issuer, _ := server(t)
		var refused *oauthError
		assert.ErrorAs(t, run(t.Context(), []string{"-issuer", issuer, "-client", "nobody"}, &bytes.Buffer{}, wait), &refused)
	})
	t.Run("another issuer", func(t *testing.T) {
		t.Parallel()
		_, issuer, _ := server(t)
		assert.ErrorContains(t, run(t.Context(), []string{"-issuer", issuer + "/"}, &bytes.Buffer{}, wait), "calls itself")
	})
	t.Run("no server", func(t *testing.T) {
		t.Parallel()
		assert.ErrorContains(t, run(t.Context(), []string{"-issuer", "http://127.0.0.1:1"}, &bytes.Buffer{}, wait), "go run ./example")
	})
	t.Run("help", func(t *testing.T) {
		t.Parallel()
		assert.ErrorIs(t, run(t.Context(), []string{"-h"}, &bytes.Buffer{}, wait), flag.ErrHelp)
	})
}
