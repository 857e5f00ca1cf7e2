package engine_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestListGrants(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.tokens(t)
	f.clock.Advance(time.Second)
	f.token("conf", "s3cret", "client_credentials").tokens(t)
	for name, tt := range map[string]struct {
		filter model.GrantFilter
		limit  int
		users  []string
	}{
		"2.1-7.9 of a client":            {model.GrantFilter{ClientID: "conf"}, 0, []string{"", "alice"}},
		"2.1-7.9 of a client, the first": {model.GrantFilter{ClientID: "conf"}, 1, []string{""}},
		"2.1-7.9 of a user":              {model.GrantFilter{UserID: "alice"}, 0, []string{"alice"}},
		"2.1-7.9 of nobody":              {model.GrantFilter{UserID: "bob"}, 0, nil},
	} {
		grants, err := f.srv.ListGrants(t.Context(), tt.filter, tt.limit)
		require.NoError(t, err, name)
		var users []string
		for _, g := range grants {
			users = append(users, g.UserID)
		}
		assert.Equal(t, tt.users, users, name)
	}
	// One of them, by its id.
	grants, err := f.srv.ListGrants(t.Context(), model.GrantFilter{UserID: "alice"}, 0)
	require.NoError(t, err)
	require.NoError(t, f.srv.RevokeGrant(t.Context(), grants[0].ID))
	grants, err = f.srv.ListGrants(t.Context(), model.GrantFilter{UserID: "alice"}, 0)
	require.NoError(t, err)
	assert.Empty(t, grants)
}

// What must end ends, whoever does not wait for the answer.
func TestRevokeUserOfACallerWhoHangsUp(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, revoke := range map[string]func(*fixture, model.GrantID) error{
		"9700-4.14.2 RevokeGrant": func(f *fixture, id model.GrantID) error { return f.srv.RevokeGrant(gone, id) },
		"9700-4.14.2 RevokeUser": func(f *fixture, _ model.GrantID) error {
			n, err := f.srv.RevokeUser(gone, "alice")
			assert.Equal(t, 1, n)
			return err
		},
	} {
		f := newFixture(t)
		access, refresh := f.tokens(t)
		grants, err := f.srv.ListGrants(t.Context(), model.GrantFilter{UserID: "alice"}, 0)
		require.NoError(t, err)
		require.NoError(t, revoke(f, grants[0].ID), name)
		f.assertDead(t, access, refresh)
	}
}

func TestRotateSecret(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	works := func(f *fixture, secret string) bool {
		return f.token("conf", secret, "client_credentials").Code == http.StatusOK
	}
	t.Run("2.1-7.9 both secrets live for the overlap", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		secret, err := f.srv.RotateSecret(ctx, "conf", time.Hour)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, len(secret), 43)
		assert.Equal(t, engine.EventSecretRotated, f.lastEvent(t).Type)
		assert.NotContains(t, f.logs.String(), secret)
		f.clock.Advance(time.Hour - time.Millisecond)
		assert.True(t, works(f, "s3cret"))
		assert.True(t, works(f, secret))
		f.clock.Advance(time.Millisecond)
		assert.False(t, works(f, "s3cret"))
		assert.True(t, works(f, secret))
	})
	t.Run("2.1-7.9 without overlap the old one ends at once", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		secret, err := f.srv.RotateSecret(ctx, "conf", 0)
		require.NoError(t, err)
		assert.False(t, works(f, "s3cret"))
		assert.True(t, works(f, secret))
	})
	t.Run("2.1-7.9 of three secrets two live", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		second, err := f.srv.RotateSecret(ctx, "conf", time.Hour)
		require.NoError(t, err)
		third, err := f.srv.RotateSecret(ctx, "conf", time.Hour)
		require.NoError(t, err)
		assert.False(t, works(f, "s3cret"))
		assert.True(t, works(f, second))
		assert.True(t, works(f, third))
	})
	t.Run("2.1-7.9 an overlap does not lengthen a life", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		require.NoError(t, f.store.UpdateClient(ctx, "conf", func(c *model.Client) error {
			c.Secrets[0].ExpiresAt = f.clock.Now().Add(time.Minute)
			return nil
		}))
		_, err := f.srv.RotateSecret(ctx, "conf", time.Hour)
		require.NoError(t, err)
		assert.True(t, works(f, "s3cret"))
		f.clock.Advance(time.Minute)
		assert.False(t, works(f, "s3cret"))
	})
	t.Run("2.1-7.9 tokens live on", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, refresh := f.tokens(t)
		secret, err := f.srv.RotateSecret(ctx, "conf", 0)
		require.NoError(t, err)
		assert.True(t, f.works(access))
		f.token("conf", secret, "refresh_token", "refresh_token="+refresh).tokens(t)
	})
	t.Run("what cannot be rotated", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, err := f.srv.RotateSecret(ctx, "nobody", 0)
		require.ErrorIs(t, err, model.ErrNotFound)
		assert.Equal(t, http.StatusNotFound, f.lastManaged(t, err).HTTPStatus())
		_, err = f.srv.RotateSecret(ctx, "pub", 0)
		require.ErrorContains(t, err, "public")
		assert.Equal(t, http.StatusBadRequest, f.lastManaged(t, err).HTTPStatus())
		_, err = f.srv.RotateSecret(ctx, "conf", -1)
		require.ErrorContains(t, err, "negative")
		assert.Equal(t, engine.CodeServerError, f.lastManaged(t, err).Code)
		assert.Zero(t, f.countEvents(engine.EventSecretRotated))
		f = newFixture(t, func(c *engine.Config) {
			c.VerifySecret = func(context.Context, *model.Client, string) (bool, error) { return true, nil }
		})
		_, err = f.srv.RotateSecret(ctx, "conf", 0)
		require.ErrorContains(t, err, "VerifySecret")
	})
}

func TestDisableClient(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	access, refresh := f.tokens(t)
	require.NoError(t, f.srv.DisableClient(t.Context(), "conf"))
	assert.Equal(t, engine.EventClientDisabled, f.lastEvent(t).Type)
	f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh).assertError(t, 401, "invalid_client")
	f.do(get(az())).assertError(t, 400, "invalid_client")
	assert.True(t, f.works(access), "an access token runs to its expiry …")

	require.NoError(t, f.srv.EnableClient(t.Context(), "conf"))
	assert.Equal(t, engine.EventClientEnabled, f.lastEvent(t).Type)
	access, refresh = f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh).tokens(t)

	require.NoError(t, f.srv.DisableClient(t.Context(), "conf"))
	_, err := f.srv.RevokeClient(t.Context(), "conf")
	require.NoError(t, err)
	require.NoError(t, f.srv.EnableClient(t.Context(), "conf"))
	f.assertDead(t, access, refresh) // … unless it is revoked

	err = f.srv.DisableClient(t.Context(), "nobody")
	require.ErrorIs(t, err, model.ErrNotFound)
	assert.Equal(t, http.StatusNotFound, f.lastManaged(t, err).HTTPStatus())

	_, err = f.srv.ListGrants(t.Context(), model.GrantFilter{}, 0)
	require.ErrorIs(t, err, model.ErrEmptyFilter)
	assert.Equal(t, engine.CodeServerError, f.lastManaged(t, err).Code)
}

// lastManaged returns the *Error of a function for administrators, which was
// reported.
func (f *fixture) lastManaged(t *testing.T, err error) *engine.Error {
	t.Helper()
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	ev := f.lastEvent(t)
	assert.Equal(t, "manage", ev.Endpoint)
	assert.Same(t, e, ev.Err)
	return e
}
