//go:build unix

// Package load is the load generator. One thread goes round its connections and
// never sleeps: a generator that sleeps in the kernel has to be woken by each
// answer, and it is the server that pays for that. It needs a core of its own.
package load

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// Result is what all stretches of load since the last Reset saw.
type Result struct {
	Operations int
	Elapsed    time.Duration
	P50, P99   time.Duration
}

// Generator has its connections open.
type Generator struct {
	conns     []*conn
	latencies []time.Duration
	elapsed   time.Duration
}

// Dial opens one connection for each session.
func Dial(addr string, sessions []workload.Session) (*Generator, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("load: address of the server: %w", err)
	}
	g := &Generator{}
	for _, s := range sessions {
		c, err := dial(to, s)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("load: connect to %s: %w", addr, err), g.Close())
		}
		g.conns = append(g.conns, c)
	}
	return g, nil
}

// Close closes the connections.
func (g *Generator) Close() error {
	var errs []error
	for _, c := range g.conns {
		errs = append(errs, unix.Close(c.fd))
	}
	return errors.Join(errs...)
}

// Run sends requests on all connections for a while and then waits for the
// answers that are under way. It does not change the thread that it runs on.
func (g *Generator) Run(d time.Duration) error {
	start := time.Now()
	stop := start.Add(d)
	for _, c := range g.conns {
		if err := c.send(time.Now()); err != nil {
			return err
		}
	}
	open := len(g.conns)
	last := start
	for open > 0 {
		for _, c := range g.conns {
			if !c.waiting {
				continue
			}
			done, err := c.receive()
			if err != nil {
				return err
			}
			now := time.Now()
			if !done {
				if now.Sub(last) > patience {
					return errors.New("load: the server has not answered for a long time")
				}
				continue
			}
			last = now
			complete, err := c.session.Done(&c.answer)
			if err != nil {
				return err
			}
			if complete {
				g.latencies = append(g.latencies, now.Sub(c.started))
				c.started = time.Time{}
			}
			// An operation that has begun is finished, for it has cost something.
			if complete && !now.Before(stop) {
				open--
				continue
			}
			if err := c.send(now); err != nil {
				return err
			}
		}
	}
	g.elapsed += last.Sub(start)
	return nil
}

// patience is how long nothing at all may come back.
const patience = time.Minute

// Reset forgets what was measured so far.
func (g *Generator) Reset() { g.latencies, g.elapsed = g.latencies[:0], 0 }

// Result returns what was measured.
func (g *Generator) Result() Result {
	r := Result{Operations: len(g.latencies), Elapsed: g.elapsed}
	if r.Operations > 0 {
		slices.Sort(g.latencies)
		r.P50 = g.latencies[r.Operations/2]
		r.P99 = g.latencies[r.Operations*99/100]
	}
	return r
}

func dial(to netip.AddrPort, s workload.Session) (*conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetNonblock(fd, true),
	)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	host := net.JoinHostPort("localhost", fmt.Sprint(to.Port()))
	return &conn{fd: fd, session: s, host: host, in: make([]byte, 0, 16<<10)}, nil
}
