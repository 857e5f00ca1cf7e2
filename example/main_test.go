package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/internal/syncbuf"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestRunServesAndStops(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, log syncbuf.Buffer
	status := make(chan int, 1)
	go func() { status <- run(ctx, []string{"-addr", "localhost:0"}, noEnv, &out, &log) }()

	address := regexp.MustCompile(`Open\s+(http://localhost:[1-9]\d*)/`)
	require.Eventually(t, func() bool { return address.MatchString(out.String()) }, time.Minute, 10*time.Millisecond, log.String())
	text := out.String()
	assert.Contains(t, text, "alice / wonderland")
	assert.Contains(t, text, "curl -s -u machine:"+machineSecret)

	base := address.FindStringSubmatch(text)[1]
	b := newBrowser(t, base)
	assert.Equal(t, http.StatusOK, b.get("/healthz?code=secret").StatusCode)
	stop()
	select {
	case s := <-status:
		assert.Equal(t, exitOK, s)
	case <-time.After(time.Minute):
		require.Fail(t, "did not stop")
	}
	assert.Contains(t, log.String(), "path=/healthz")
	assert.NotContains(t, log.String(), "secret")
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte("{\n\"client\": []}"), 0o600))
	var lc net.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "localhost:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() }) // after the subtests, which run later
	for _, tc := range []struct {
		name string
		args []string
		exit int
		want string
	}{
		{"unknown flag", []string{"-nope"}, exitUsage, "-nope"},
		{"no seed file", []string{"-seed", bad + ".none"}, exitFailed, "-seed"},
		{"bad seed file", []string{"-seed", bad}, exitFailed, "line 2: the file has no member"},
		{"address in use", []string{"-addr", taken.Addr().String()}, exitFailed, "-addr"},
		{"plain http in public", []string{"-addr", "localhost:0", "-issuer", "http://auth.test"}, exitFailed, "https"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var out, log bytes.Buffer
			assert.Equal(t, tc.exit, run(t.Context(), tc.args, noEnv, &out, &log))
			assert.Contains(t, log.String(), tc.want)
			assert.Empty(t, out.String())
		})
	}
}

func TestServeHTTPFinishesRequests(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "localhost:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	began, finish := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-finish
		_, _ = io.WriteString(w, "finished")
	})
	ended, answer := make(chan error, 1), make(chan string, 1)
	go func() { ended <- serveHTTP(ctx, ln, h, slog.New(slog.DiscardHandler)) }()
	b := newBrowser(t, "http://"+ln.Addr().String())
	go func() { answer <- b.get("/").body }()
	<-began
	stop()
	close(finish)
	assert.Equal(t, "finished", <-answer)
	assert.NoError(t, <-ended)
}

func TestBannerKeepsSecrets(t *testing.T) {
	t.Parallel()
	s, err := parseSeed([]byte(goodSeed), false)
	require.NoError(t, err)
	var out bytes.Buffer
	printBanner(&out, &config{issuer: "https://auth.test/x", seed: "seed.json"}, s)
	text := out.String()
	assert.Contains(t, text, "https://auth.test/\n")
	assert.Contains(t, text, "alice, bob (from seed.json)")
	assert.NotContains(t, text, "wonderland")
	assert.Contains(t, text, "-u machine:CLIENT_SECRET")

	s.Clients[2].AuthMethod = model.AuthSecretPost
	assert.Contains(t, curlLine("x", s), "--data-urlencode client_secret=CLIENT_SECRET")
	assert.Empty(t, curlLine("x", &seed{}))
	assert.Equal(t, `'a'\''b c'`, shellQuote("a'b c"))
}

func TestUsers(t *testing.T) {
	t.Parallel()
	u, err := newUsers([]seedUser{{"alice", "wonderland", "Alice"}, {"bob", "wonderland", ""}}, 10)
	require.NoError(t, err)
	ctx := t.Context()
	user, err := u.check(ctx, "alice", "wonderland")
	require.NoError(t, err)
	assert.Equal(t, &model.User{ID: "alice", Name: "Alice"}, user)
	assert.NotEqual(t, u.byName["alice"].hash, u.byName["bob"].hash, "salted")
	for _, who := range [][2]string{{"alice", "Wonderland"}, {"ALICE", "wonderland"}, {"nobody", "wonderland"}, {"", ""}} {
		_, err = u.check(ctx, who[0], who[1])
		require.ErrorIs(t, err, model.ErrNoUser, who)
	}
	_, err = u.get("nobody")
	require.ErrorIs(t, err, model.ErrNoUser)

	for range cap(u.slots) {
		u.slots <- struct{}{} // all busy
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = u.check(gone, "alice", "wonderland")
	require.ErrorIs(t, err, context.Canceled)
}

func TestFindingsAreShown(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printFindings(&out, nil)
	assert.Empty(t, out.String(), "nothing to say")
	printFindings(&out, []engine.Finding{{ID: "body-token", Field: "AllowBodyToken", Reason: "is on", Fix: "leave it off"}})
	assert.Contains(t, out.String(), "body-token\n")
	assert.Contains(t, out.String(), "Config.AllowBodyToken is on: leave it off")
}
