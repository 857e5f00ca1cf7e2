package instances

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
)

// While the database is away, a proxy is told so and nobody is let in or takes the user for signed out; when it is back,
// the demo goes on by itself, with the sessions and tokens from before.
func TestDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, ...string) *testserver.Server{
		"PostgreSQL": testserver.PostgreSQL, "MariaDB": testserver.MariaDB, "Redis": testserver.Redis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := start(t)
			require.True(t, database.Managed(), "it is killed: the environment must not name one")
			a := demo.Start(t, nil, "-store", database.DSN(), "-key", key)
			web, alice := newClient(t, "web"), a.NewVisitor(t)
			address, verifier := web.authorizeURL(a)
			tokens := web.exchange(a, alice.Authorize(address, "allow").Query().Get("code"), verifier)
			require.Equal(t, http.StatusOK, tokens.status, tokens.Error)

			database.Kill(t)
			health := func() int { return send(t, http.MethodGet, a.URL+"/healthz", http.Header{}, "", "").status }
			assert.Equal(t, http.StatusServiceUnavailable, health())
			assert.GreaterOrEqual(t, api(t, a, tokens.Access), 500)
			assert.GreaterOrEqual(t, web.refresh(a, tokens.Refresh).status, 500)
			status, _ := alice.Open(strings.TrimPrefix(address, a.URL))
			assert.GreaterOrEqual(t, status, 500)

			database.Start(t)
			require.Eventually(t, func() bool { return health() == http.StatusOK }, time.Minute, 50*time.Millisecond)
			works(t, http.StatusOK, tokens.Access, a)
			assert.Equal(t, http.StatusOK, web.refresh(a, tokens.Refresh).status)
			_, text := alice.Open("/logout")
			assert.Contains(t, text, "You are signed in as")
		})
	}
}
