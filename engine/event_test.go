package engine_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// What happened is told once, to the hook and to the log, as loud as it
// deserves.
func TestEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		do    func(t *testing.T, f *fixture)
		want  engine.Event // Type, Endpoint, GrantType, ClientID, UserID, Scope, Reason
		level string
	}{
		{"authorized", func(t *testing.T, f *fixture) { f.code(t) },
			engine.Event{Type: engine.EventAuthorized, Endpoint: "authorize", ClientID: "conf", UserID: "alice", Scope: "read"}, "DEBUG"},
		{"denied", func(t *testing.T, f *fixture) { f.decide(f.page(t), "deny") },
			engine.Event{Type: engine.EventDenied, Endpoint: "authorize", ClientID: "conf", UserID: "alice", Scope: "read", Reason: "user_denied"}, "INFO"},
		{"issued", func(t *testing.T, f *fixture) { f.tokens(t) },
			engine.Event{Type: engine.EventIssued, Endpoint: "token", GrantType: "authorization_code", ClientID: "conf", UserID: "alice", Scope: "read write"}, "DEBUG"},
		{"refused at authorize", func(_ *testing.T, f *fixture) { f.authorize("client_id=ghost") },
			engine.Event{Type: engine.EventRefused, Endpoint: "authorize", ClientID: "ghost", Reason: "client_unknown"}, "INFO"},
		{"refused at token", func(_ *testing.T, f *fixture) { f.token("conf", "wrong", "client_credentials") },
			engine.Event{Type: engine.EventRefused, Endpoint: "token", ClientID: "conf", Reason: "client_secret"}, "INFO"},
		{"refused by Authenticate", func(_ *testing.T, f *fixture) { f.resource(rs("Bearer x")) },
			engine.Event{Type: engine.EventRefused, Endpoint: "authenticate", Reason: "token_unknown"}, "DEBUG"},
		{"fault", func(_ *testing.T, f *fixture) {
			f.store.failOn("GetClient", errors.New("db down"))
			f.authorize()
		}, engine.Event{Type: engine.EventFault, Endpoint: "authorize", ClientID: "conf", Reason: "get_client"}, "ERROR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			tt.do(t, f)
			ev := f.lastEvent(t)
			assert.Equal(t, fixtureStart, ev.Time)
			if tt.want.Type == engine.EventRefused || tt.want.Type == engine.EventFault {
				require.NotNil(t, ev.Err)
				assert.Equal(t, ev.Reason, ev.Err.Reason)
			}
			if tt.want.Type == engine.EventAuthorized {
				assert.Equal(t, f.store.lastCode(t).Key.Grant, ev.GrantID)
			}
			ev.Time, ev.Err, ev.GrantID = tt.want.Time, nil, tt.want.GrantID
			assert.Equal(t, tt.want, ev)
			lines := strings.Split(strings.TrimSpace(f.logs.String()), "\n")
			last := lines[len(lines)-1]
			assert.Contains(t, last, "level="+tt.level)
			assert.Contains(t, last, `msg="oauth: `+string(tt.want.Type)+`"`)
			assert.Contains(t, last, "endpoint="+tt.want.Endpoint)
		})
	}
	t.Run("9700-4.9.3 what nobody checked is cut and cannot break a line of the log", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		before := len(f.logs.String())
		f.authorize("client_id=" + strings.Repeat("x", 1000) + "\nlevel=ERROR")
		assert.Len(t, strings.Split(strings.TrimSpace(f.logs.String()[before:]), "\n"), 1)
		assert.Less(t, len(f.lastEvent(t).ClientID), 300)
	})
	t.Run("the hook and the log do not depend on each other", func(t *testing.T) {
		t.Parallel()
		n := 0
		cfg := quietConfig()
		cfg.Events = func(context.Context, engine.Event) { n++ }
		srv, err := engine.New(cfg)
		require.NoError(t, err)
		_, err = srv.AuthorizeRequest(get(url.Values{}))
		require.Error(t, err)
		assert.Equal(t, 1, n)
	})
}
