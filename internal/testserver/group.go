package testserver

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// A Group holds the servers that the tests of a package share: one of each kind,
// started when the first test asks for it. The zero value is ready. It belongs
// into a variable of the package's tests, and Run into its TestMain.
type Group struct {
	mu      sync.Mutex
	servers map[string]*shared
}

type shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Run runs the tests, ends the servers that they have shared, and returns the
// status to exit with.
func (g *Group) Run(m interface{ Run() int }) int {
	code := m.Run()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.servers {
		if s.server == nil {
			continue
		}
		if err := s.server.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// PostgreSQL is the shared [PostgreSQL] server.
func (g *Group) PostgreSQL(tb testing.TB) *Server { tb.Helper(); return g.get(tb, postgres{}) }

// MariaDB is the shared [MariaDB] server.
func (g *Group) MariaDB(tb testing.TB) *Server { tb.Helper(); return g.get(tb, mariadb{}) }

// Redis is the shared [Redis] server.
func (g *Group) Redis(tb testing.TB) *Server { tb.Helper(); return g.get(tb, redis{}) }

func (g *Group) get(tb testing.TB, k kind) *Server {
	tb.Helper()
	name, _ := k.name()
	g.mu.Lock()
	if g.servers == nil {
		g.servers = map[string]*shared{}
	}
	s := g.servers[name]
	if s == nil {
		s = &shared{}
		g.servers[name] = s
	}
	g.mu.Unlock()
	s.once.Do(func() { s.server, s.err = open(k, nil) })
	if s.err != nil {
		tb.Fatal(s.err)
	}
	s.server.showTo(tb, s.server.logLength())
	return s.server
}
