package testserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// A process is a running server.
type process struct {
	pid   int
	cmd   *exec.Cmd
	ended chan struct{}
	wait  error // once ended is closed
}

// startProcess runs a server with its output appended to a file: a pipe would be held open by its children.
func startProcess(program string, args []string, dir, output string, accounts []string) (*process, error) {
	out, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if p.cmd.SysProcAttr, err = attributes(accounts); err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		// The system kills the child when the thread ends that started it, so this one stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.wait = p.cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.pid = p.cmd.Process.Pid
	return p, nil
}

// err is how the process has ended.
func (p *process) err() error {
	<-p.ended
	if p.wait == nil {
		return errors.New("with status 0")
	}
	return p.wait
}

// kill ends the process and its children, and returns when it has ended.
func (p *process) kill() error {
	children, err := p.children()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	for _, pid := range children { // the server first: it would take the death of a child for a crash
		if child, err := os.FindProcess(pid); err == nil {
			_ = child.Kill() // most have ended by themselves
		}
	}
	<-p.ended
	return err
}

// whoami is the user to run servers as: nil if the tests do not run as root, else the first of the accounts that exists.
func whoami(accounts []string) (*user.User, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else
	}
	for _, name := range append(accounts, "nobody") {
		if u, err := user.Lookup(name); err == nil {
			return u, nil
		}
	}
	return nil, fmt.Errorf("the server does not run as root, and there is no user %s", strings.Join(accounts, " or "))
}

// own gives a folder to the user that the server runs as.
func own(dir string, accounts []string) error {
	u, err := whoami(accounts)
	if u == nil {
		return err
	}
	uid, gid, err := ids(u)
	if err != nil {
		return err
	}
	return os.Chown(dir, uid, gid)
}

func ids(u *user.User) (uid, gid int, err error) {
	uid, err = strconv.Atoi(u.Uid)
	if err == nil {
		gid, err = strconv.Atoi(u.Gid)
	}
	return uid, gid, err
}

// run runs a program to its end and returns what it printed on its standard output. The environment is the tests' with
// env in addition: passwords go there, because arguments can be seen by everybody.
func run(s *Server, env []string, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = s.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s: %w: %s", filepath.Base(program), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

// setUp is run for a program that makes the files of a server, as the user who will run it.
func setUp(s *Server, program string, args ...string) error {
	attr, err := attributes(s.kind.accounts())
	if err != nil {
		return err
	}
	cmd := exec.Command(program, args...)
	cmd.SysProcAttr = withoutDeath(attr)
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, out)
	}
	return nil
}

// find returns the path of the first of the programs that is there: on the PATH, or in one of the folders (patterns) where
// systems put what is not for everybody; of several versions the highest.
func find(folders []string, programs ...string) (string, error) {
	for _, program := range programs {
		if path, err := exec.LookPath(program); err == nil {
			return path, nil
		}
		for _, folder := range append(folders, "/usr/sbin", "/usr/local/sbin", "/usr/libexec") {
			matches, err := filepath.Glob(filepath.Join(folder, program))
			if err != nil {
				return "", err
			}
			best := ""
			for _, path := range matches {
				if best == "" || version(path) > version(best) {
					best = path
				}
			}
			if best != "" {
				return best, nil
			}
		}
	}
	return "", fmt.Errorf("%s is needed, and %w: make test installs it on Debian", strings.Join(programs, " or "), ErrNotFound)
}

// version is the first number in a path.
func version(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, err := strconv.Atoi(digits[0])
	if err != nil {
		return 0
	}
	return n
}
