package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/internal/syncbuf"
)

// ask sends a request and returns status, body and which instance answered.
func ask(t *testing.T, method, target, body string) (status int, text, instance string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("X-Forwarded-For", "198.51.100.1") // made up
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(b), res.Header.Get(instanceHeader)
}

// The whole: two demos on one store, of which one is killed.
func TestCluster(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out syncbuf.Buffer
	ended := make(chan error, 1)
	go func() {
		cfg := &config{addr: "localhost:0", store: "sqlite:" + filepath.Join(t.TempDir(), "demo.db"), instances: 2}
		ended <- run(ctx, cfg, "", &out)
	}()
	address := regexp.MustCompile(`Open\s+(http://localhost:\d+)/`)
	for !address.MatchString(out.String()) {
		select {
		case err := <-ended:
			require.NoError(t, err, out.String())
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	base := address.FindStringSubmatch(out.String())[1]

	answered := map[string]bool{}
	for range 4 {
		status, _, instance := ask(t, http.MethodGet, base+"/healthz", "")
		assert.Equal(t, http.StatusOK, status)
		answered[instance] = true
	}
	assert.Len(t, answered, 2, "each in its turn")

	pid, err := strconv.Atoi(regexp.MustCompile(`kill -9 (\d+)`).FindStringSubmatch(out.String())[1])
	require.NoError(t, err)
	process, err := os.FindProcess(pid)
	require.NoError(t, err)
	require.NoError(t, process.Kill())
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "an instance ended") }, time.Minute, 10*time.Millisecond)
	for range 4 {
		status, _, _ := ask(t, http.MethodGet, base+"/login", "")
		assert.Equal(t, http.StatusOK, status, "the other one")
	}
	stop()
	require.NoError(t, <-ended, out.String())
}

func TestBalancer(t *testing.T) {
	t.Parallel()
	var addrs []string
	for range 2 {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, r.Host+" "+r.Header.Get("X-Forwarded-For")+" "+string(b))
		}))
		t.Cleanup(s.Close)
		addrs = append(addrs, s.Listener.Addr().String())
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	addrs = append(addrs, gone.Listener.Addr().String())
	var log syncbuf.Buffer
	proxy := httptest.NewServer(newProxy(addrs, slog.New(slog.NewTextHandler(&log, nil))))
	t.Cleanup(proxy.Close)
	host := strings.TrimPrefix(proxy.URL, "http://")
	seen := map[string]int{}
	for range 6 {
		status, text, instance := ask(t, http.MethodPost, proxy.URL, "a body")
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, host+" 127.0.0.1 a body", text, "the host as it came, the address as it is")
		seen[instance]++
	}
	assert.Len(t, seen, 2)

	nobody := httptest.NewServer(newProxy([]string{addrs[2]}, slog.New(slog.NewTextHandler(&log, nil))))
	t.Cleanup(nobody.Close)
	status, text, _ := ask(t, http.MethodGet, nobody.URL+"/?code=s3cret", "")
	assert.Equal(t, http.StatusBadGateway, status)
	assert.Equal(t, "No instance answers.\n", text)
	assert.NotContains(t, log.String(), "s3cret")
}

// What an instance has begun is not given to another.
func TestBalancerSendsOnce(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	hangUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		requests.Add(1)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(hangUp.Close)
	addr := hangUp.Listener.Addr().String()
	proxy := httptest.NewServer(newProxy([]string{addr, addr, addr}, slog.New(slog.DiscardHandler)))
	t.Cleanup(proxy.Close)
	status, _, _ := ask(t, http.MethodPost, proxy.URL, "a body")
	assert.Equal(t, http.StatusBadGateway, status)
	assert.Equal(t, int32(1), requests.Load())
}

func TestParseFlags(t *testing.T) {
	t.Parallel()
	noEnv := func(string) string { return "" }
	cfg, err := parseFlags([]string{"-instances", "2", "-database", "Redis", "--", "-log-level", "warn"}, noEnv, nil)
	require.NoError(t, err)
	assert.Equal(t, &config{addr: "localhost:8080", database: "Redis", instances: 2, port: 8091, demoFlags: []string{"-log-level", "warn"}}, cfg)
	cfg, err = parseFlags(nil, func(string) string { return "sqlite:x.db" }, nil)
	require.NoError(t, err)
	assert.Equal(t, "sqlite:x.db", cfg.store)
	for want, args := range map[string][]string{
		"-nope":      {"-nope"},
		"-addr":      {"-addr", "localhost"},
		"-instances": {"-instances", "0"},
		"-port":      {"-port", "65535"},
		"-database":  {"-store", "sqlite:x.db", "-database", "Redis"},
	} {
		_, err := parseFlags(args, noEnv, nil)
		require.ErrorContains(t, err, want)
	}
	var out bytes.Buffer
	_, err = parseFlags([]string{"-h"}, func(string) string { return "postgres://bob:s3cret@db.test/demo" }, &out)
	require.Error(t, err)
	assert.Contains(t, out.String(), "-instances")
	assert.NotContains(t, out.String(), "s3cret")
}

func TestStartDatabaseRefuses(t *testing.T) {
	t.Parallel()
	_, _, err := startDatabase("Oracle")
	require.ErrorContains(t, err, "no server named Oracle")
	assert.Equal(t, "localhost", host(":8080"))
	assert.Equal(t, "localhost", host("0.0.0.0:8080"))
	assert.Equal(t, "auth.test", host("auth.test:8080"))
}
