package server

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxRSS returns the most memory that this process had. What getrusage calls so
// begins with the memory of the process that started it.
func maxRSS(*unix.Rusage) (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("most memory: %w", err)
	}
	_, peak, found := strings.Cut(string(status), "VmHWM:")
	var kB int64
	if _, err := fmt.Sscan(peak, &kB); !found || err != nil {
		return 0, fmt.Errorf("most memory: /proc/self/status does not tell: %w", err)
	}
	return kB << 10, nil
}
