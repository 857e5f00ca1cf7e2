//go:build unix

package testserver

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// attributes make a process one of the user that servers run as.
func attributes(accounts []string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true} // so that an interrupt at the keyboard ends the tests first
	orphaned(attr)
	u, err := whoami(accounts)
	if u == nil {
		return attr, err
	}
	uid, gid, err := ids(u)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, nil
}

// lockFolder marks a folder as in use, as long as the file that it returns is open: until this program ends, however it
// does. The file gets its name when it is locked.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "new"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, os.Rename(f.Name(), filepath.Join(dir, lockFile))
}

// abandoned reports whether the program is dead that used a folder.
func abandoned(dir string) bool {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if err != nil {
		return false // not locked yet, or another user's
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// pause stops the process, so that it starts no more children, and those that it has.
func (p *process) pause() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	// The signal is sent, but what the process is at it ends first: it may be starting a child.
	for !p.stopped() {
		time.Sleep(time.Millisecond)
	}
	return p.signalChildren(syscall.SIGSTOP)
}

// stopped reports whether the process stands still, or has ended. Where that cannot be told it is true.
func (p *process) stopped() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return true
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(fields) == 0 || bytes.ContainsAny(fields[0], "TtZX")
}

// resume is the opposite of pause.
func (p *process) resume() error {
	if err := p.signalChildren(syscall.SIGCONT); err != nil {
		return err
	}
	return p.cmd.Process.Signal(syscall.SIGCONT)
}

func (p *process) signalChildren(sig syscall.Signal) error {
	children, err := p.children()
	for _, pid := range children {
		if failed := syscall.Kill(pid, sig); failed != nil && !errors.Is(failed, syscall.ESRCH) {
			err = errors.Join(err, fmt.Errorf("process %d: %w", pid, failed))
		}
	}
	return err
}

// children are the processes that this one has started: one for each connection, in PostgreSQL, each in a group of its own.
func (p *process) children() (pids []int, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	if len(stats) == 0 {
		return p.childrenByPS()
	}
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent …, where the name may hold anything
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) > 1 && string(fields[1]) == strconv.Itoa(p.pid) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				return nil, err
			}
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// childrenByPS is for systems without /proc.
func (p *process) childrenByPS() (pids []int, err error) {
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return nil, fmt.Errorf("ps: %w", err)
	}
	for line := range bytes.Lines(out) {
		var pid, parent int
		if _, err := fmt.Sscan(string(line), &pid, &parent); err != nil {
			return nil, fmt.Errorf("ps: %w", err)
		}
		if parent == p.pid {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
