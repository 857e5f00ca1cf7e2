package testserver

import "syscall"

// orphaned kills the server when the tests die without having cleaned up.
func orphaned(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// withoutDeath is for a program that is waited for: the thread that starts it may end before.
func withoutDeath(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	attr.Pdeathsig = 0
	return attr
}
