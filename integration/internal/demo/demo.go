// Package demo builds and runs the demo server for the tests of this module, as its users do: the program, its flags, a
// seed file, HTTP. It does the same for the other programs in example.
package demo

import (
	"cmp"
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

	"github.com/gin-oauth/gin-oauth-server/internal/syncbuf"
)

// programs is the folder of the programs that Main built: "demo", and those beside it by their names.
var programs string

// Main builds the demo, runs the tests of a package and exits. It is what TestMain calls.
func Main(m Tests) { MainOf(m, "example", "") }

// MainWithoutRace is Main with a demo that is never built with the race detector, for tests that need it quick: the races
// that they are about are between processes.
func MainWithoutRace(m Tests) { exit(run(m, "example", "", false, nil)) }

// Tests are those of a package: a *testing.M, or one with something around it.
type Tests interface{ Run() int }

// MainOf is Main for the program in another folder of the repository. gowork is as in the environment: "off" for a module
// that is not in the workspace. The programs beside it, in folders of that one, are built too.
func MainOf(m Tests, folder, gowork string, beside ...string) {
	exit(run(m, folder, gowork, race, beside))
}

func exit(code int, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m Tests, folder, gowork string, race bool, beside []string) (code int, err error) {
	dir, err := os.MkdirTemp("", "demo")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	root, err := repository()
	if err != nil {
		return 0, err
	}
	programs = dir
	if err := build(filepath.Join(root, folder), gowork, "demo", race); err != nil {
		return 0, err
	}
	for _, name := range beside {
		if err := build(filepath.Join(root, folder, name), gowork, name, race); err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}

func build(folder, gowork, name string, race bool) error {
	args := []string{"build", "-o", filepath.Join(programs, name)}
	if race {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOWORK="+gowork) // as in its README
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", folder, err, out)
	}
	return nil
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

// A Server is a running program: the demo, or the API beside it.
type Server struct {
	URL  string // of the demo also the issuer
	log  syncbuf.Buffer
	stop func()
	kill func()

	name, addr string
	flags      []string // without -addr
}

// Log is what the program has printed so far, on both streams.
func (s *Server) Log() string { return s.log.String() }

// Stop ends the program before the test ends. It must then end by itself, with status 0.
func (s *Server) Stop() { s.stop() }

// Kill ends the program at once, in the middle of what it does, as kill -9 and the power switch do.
func (s *Server) Kill() { s.kill() }

// Addr is where the program listens, host:port.
func (s *Server) Addr() string { return s.addr }

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
	return start(t, "demo", "-issuer", "", flags)
}

// RunBeside is Run for a program beside the demo, which it is told about by the flag -server.
func RunBeside(t testing.TB, name string, demo *Server, flags ...string) *Server {
	t.Helper()
	return start(t, name, "-server", demo.URL, flags)
}

// Instance is Run for another instance of the demo: it listens elsewhere, and has the issuer and the flags of this one.
func (s *Server) Instance(t testing.TB) *Server {
	t.Helper()
	return start(t, s.name, "", "", s.flags)
}

// Restart stops the demo, unless it was killed, and starts it again, at the same address and with the same flags.
func (s *Server) Restart(t testing.TB) *Server {
	t.Helper()
	s.Stop()
	again := launch(t, s.name, s.addr, s.flags)
	require.NotNil(t, again, "somebody took the port of the demo that was stopped")
	return again
}

// Refused runs the demo with flags with which it must not start, and returns its exit status and all that it printed.
func Refused(t testing.TB, flags ...string) (status int, printed string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "demo"), append([]string{"-addr", "localhost:0"}, flags...)...)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	require.ErrorAs(t, err, &ended, "%s", out)
	return ended.ExitCode(), string(out)
}

// start runs a program that is told about a server by a flag; empty: itself.
func start(t testing.TB, name, flag, server string, flags []string) *Server {
	t.Helper()
	for range 5 {
		if s := tryStart(t, name, flag, server, flags); s != nil {
			return s
		}
	}
	require.Fail(t, "each port that was free a moment ago was taken")
	return nil
}

// tryStart returns nil if somebody took the port before the program did.
func tryStart(t testing.TB, name, flag, server string, flags []string) *Server {
	t.Helper()
	addr := freeAddr(t)
	if flag != "" {
		flags = append([]string{flag, cmp.Or(server, "http://"+addr)}, flags...)
	}
	return launch(t, name, addr, flags)
}

// launch returns nil if somebody else listens there.
func launch(t testing.TB, name, addr string, flags []string) *Server {
	t.Helper()
	s := &Server{URL: "http://" + addr, name: name, addr: addr, flags: flags}
	cmd := exec.Command(filepath.Join(programs, name), append([]string{"-addr", addr}, flags...)...)
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	require.NoError(t, cmd.Start())

	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	wrong := s.waitUntilHealthy(t, ended)
	if wrong != nil && strings.Contains(s.Log(), "address already in use") {
		return nil
	}
	var once sync.Once
	s.stop = func() {
		once.Do(func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			select {
			case err := <-ended:
				assert.NoError(t, err, "%s must exit 0 on SIGTERM\n%s", name, s.Log())
			case <-time.After(time.Minute):
				_ = cmd.Process.Kill()
				<-ended //nolint:errcheck // it was killed
				assert.Fail(t, name+" did not stop on SIGTERM", s.Log())
			}
		})
	}
	s.kill = func() {
		once.Do(func() {
			_ = cmd.Process.Kill()
			<-ended //nolint:errcheck // it was killed
		})
	}
	t.Cleanup(func() {
		s.stop()
		assert.NotContains(t, s.Log(), "DATA RACE")
		if t.Failed() {
			t.Log(name + " printed:\n" + s.Log())
		}
	})
	require.NoError(t, wrong)
	return s
}

// waitUntilHealthy returns what is wrong if the program has ended or does not answer.
func (s *Server) waitUntilHealthy(t testing.TB, ended chan error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // with the race detector, on a machine that is busy
	defer cancel()
	for {
		// Whoever has the port may answer, so whether the program has ended is looked at afterwards.
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/healthz", nil)
		require.NoError(t, err)
		res, failed := http.DefaultClient.Do(req)
		if failed == nil {
			_ = res.Body.Close()
		}
		select {
		case err := <-ended:
			ended <- err
			return errors.New("the program did not start")
		case <-ctx.Done():
			return errors.New("the program does not answer")
		case <-time.After(20 * time.Millisecond):
		}
		if failed == nil && res.StatusCode == http.StatusServiceUnavailable {
			continue // its store is slow to answer
		}
		if failed == nil && res.StatusCode != http.StatusOK {
			return fmt.Errorf("the program answers %s", res.Status)
		}
		if failed == nil {
			return nil
		}
	}
}

// given are the ports that freeAddr has returned: until a program listens there, the system may name one again.
var given sync.Map

// freeAddr is a loopback address that nobody listened on a moment ago.
func freeAddr(t testing.TB) string {
	t.Helper()
	for {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		_, port, err := net.SplitHostPort(l.Addr().String())
		require.NoError(t, err)
		if _, taken := given.LoadOrStore(port, true); !taken {
			return net.JoinHostPort("localhost", port)
		}
	}
}
