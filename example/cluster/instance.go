package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// An instance is one running demo.
type instance struct {
	addr  string
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // once ended is closed
}

// startInstance runs the program and returns when it answers.
func startInstance(ctx context.Context, program, addr string, args, env []string, out io.Writer) (*instance, error) {
	i := &instance{addr: addr, ended: make(chan struct{})}
	i.cmd = exec.Command(program, append([]string{"-addr", addr}, args...)...) //nolint:gosec,noctx // the demo, which ends by a signal
	i.cmd.Env = append(os.Environ(), env...)
	i.cmd.SysProcAttr = apart()
	log, err := i.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := i.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		copyLines(out, addr, log)
		i.err = i.cmd.Wait()
		close(i.ended)
	}()
	if err := i.waitUntilHealthy(ctx); err != nil {
		i.stop()
		return nil, fmt.Errorf("the instance on %s: %w", addr, err)
	}
	return i, nil
}

// copyLines copies a log with the name of its instance in front of each line.
func copyLines(out io.Writer, name string, log io.Reader) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		_, _ = fmt.Fprintf(out, "%s | %s\n", name, lines.Text())
	}
	_, _ = io.Copy(io.Discard, log) // a line that was too long must not block it
}

func (i *instance) waitUntilHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+i.addr+"/healthz", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-i.ended:
			return errors.New("it did not start; its last line says why")
		case <-ctx.Done():
			return errors.New("it does not answer")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop lets the program finish its requests, and returns when it has ended.
func (i *instance) stop() {
	if i.cmd.Process.Signal(syscall.SIGTERM) != nil {
		_ = i.cmd.Process.Kill() // where there are no signals
	}
	select {
	case <-i.ended:
	case <-time.After(15 * time.Second):
		_ = i.cmd.Process.Kill()
		<-i.ended
	}
}

// stopAll stops them all at once.
func stopAll(instances []*instance) {
	var stopping sync.WaitGroup
	for _, i := range instances {
		stopping.Go(i.stop)
	}
	stopping.Wait()
}
