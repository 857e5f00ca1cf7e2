// Package demo builds and runs the demo server for the tests of this module, as its users do: the program, its flags, a
// seed file, HTTP. It does the same for the other programs in example.
package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// program is the path of the program that Main built.
var program string

// Main builds the demo, runs the tests of a package and exits. It is what TestMain calls.
func Main(m *testing.M) { MainOf(m, "example", "") }

// MainOf is Main for the program in another folder of the repository. gowork is as in the environment: "off" for a module
// that is not in the workspace.
func MainOf(m *testing.M, folder, gowork string) {
	code, err := run(m, folder, gowork)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M, folder, gowork string) (code int, err error) {
	dir, err := os.MkdirTemp("", "demo")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	root, err := repository()
	if err != nil {
		return 0, err
	}
	program = filepath.Join(dir, "demo")
	args := []string{"build", "-o", program}
	if race {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Dir = filepath.Join(root, folder)
	cmd.Env = append(os.Environ(), "GOWORK="+gowork) // as in its README
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build in %s: %w\n%s", folder, err, out)
	}
	return m.Run(), nil
}

// repository is the folder of the root module.
func repository() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.work in any folder above")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// A Server is a running demo.
type Server struct {
	URL string // also the issuer
	log buffer
}

// Log is what the demo has printed so far, on both streams.
func (s *Server) Log() string { return s.log.String() }

// Start runs the demo on a free port, with Seed if seed is nil, and stops it at the end of the test: it must then end by
// itself, with status 0, and must not have reported a data race.
func Start(t testing.TB, seed *SeedFile, flags ...string) *Server {
	t.Helper()
	if seed == nil {
		seed = Seed()
	}
	file := filepath.Join(t.TempDir(), "seed.json")
	content, err := json.Marshal(seed)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, content, 0o600))
	return Run(t, append([]string{"-seed", file}, flags...)...)
}

// Run is Start without a seed file.
func Run(t testing.TB, flags ...string) *Server {
	t.Helper()
	addr := freeAddr(t)
	s := &Server{URL: "http://" + addr}
	cmd := exec.Command(program, append([]string{"-addr", addr, "-issuer", s.URL}, flags...)...)
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	require.NoError(t, cmd.Start())

	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			assert.NoError(t, err, "the demo must exit 0 on SIGTERM\n%s", s.Log())
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended //nolint:errcheck // it was killed
			assert.Fail(t, "the demo did not stop on SIGTERM", s.Log())
		}
		assert.NotContains(t, s.Log(), "DATA RACE")
		if t.Failed() {
			t.Log("the demo printed:\n" + s.Log())
		}
	})
	s.waitUntilHealthy(t, ended)
	return s
}

func (s *Server) waitUntilHealthy(t testing.TB, ended chan error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/healthz", nil)
		require.NoError(t, err)
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			require.Equal(t, http.StatusOK, res.StatusCode)
			return
		}
		select {
		case err := <-ended:
			ended <- err
			require.Fail(t, "the demo did not start", s.Log())
		case <-ctx.Done():
			require.Fail(t, "the demo does not answer", s.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freeAddr is a loopback address that nobody listened on a moment ago.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return net.JoinHostPort("localhost", port)
}

// A buffer collects what a process prints while tests read it.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Clone(b.buf.String())
}
