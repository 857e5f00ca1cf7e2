//go:build unix && !linux

package testserver

import "syscall"

// orphaned does nothing: only Linux kills the child when the parent has died.
func orphaned(*syscall.SysProcAttr) {}

func withoutDeath(attr *syscall.SysProcAttr) *syscall.SysProcAttr { return attr }
