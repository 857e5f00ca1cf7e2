package server

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Cores divides the processor: the last core is for the load generator, the first
// ones are for the server. The zero value leaves it all to the system.
type Cores struct {
	list []int
	load unix.CPUSet
}

// NewCores looks at the cores that this process may use.
func NewCores() (*Cores, error) {
	var all unix.CPUSet
	// Of the first thread, for this one may be on the last core already.
	if err := unix.SchedGetaffinity(os.Getpid(), &all); err != nil {
		return nil, fmt.Errorf("cores of this process: %w", err)
	}
	c := &Cores{}
	for cpu := range len(all) * 64 {
		if all.IsSet(cpu) {
			c.list = append(c.list, cpu)
		}
	}
	c.load.Set(c.list[len(c.list)-1])
	return c, nil
}

// Count is how many cores there are.
func (c *Cores) Count() int { return len(c.list) }

// forServer makes the processes that this thread starts run on the first n cores.
func (c *Cores) forServer(n int) error {
	if len(c.list) < 2 {
		return nil
	}
	var set unix.CPUSet
	for _, cpu := range c.list[:min(n, len(c.list))] {
		set.Set(cpu)
	}
	return unix.SchedSetaffinity(0, &set)
}

// forLoad makes this thread run on the last core.
func (c *Cores) forLoad() error {
	if len(c.list) < 2 {
		return nil
	}
	return unix.SchedSetaffinity(0, &c.load)
}
