//go:build unix && !linux

package server

import "runtime"

// Cores divides the processor on Linux; here it leaves it all to the system.
type Cores struct{}

// NewCores looks at the cores that this process may use.
func NewCores() (*Cores, error) { return &Cores{}, nil }

// Count is how many cores there are.
func (*Cores) Count() int { return runtime.NumCPU() }

func (*Cores) forServer(int) error { return nil }

func (*Cores) forLoad() error { return nil }
