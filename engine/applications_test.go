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

func TestApplications(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.tokens(t)
	f.clock.Advance(time.Hour)
	f.code(t, pub()...)
	f.clock.Advance(time.Minute)
	_, refresh := f.tokens(t, "scope=read write")
	f.clock.Advance(time.Minute)
	f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh).tokens(t)
	f.token("conf", "s3cret", "client_credentials").tokens(t)

	apps, err := f.srv.Applications(t.Context(), "alice")
	require.NoError(t, err)
	require.Len(t, apps, 2)
	assert.Equal(t, "pub", apps[1].ClientID)
	assert.Empty(t, apps[1].Grants, "a code that nobody exchanged in time is no access")
	conf := apps[0]
	assert.Equal(t, "conf", conf.Name())
	assert.Equal(t, f.clock.Now(), conf.LastUsedAt)
	assert.Equal(t, model.Scope("read write"), conf.Remembered)
	require.Len(t, conf.Grants, 2, "the client's own token is not hers")
	newest := conf.Grants[0]
	assert.Equal(t, fixtureStart.Add(time.Hour+time.Minute), newest.IssuedAt)
	assert.Equal(t, f.clock.Now(), newest.LastUsedAt)
	assert.Equal(t, newest.IssuedAt.Add(90*24*time.Hour), newest.ExpiresAt)

	apps, err = f.srv.Applications(t.Context(), "bob")
	require.NoError(t, err)
	assert.Empty(t, apps)
}

// An application that has no access now but would get it without asking is
// shown, and so is one that is not registered any more.
func TestApplicationsWithoutGrants(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.code(t)
	f.clock.Advance(time.Hour)
	apps, err := f.srv.Applications(t.Context(), "alice")
	require.NoError(t, err)
	require.Len(t, apps, 1)
	assert.Empty(t, apps[0].Grants)
	assert.Equal(t, model.Scope("read"), apps[0].Remembered)
	assert.Equal(t, fixtureStart, apps[0].LastUsedAt)
	f.store.RemoveClient("conf")
	apps, err = f.srv.Applications(t.Context(), "alice")
	require.NoError(t, err)
	require.Len(t, apps, 1)
	assert.Nil(t, apps[0].Client)
	assert.Equal(t, "conf", apps[0].Name())
}

// Whoever revokes, codes, access and refresh tokens end at once, those of other
// users and clients do not, and the next request is asked again.
func TestRevokeAtOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, tt := range []struct {
		name     string
		revoke   func(f *fixture, of model.GrantID) error
		one      bool // only one grant ends
		endpoint string
		reason   string
	}{
		{"attack-C18+2.1-7.9 the user, an application", func(f *fixture, _ model.GrantID) error {
			n, err := f.srv.RevokeApplication(ctx, "alice", "conf")
			if n != 2 {
				return errors.New("not two grants")
			}
			return err
		}, false, "applications", "user"},
		{"attack-C18+2.1-7.9 the user, everything", func(f *fixture, _ model.GrantID) error {
			_, err := f.srv.RevokeApplications(ctx, "alice")
			return err
		}, false, "applications", "user"},
		{"attack-C18+attack-G12 the user, one grant", func(f *fixture, id model.GrantID) error {
			return f.srv.RevokeApplicationGrant(ctx, "alice", id)
		}, true, "applications", "user"},
		{"2.1-7.9 the administrator, a user", func(f *fixture, _ model.GrantID) error {
			_, err := f.srv.RevokeUser(ctx, "alice")
			return err
		}, false, "manage", "administrator"},
		{"2.1-7.9 the administrator, a client", func(f *fixture, _ model.GrantID) error {
			_, err := f.srv.RevokeClient(ctx, "conf")
			return err
		}, false, "manage", "administrator"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			access, refresh := f.tokens(t)
			id := f.store.lastToken(t).GrantID
			code := f.code(t)
			f.user = &model.User{ID: "bob"}
			other := f.code(t, "client_id=conf2", "redirect_uri=https://client2.example/cb")
			otherAccess, _ := f.token("conf2", "s3cret2", "authorization_code", "code="+other, "redirect_uri=https://client2.example/cb").tokens(t)
			f.user = alice()

			require.NoError(t, tt.revoke(f, id))
			ev := f.lastEvent(t)
			assert.Equal(t, engine.EventRevoked, ev.Type)
			assert.Equal(t, tt.endpoint, ev.Endpoint)
			assert.Equal(t, tt.reason, ev.Reason)
			assert.Equal(t, 1, f.countEvents(engine.EventConsentForgotten))
			all, _ := f.remembered(t)
			assert.False(t, all, "the application has to ask again")
			f.assertDead(t, access, refresh)
			exchanged := f.do(exchangeRequest(code))
			if tt.one {
				exchanged.tokens(t)
			} else {
				exchanged.assertError(t, http.StatusBadRequest, "invalid_grant")
			}
			assert.True(t, f.works(otherAccess))
		})
	}
}

func TestRevokeApplicationGrantOfOthers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	access, _ := f.tokens(t)
	id := f.store.lastToken(t).GrantID
	for name, tt := range map[string]struct {
		user string
		id   model.GrantID
	}{
		"attack-C16 another user's": {"mallory", id},
		"attack-C16 nobody's":       {"alice", model.GrantID{1}},
	} {
		t.Run(name, func(t *testing.T) {
			err := f.srv.RevokeApplicationGrant(t.Context(), tt.user, tt.id)
			var e *engine.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, http.StatusNotFound, e.HTTPStatus())
			assert.True(t, f.works(access))
		})
	}
	require.NoError(t, f.srv.RevokeApplicationGrant(t.Context(), "alice", id))
	require.Error(t, f.srv.RevokeApplicationGrant(t.Context(), "alice", id), "it is not there any more")
}

// An empty user or client would select everything of the other.
func TestRevokeNeedsWhom(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	access, _ := f.tokens(t)
	for name, revoke := range map[string]func() error{
		"RevokeApplication, user":   func() error { _, err := f.srv.RevokeApplication(t.Context(), "", "conf"); return err },
		"RevokeApplication, client": func() error { _, err := f.srv.RevokeApplication(t.Context(), "alice", ""); return err },
		"RevokeApplications":        func() error { _, err := f.srv.RevokeApplications(t.Context(), ""); return err },
		"RevokeApplicationGrant":    func() error { return f.srv.RevokeApplicationGrant(t.Context(), "", f.store.lastToken(t).GrantID) },
		"Applications":              func() error { _, err := f.srv.Applications(t.Context(), ""); return err },
		"RevokeUser":                func() error { _, err := f.srv.RevokeUser(t.Context(), ""); return err },
		"RevokeClient":              func() error { _, err := f.srv.RevokeClient(t.Context(), ""); return err },
		"ListGrants":                func() error { _, err := f.srv.ListGrants(t.Context(), model.GrantFilter{}, 0); return err },
	} {
		require.Error(t, revoke(), name)
	}
	assert.True(t, f.works(access))
	f.clock.Advance(time.Minute)
	all, _ := f.remembered(t)
	assert.True(t, all)
}

// A store that fails says so, and does as much as it can.
func TestRevokeFaults(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *engine.Config) { c.Consents = brokenConsents{} })
	access, refresh := f.tokens(t)
	_, err := f.srv.RevokeUser(t.Context(), "alice")
	require.ErrorIs(t, err, errBroken)
	assert.Equal(t, engine.EventFault, f.lastEvent(t).Type)
	f.assertDead(t, access, refresh)
	_, err = f.srv.Applications(t.Context(), "alice")
	require.ErrorIs(t, err, errBroken)

	// A user who closes the page means it all the same.
	f = newFixture(t)
	access, refresh = f.tokens(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.srv.RevokeApplications(ctx, "alice")
	require.NoError(t, err)
	f.assertDead(t, access, refresh)

	// A store that cannot list is said to be one.
	f = newFixture(t, func(c *engine.Config) { c.Model = struct{ model.Model }{c.Model} })
	_, err = f.srv.RevokeUser(t.Context(), "alice")
	require.ErrorContains(t, err, "Config.GrantList")
	_, err = f.srv.Applications(t.Context(), "alice")
	require.ErrorContains(t, err, "Config.GrantList")
	_, err = f.srv.ListGrants(t.Context(), model.GrantFilter{UserID: "alice"}, 0)
	require.ErrorContains(t, err, "Config.GrantList")
	_, err = f.srv.RotateSecret(t.Context(), "conf", 0)
	require.ErrorContains(t, err, "Config.Clients")
}
