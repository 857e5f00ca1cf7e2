//go:build unix

package server

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// usage returns the processor time of this process in nanoseconds and the most
// memory it had in bytes.
func usage() (cpu, rss int64, err error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, 0, fmt.Errorf("getrusage: %w", err)
	}
	rss = int64(u.Maxrss)         //nolint:unconvert // an int32 on some systems
	if runtime.GOOS != "darwin" { // there it is in bytes
		rss <<= 10
	}
	return u.Utime.Nano() + u.Stime.Nano(), rss, nil
}
