package engine_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// The limits hold at use, though nothing was swept.
func TestRefreshLimits(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	t.Run("F13+attack-G10+9700-4.14.2+2.1-4.3.3 the idle limit", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		f.clock.Advance(14 * day)
		f.refresh(refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Zero(t, f.store.count("RotateRefreshToken", "RevokeGrant"), "it is expired, not a replay")
		f.clock.Advance(-time.Millisecond)
		f.refresh(refresh).tokens(t)
	})
	t.Run("F14+attack-G10 each use starts the idle limit afresh, up to the absolute limit", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		end := fixtureStart.Add(90 * day)
		for range 8 {
			f.clock.Advance(11 * day)
			_, refresh = f.refresh(refresh).tokens(t)
		}
		assert.Equal(t, end, f.store.lastToken(t).RefreshExpiresAt)
		f.clock.Advance(2*day - 90*time.Second)
		a := f.refresh(refresh)
		access, refresh := a.tokens(t)
		assert.InDelta(t, 90, a.json(t)["expires_in"], 0)
		assert.Equal(t, end, f.store.lastToken(t).AccessExpiresAt, "no access token outlives its grant")
		f.clock.Advance(90*time.Second - time.Millisecond)
		assert.True(t, f.works(access))
		f.clock.Advance(time.Millisecond)
		assert.False(t, f.works(access))
		f.refresh(refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
	})
	t.Run("attack-G10 the absolute limit, also of a record that says more", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.plant(t, func(r *model.Token) { r.GrantExpiresAt = r.IssuedAt.Add(time.Hour) })
		f.clock.Advance(time.Hour)
		f.refresh(refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
		f.clock.Advance(-time.Millisecond)
		f.refresh(refresh).tokens(t)
	})
	t.Run("F20 a client's own lifetimes", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withPassword)
		short := func(a answer) string {
			_, refresh := a.tokens(t)
			assert.InDelta(t, 60, a.json(t)["expires_in"], 0)
			assert.Equal(t, f.clock.Now().Add(2*time.Minute), f.store.lastToken(t).RefreshExpiresAt)
			return refresh
		}
		refresh := short(f.token("short", "x", "password", "username=alice", "password=wonderland", "scope=read"))
		f.clock.Advance(time.Minute)
		refresh = short(f.token("short", "x", "refresh_token", "refresh_token="+refresh))
		f.clock.Advance(2 * time.Minute)
		f.token("short", "x", "refresh_token", "refresh_token="+refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
	})
	t.Run("F20 the server's lifetimes", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) {
			c.AccessTokenLifetime, c.RefreshTokenLifetime, c.GrantLifetime = 1500*time.Millisecond, time.Minute, 2*time.Minute
		})
		_, refresh := f.tokens(t)
		a := f.refresh(refresh)
		a.tokens(t)
		assert.InDelta(t, 2, a.json(t)["expires_in"], 0, "rounded up")
		saved := f.store.lastToken(t)
		assert.Equal(t, fixtureStart.Add(time.Minute), saved.RefreshExpiresAt)
		assert.Equal(t, fixtureStart.Add(2*time.Minute), saved.GrantExpiresAt)
	})
}

// Who may not refresh gets no refresh token, and who is gone gets nothing.
func TestRefreshParties(t *testing.T) {
	t.Parallel()
	t.Run("F26+9700-4.14.2 a client without the grant gets no refresh token", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withPassword)
		_, refresh := f.token("ext", "x", "password", "username=alice", "password=wonderland", "scope=read").tokens(t)
		assert.Empty(t, refresh)
		saved := f.store.lastToken(t)
		assert.True(t, saved.Refresh.IsZero())
		assert.Zero(t, saved.RefreshExpiresAt)
		assert.Equal(t, saved.AccessExpiresAt, saved.GrantExpiresAt)
		f.token("ext", "x", "refresh_token", "refresh_token=ghost").assertError(t, http.StatusBadRequest, "unauthorized_client")
	})
	t.Run("9700-2.2.2+9700-4.14.2+2.1-4.3.1 a public client's tokens rotate, and a replay ends the grant", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t, pub()...)
		access, refresh := f.token("pub", "", "authorization_code", "code="+code, "redirect_uri="+rp, "code_verifier="+verifier).tokens(t)
		access2, refresh2 := f.token("pub", "", "refresh_token", "refresh_token="+refresh).tokens(t)
		assert.NotEqual(t, refresh, refresh2)
		f.clock.Advance(30 * time.Second)
		f.token("pub", "", "refresh_token", "refresh_token="+refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
		f.token("pub", "", "refresh_token", "refresh_token="+refresh2).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.False(t, f.works(access))
		assert.False(t, f.works(access2))
	})
	t.Run("attack-G12+2.1-4.3.1 the grant was revoked", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		require.NoError(t, f.store.RevokeGrant(t.Context(), f.store.lastToken(t).GrantID))
		f.refresh(refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Zero(t, f.countEvents(engine.EventReplayed), "that is no replay")
	})
	t.Run("attack-G12 the user is disabled", func(t *testing.T) {
		t.Parallel()
		var gone error
		f := newFixture(t, func(c *engine.Config) {
			c.CheckUser = func(_ context.Context, userID string) error {
				assert.Equal(t, "alice", userID)
				return gone
			}
		})
		_, refresh := f.tokens(t)
		gone = model.ErrNoUser
		f.refresh(refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
		gone = errors.New("ldap down")
		f.refresh(refresh).assertError(t, http.StatusInternalServerError, "server_error")
		gone = nil
		f.assertUnspent(t, refresh)
	})
	t.Run("attack-G12 the client is disabled or deleted", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		c := fixtureClients()[0]
		c.Disabled = true
		f.store.addRaw(c)
		f.refresh(refresh).assertError(t, http.StatusUnauthorized, "invalid_client")
		f.store.failOn("GetClient", model.ErrNotFound)
		f.refresh(refresh).assertError(t, http.StatusUnauthorized, "invalid_client")
		f.store.setHook(nil)
		f.setScope("read write")
		f.assertUnspent(t, refresh)
	})
	t.Run("attack-G12 the client may no longer refresh", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		c := fixtureClients()[0]
		c.Grants = []string{model.GrantAuthorizationCode}
		f.store.addRaw(c)
		f.refresh(refresh).assertError(t, http.StatusBadRequest, "unauthorized_client")
		f.setScope("read write")
		f.assertUnspent(t, refresh)
	})
}
