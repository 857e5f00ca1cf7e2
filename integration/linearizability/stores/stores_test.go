// Package stores checks the histories of the stores on real servers, also those in which an instance is killed, the
// server is killed and started again, or stands still for a while.
package stores

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/storage"
	"github.com/gin-oauth/gin-oauth-server/integration/linearizability"
	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

func TestMain(m *testing.M) {
	if dsn := os.Getenv(instanceOf); dsn != "" {
		fmt.Fprintln(os.Stderr, serve(dsn))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// servers start a server that a test has to itself.
var servers = map[string]func(testing.TB, ...string) *testserver.Server{
	"PostgreSQL": testserver.PostgreSQL,
	"MariaDB":    testserver.MariaDB,
	"Redis":      testserver.Redis,
}

func TestServers(t *testing.T) {
	t.Parallel()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			dsn := server.Database(t)
			t.Run("Contention", func(t *testing.T) { contention(t, dsn) })
			t.Run("KilledInstances", func(t *testing.T) { killedInstances(t, dsn) })
			t.Run("KilledServer", func(t *testing.T) { killedServer(t, server, dsn) })
			t.Run("PausedServer", func(t *testing.T) { pausedServer(t, server, dsn) })
		})
	}
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "store.db")
	t.Run("Contention", func(t *testing.T) { contention(t, dsn) })
	t.Run("KilledInstances", func(t *testing.T) { killedInstances(t, dsn) })
}

// contention has callers of two instances, who now and then do not wait for the answer.
func contention(t *testing.T, dsn string) {
	store := among(linearizability.On(storage.ForTest(t, dsn)), linearizability.On(storage.ForTest(t, dsn)))
	for seed := range uint64(6) {
		check(t, linearizability.Load{Seed: seed, Cancel: 12}, store)
	}
}

// killedInstances kills one instance after the other in the middle of what it does, and starts it again.
func killedInstances(t *testing.T, dsn string) {
	a, b := startInstance(t, dsn), startInstance(t, dsn)
	lost := 0
	for seed := range uint64(3) {
		lost += check(t, linearizability.Load{Seed: seed, Troubles: []func(<-chan struct{}){a.restart, b.restart, a.restart}}, among(a.do, b.do))
	}
	assert.NotZero(t, lost, "nobody noticed that instances were killed")
}

// killedServer kills the server under all callers, and starts it again when none of them has anything left to try.
func killedServer(t *testing.T, server *testserver.Server, dsn string) {
	store := among(linearizability.On(storage.ForTest(t, dsn)), linearizability.On(storage.ForTest(t, dsn)))
	restart := func(stalled <-chan struct{}) { server.Kill(t); <-stalled; server.Start(t); recovered(t, store) }
	lost := check(t, linearizability.Load{Seed: 1, Troubles: []func(<-chan struct{}){restart, restart}}, store)
	assert.GreaterOrEqual(t, lost, 8)
}

// pausedServer lets the server stand still until all callers have lost patience. What they asked for last may happen
// when it goes on.
func pausedServer(t *testing.T, server *testserver.Server, dsn string) {
	store := among(linearizability.On(storage.ForTest(t, dsn)), linearizability.On(storage.ForTest(t, dsn)))
	pause := func(stalled <-chan struct{}) { server.Pause(t); <-stalled; server.Resume(t); recovered(t, store) }
	load := linearizability.Load{Seed: 1, Patience: time.Second, Troubles: []func(<-chan struct{}){pause, pause}}
	lost := check(t, load, store)
	assert.GreaterOrEqual(t, lost, 8)
}

// check records a history, checks it, and returns how many answers were lost.
func check(t *testing.T, load linearizability.Load, store linearizability.Store) (lost int) {
	t.Helper()
	h := load.Record(t.Context(), store)
	linearizability.Require(t, h)
	for _, c := range h {
		if c.Lost() {
			lost++
		}
	}
	t.Logf("%d calls, %d answers lost", len(h), lost)
	recovered(t, store)
	return lost
}

// recovered returns when each of the two instances answers, of itself, whatever has happened.
func recovered(t *testing.T, store linearizability.Store) {
	t.Helper()
	read := modeltest.Op{Verb: modeltest.GetAccessToken, Key: model.Key{Digest: model.DigestOf("nothing")}}
	for instance := range 2 {
		assert.Eventually(t, func() bool {
			return errors.Is(store(t.Context(), instance, read).Err, model.ErrNotFound)
		}, 2*time.Minute, 10*time.Millisecond, "an instance does not answer any more")
	}
}
