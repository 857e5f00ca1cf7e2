package stores

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/storage"
	"github.com/gin-oauth/gin-oauth-server/integration/linearizability"
	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

// A server that is told to acknowledge what is not on its disk yet forgets it when it is killed. The history shows it:
// what was checked of the others is that they were not so.
func TestForgetfulServers(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) *testserver.Server{
		"PostgreSQL": func(t *testing.T) *testserver.Server {
			return testserver.PostgreSQL(t, "synchronous_commit off", "wal_writer_delay 10000")
		},
		"MariaDB": func(t *testing.T) *testserver.Server {
			return testserver.MariaDB(t, "innodb_flush_log_at_trx_commit 0", "innodb_flush_log_at_timeout 1000")
		},
		"Redis": func(t *testing.T) *testserver.Server { return testserver.Redis(t, "appendonly no") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			dsn := server.Database(t)
			issued := time.Date(2031, time.March, 14, 15, 9, 26, 0, time.UTC)
			// It may have written just before. So there are some tries.
			found := false
			for try := 0; !found && try < 5; try++ {
				code := &model.AuthorizationCode{
					Key: model.Key{Grant: model.GrantID{1, byte(try)}, Digest: model.DigestOf("a code")}, ClientID: "web", UserID: "alice", Scope: "read",
					RedirectURI: "https://web.test/cb", IssuedAt: issued, ExpiresAt: issued.Add(time.Minute), RetainUntil: issued.Add(10 * time.Minute),
				}
				var r linearizability.Recorder
				saved := r.Do(t.Context(), 0, modeltest.Op{Verb: modeltest.SaveAuthorizationCode, Code: code}, linearizability.On(storage.ForTest(t, dsn)))
				require.NoError(t, saved.Err)
				server.Kill(t)
				server.Start(t)
				// Opened anew, because the tables may be forgotten too.
				r.Do(t.Context(), 0, modeltest.Op{Verb: modeltest.GetAuthorizationCode, Key: code.Key}, linearizability.On(storage.ForTest(t, dsn)))
				found = r.History().Check() != nil
			}
			assert.True(t, found, "nothing was lost, or it was not found")
		})
	}
}
