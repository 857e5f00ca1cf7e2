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

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
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
	if opts.Procs > 0 {
		s.cmd.Env = append(s.cmd.Env, fmt.Sprintf("GOMAXPROCS=%d", opts.Procs))
	}
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
func (s *Process) Do(cmd Command) (Reply, error) {
	var r Reply
	line, err := json.Marshal(cmd)
	if err == nil {
		_, err = fmt.Fprintf(s.in, "%s\n", line)
	}
	if err == nil {
		if line, err = s.out.ReadBytes('\n'); err == nil {
			err = json.Unmarshal(line, &r)
		}
	}
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %s: %w%s", s.Peer.Name, cmd.Do, err, s.said())
	}
	return r, nil
}

// Issue has the process make n live tokens of a kind and returns about as many of
// those as to keep, evenly spread.
func (s *Process) Issue(kind Kind, n, keep int) ([]string, error) {
	file := filepath.Join(s.dir, "issued")
	if _, err := s.Do(Command{Do: "issue", Kind: kind, N: n, Keep: keep, File: file}); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: tokens: %w", s.Peer.Name, err)
	}
	tokens := strings.Fields(string(b))
	if kind == Access && len(tokens) < keep {
		return nil, fmt.Errorf("%s: wrote %d tokens, not %d", s.Peer.Name, len(tokens), keep)
	}
	return tokens, os.Remove(file)
}

// Run has the process run a workload on its handler, without sockets. The file of
// the command is made here.
func (s *Process) Run(cmd Command, tokens []string) (Reply, error) {
	cmd.Do, cmd.File = "run", filepath.Join(s.dir, "tokens")
	if err := os.WriteFile(cmd.File, []byte(strings.Join(tokens, "\n")), 0o600); err != nil {
		return Reply{}, fmt.Errorf("%s: tokens: %w", s.Peer.Name, err)
	}
	return s.Do(cmd)
}
