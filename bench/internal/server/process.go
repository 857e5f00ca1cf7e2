package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// Process is a peer that runs in a process of its own.
type Process struct {
	Peer peer.Peer
	// Addr is where it listens.
	Addr string

	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *strings.Builder
	dir    string
}

// Start starts a peer on the first n cores. The calling goroutine must be locked
// to its thread, which then runs on the last core.
func Start(ctx context.Context, cores *Cores, n int, p peer.Peer, opts peer.Options) (*Process, error) {
	s := &Process{Peer: p, stderr: &strings.Builder{}}
	if err := s.start(ctx, cores, n, opts); err != nil {
		return nil, fmt.Errorf("start %s: %w%s", p.Name, err, s.said())
	}
	return s, nil
}

func (s *Process) start(ctx context.Context, cores *Cores, n int, opts peer.Options) (err error) {
	args := s.Peer.Command
	if len(args) == 0 {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		args = []string{self, "serve", fmt.Sprintf("-clients=%d", opts.Clients), fmt.Sprintf("-scopes=%d", opts.Scopes), s.Peer.Name}
	}
	s.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	s.cmd.Env = append(os.Environ(), s.Peer.Env...)
	s.cmd.Stderr = s.stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	s.out = bufio.NewReader(out)
	if s.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	if err := cores.forServer(n); err != nil {
		return err
	}
	err = s.cmd.Start()
	if err := errors.Join(err, cores.forLoad()); err != nil {
		return errors.Join(err, os.RemoveAll(s.dir))
	}
	line, err := s.out.ReadString('\n')
	if err != nil {
		return errors.Join(err, s.Stop())
	}
	s.Addr = strings.TrimSpace(line)
	return nil
}

// said returns what the process wrote to its standard error.
func (s *Process) said() string {
	if s.stderr.Len() == 0 {
		return ""
	}
	return "; it says: " + strings.TrimSpace(s.stderr.String())
}

// Stop ends the process.
func (s *Process) Stop() error {
	err := errors.Join(s.in.Close(), s.cmd.Wait(), os.RemoveAll(s.dir))
	if err != nil {
		return fmt.Errorf("stop %s: %w%s", s.Peer.Name, err, s.said())
	}
	return nil
}

// Do sends a command and returns the reply.
func (s *Process) Do(command string) (Reply, error) {
	var r Reply
	_, err := fmt.Fprintln(s.in, command)
	if err == nil {
		var line []byte
		if line, err = s.out.ReadBytes('\n'); err == nil {
			err = json.Unmarshal(line, &r)
		}
	}
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %s: %w%s", s.Peer.Name, command, err, s.said())
	}
	return r, nil
}

// Issue has the process make live tokens.
func (s *Process) Issue(n int) ([]string, error) {
	file := filepath.Join(s.dir, "issued")
	if _, err := s.Do(fmt.Sprintf("issue %d %s", n, file)); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: tokens: %w", s.Peer.Name, err)
	}
	tokens := strings.Fields(string(b))
	if len(tokens) != n {
		return nil, fmt.Errorf("%s: made %d tokens, not %d", s.Peer.Name, len(tokens), n)
	}
	return tokens, os.Remove(file)
}

// InProcess has the process run a workload on its handler, without sockets.
func (s *Process) InProcess(name workload.Name, tokens []string, d time.Duration) (Reply, error) {
	file := filepath.Join(s.dir, "tokens")
	if err := os.WriteFile(file, []byte(strings.Join(tokens, "\n")), 0o600); err != nil {
		return Reply{}, fmt.Errorf("%s: tokens: %w", s.Peer.Name, err)
	}
	return s.Do(fmt.Sprintf("inprocess %s %g %s", name, d.Seconds(), file))
}
