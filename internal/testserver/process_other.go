//go:build !unix

package testserver

import (
	"errors"
	"os"
	"syscall"
)

func attributes([]string) (*syscall.SysProcAttr, error) { return &syscall.SysProcAttr{}, nil }

func withoutDeath(attr *syscall.SysProcAttr) *syscall.SysProcAttr { return attr }

func lockFolder(string) (*os.File, error) { return nil, nil } //nolint:nilnil // there are no such locks

func abandoned(string) bool { return false }

func (p *process) pause() error { return errors.ErrUnsupported }

func (p *process) resume() error { return errors.ErrUnsupported }

func (p *process) children() ([]int, error) { return nil, nil }
