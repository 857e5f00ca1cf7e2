//go:build unix

package server

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// usage returns the processor time of this process in nanoseconds and the most
// memory it had in bytes.
func usage() (cpu, rss int64, err error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, 0, fmt.Errorf("getrusage: %w", err)
	}
	rss, err = maxRSS(&u)
	return u.Utime.Nano() + u.Stime.Nano(), rss, err
}
