package ginoauth_test

import (
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	sessionmemstore "github.com/gin-contrib/sessions/memstore"

	"github.com/gin-oauth/gin-oauth-server/internal/sessiontest"
)

func TestSessions(t *testing.T) {
	t.Parallel()
	for name, subject := range map[string]sessiontest.Subject{
		"cookie": {New: func(_ *testing.T, keys ...[]byte) (sessions.Store, func()) {
			return cookie.NewStore(keys...), nil
		}},
		"memstore": {Server: true, New: func(_ *testing.T, keys ...[]byte) (sessions.Store, func()) {
			return sessionmemstore.NewStore(keys...), nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sessiontest.Run(t, subject)
		})
	}
}
