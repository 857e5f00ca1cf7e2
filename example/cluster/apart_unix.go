//go:build unix

package main

import "syscall"

// apart keeps Ctrl-C from the instances: they are told to stop in their turn.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
