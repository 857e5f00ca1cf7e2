package engine_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// A request that reads an unspent token and then loses the compare-and-set
// reads it again and is answered as a repeat.
func TestGraceLoser(t *testing.T) {
	t.Parallel()
	lose := func(t *testing.T, winner func(f *fixture, token string), options ...func(*engine.Config)) (f *fixture, a answer) {
		t.Helper()
		f = newFixture(t, options...)
		_, token := f.tokens(t)
		var once atomic.Bool
		f.store.setHook(func(_ context.Context, verb string, do func() error) error {
			if verb == "RotateRefreshToken" && once.CompareAndSwap(false, true) {
				winner(f, token)
			}
			return do()
		})
		return f, f.refresh(token)
	}
	t.Run("attack-G06 the winner's pair", func(t *testing.T) {
		t.Parallel()
		var won map[string]any
		f, a := lose(t, func(f *fixture, token string) { won = f.refresh(token).json(t) })
		assert.Equal(t, won, a.json(t))
		assert.Equal(t, engine.EventReissued, f.lastEvent(t).Type)
	})
	t.Run("attack-G06 the winner asked for another scope", func(t *testing.T) {
		t.Parallel()
		f, a := lose(t, func(f *fixture, token string) { f.refresh(token, "scope=read").tokens(t) })
		a.assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Zero(t, f.store.count("RevokeGrant"))
	})
	t.Run("attack-G06 the winner's successor was used too", func(t *testing.T) {
		t.Parallel()
		f, a := lose(t, func(f *fixture, token string) {
			_, next := f.refresh(token).tokens(t)
			f.refresh(next).tokens(t)
		})
		a.assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Equal(t, 1, f.countEvents(engine.EventReplayed))
	})
	t.Run("attack-G06 the grace is off", func(t *testing.T) {
		t.Parallel()
		f, a := lose(t, func(f *fixture, token string) { f.refresh(token).tokens(t) }, func(c *engine.Config) { c.RefreshTokenGrace = -1 })
		a.assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Equal(t, 1, f.countEvents(engine.EventReplayed))
	})
	t.Run("attack-G06 a store that contradicts itself, or fails", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, token := f.tokens(t)
		f.store.failOn("RotateRefreshToken", model.ErrSpent)
		f.refresh(token).assertError(t, http.StatusInternalServerError, "server_error")
		f.store.setHook(func(_ context.Context, verb string, do func() error) error {
			if verb == "RotateRefreshToken" {
				f.store.failOn("GetRefreshToken", errors.New("connection lost"))
				return model.ErrSpent
			}
			return do()
		})
		f.refresh(token).assertError(t, http.StatusInternalServerError, "server_error")
		f.store.setHook(nil)
		assert.Zero(t, f.store.count("RevokeGrant"))
		f.refresh(token).tokens(t)
	})
	t.Run("attack-G12 the grant was revoked before the second read", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, token := f.tokens(t)
		f.store.setHook(func(ctx context.Context, verb string, do func() error) error {
			if verb != "RotateRefreshToken" {
				return do()
			}
			assert.NoError(t, f.store.Store.RevokeGrant(ctx, f.store.lastToken(t).GrantID))
			return model.ErrSpent
		})
		f.refresh(token).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Zero(t, f.countEvents(engine.EventReplayed))
	})
	t.Run("attack-G12 the grant was revoked after the winner", func(t *testing.T) {
		t.Parallel()
		f, a := lose(t, func(f *fixture, token string) {
			f.refresh(token).tokens(t)
			assert.NoError(t, f.store.Store.RevokeGrant(t.Context(), f.store.lastToken(t).GrantID))
		})
		a.assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Zero(t, f.countEvents(engine.EventReplayed))
	})
}
