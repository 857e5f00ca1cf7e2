package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestPutClients(t *testing.T) {
	t.Parallel()
	ctx, m := t.Context(), memstore.New()
	old := model.Client{ID: "web", Name: "Old name", Secrets: model.HashSecrets("old"), RedirectURIs: []string{"https://web.test/cb"}}
	require.NoError(t, putClients(ctx, m, []model.Client{old}))

	want := builtInSeed().Clients
	want = append(want, model.Client{ID: "web", Name: "Web", Secrets: model.HashSecrets("new"), RedirectURIs: []string{"https://web.test/cb"}, Scope: "read"})
	var starting sync.WaitGroup
	for range 8 { // programs, at once
		starting.Go(func() { assert.NoError(t, putClients(ctx, m, want)) })
	}
	starting.Wait()
	for _, c := range want {
		got, err := m.GetClient(ctx, c.ID)
		require.NoError(t, err)
		assert.Equal(t, &c, got)
	}

	bad := model.Client{ID: "web", RedirectURIs: []string{"no URI"}}
	require.ErrorContains(t, putClients(ctx, m, []model.Client{bad}), `client "web"`)
}

// A store that was used with the clients whose secrets everybody knows is used
// with a file of clients.
func TestSeedFileRemovesBuiltInClients(t *testing.T) {
	t.Parallel()
	ctx, m := t.Context(), memstore.New()
	require.NoError(t, putClients(ctx, m, builtInSeed().Clients))
	require.NoError(t, removeBuiltIn(ctx, m, builtInSeed()))
	_, err := m.GetClient(ctx, machineClientID)
	require.NoError(t, err)

	sd, err := parseSeed([]byte(goodSeed), false) // it has a machine of its own
	require.NoError(t, err)
	require.NoError(t, putClients(ctx, m, sd.Clients))
	require.NoError(t, removeBuiltIn(ctx, m, sd))
	machine, err := m.GetClient(ctx, machineClientID)
	require.NoError(t, err)
	assert.NotEqual(t, model.HashSecrets(machineSecret), machine.Secrets)
	for _, id := range []string{terminalID, deviceID, secondAPIID} {
		_, err = m.GetClient(ctx, id)
		require.ErrorIs(t, err, model.ErrNotFound, id)
	}
}

func TestHealthAsksTheStore(t *testing.T) {
	t.Parallel()
	b, a := startApp(t)
	assert.Equal(t, http.StatusOK, b.get("/healthz").StatusCode)
	a.storage.ping = func(ctx context.Context) error {
		_, bounded := ctx.Deadline()
		assert.True(t, bounded)
		return errors.New("dial tcp: s3cret")
	}
	r := b.get("/healthz")
	assert.Equal(t, http.StatusServiceUnavailable, r.StatusCode)
	assert.Equal(t, "the store does not answer\n", r.body)
}

// Programs with one key know each other's sessions, as one program does its own
// after a restart.
func TestSessionsWithOneKey(t *testing.T) {
	t.Parallel()
	withKey := func(key []byte) func(*config) { return func(cfg *config) { cfg.key = key } }
	one := startDemo(t, withKey(testKey.bytes))
	one.sent(one.signIn("alice", "wonderland"))
	at := func(other *browser) string { return one.get(other.base + "/logout").body }
	const signedIn = "<button" // there is something to sign out of
	assert.Contains(t, at(one), signedIn)
	assert.Contains(t, at(startDemo(t, withKey(testKey.bytes))), signedIn)
	assert.NotContains(t, at(startDemo(t, withKey(bytes.Repeat([]byte{1}, keySize)))), signedIn)
	assert.NotContains(t, at(startDemo(t)), signedIn)
}

func TestSweepEnds(t *testing.T) {
	t.Parallel()
	_, a := startApp(t)
	a.sweep()() // returns
	a.storage.sweeper = nil
	a.sweep()()
}
