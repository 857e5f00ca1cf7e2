package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestIssue(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *engine.Config) { c.Resources = []string{apiV1} })
	res, err := f.srv.Issue(t.Context(), engine.Issue{ClientID: "pub", UserID: "alice", Scope: "read", Lifetime: 365 * 24 * time.Hour})
	require.NoError(t, err)
	assert.Empty(t, res.RefreshToken)
	assert.Equal(t, int64(365*24*3600), res.ExpiresIn)
	ev := f.lastEvent(t)
	assert.Equal(t, engine.EventIssued, ev.Type)
	assert.Equal(t, "issue", ev.Endpoint)
	assert.Equal(t, res.Token.GrantID, ev.GrantID)

	f.clock.Advance(365*24*time.Hour - time.Second)
	assert.True(t, f.works(res.AccessToken))
	apps, err := f.srv.Applications(t.Context(), "alice")
	require.NoError(t, err)
	require.Len(t, apps, 1, "2.1-7.9 the user finds it among the applications with access")
	require.NoError(t, f.srv.RevokeApplicationGrant(t.Context(), "alice", apps[0].Grants[0].ID))
	assert.False(t, f.works(res.AccessToken))

	res, err = f.srv.Issue(t.Context(), engine.Issue{ClientID: "short", Resources: apiV1})
	require.NoError(t, err)
	assert.Equal(t, int64(60), res.ExpiresIn, "the client's own lifetime")
	assert.Equal(t, model.Scope("read"), res.Token.Scope, "the default scope")
	assert.Equal(t, model.Resources(apiV1), res.Token.Resources)
	assert.False(t, f.works(res.AccessToken), "it is for another resource")
}

func TestIssueRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		issue engine.Issue
		code  string
	}{
		"no client":           {engine.Issue{UserID: "alice"}, "invalid_client"},
		"an unknown client":   {engine.Issue{ClientID: "nobody"}, "invalid_client"},
		"a disabled client":   {engine.Issue{ClientID: "off"}, "invalid_client"},
		"an unknown scope":    {engine.Issue{ClientID: "conf", Scope: "fly"}, "invalid_scope"},
		"a malformed scope":   {engine.Issue{ClientID: "conf", Scope: "re\"ad"}, "invalid_scope"},
		"beyond the client's": {engine.Issue{ClientID: "conf", Scope: "admin"}, "invalid_scope"},
		"an unknown resource": {engine.Issue{ClientID: "conf", Resources: apiV1}, "invalid_target"},
		"a disabled user":     {engine.Issue{ClientID: "conf", UserID: "mallory"}, "invalid_grant"},
		"a negative lifetime": {engine.Issue{ClientID: "conf", Lifetime: -time.Hour}, "server_error"},
		"a policy":            {engine.Issue{ClientID: "conf2"}, "invalid_scope"},
	} {
		t.Run("2.1-7.9 "+name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(c *engine.Config) {
				c.CheckUser = func(_ context.Context, id string) error {
					if id == "mallory" {
						return model.ErrNoUser
					}
					return nil
				}
				c.ValidateScope = func(_ context.Context, req engine.ScopeRequest) (model.Scope, error) {
					if req.Client.ID == "conf2" {
						return "", nil
					}
					return req.Scope, nil
				}
			})
			_, err := f.srv.Issue(t.Context(), tt.issue)
			var e *engine.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.code, e.Code)
			assert.Zero(t, f.store.count("SaveToken"))
		})
	}
	f := newFixture(t)
	down := errors.New("down")
	f.store.failOn("SaveToken", down)
	_, err := f.srv.Issue(t.Context(), engine.Issue{ClientID: "conf"})
	require.ErrorIs(t, err, down)
}
