//go:build !unix

package main

import "syscall"

// apart does nothing here.
func apart() *syscall.SysProcAttr { return nil }
