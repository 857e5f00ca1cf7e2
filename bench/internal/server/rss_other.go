//go:build unix && !linux

package server

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// maxRSS returns the most memory that this process had.
func maxRSS(u *unix.Rusage) (int64, error) {
	if runtime.GOOS == "darwin" { // bytes; kilobytes elsewhere
		return int64(u.Maxrss), nil
	}
	return int64(u.Maxrss) << 10, nil
}
