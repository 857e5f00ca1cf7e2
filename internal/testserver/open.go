package testserver

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotFound means that a server is not installed, or where nobody looks.
var ErrNotFound = errors.New("not found")

// Open starts a server outside of a test, for a program that shows something:
// "PostgreSQL", "MariaDB" or "Redis". The environment is not looked at. Who opened
// it closes it.
func Open(name string, settings ...string) (*Server, error) {
	for _, k := range []kind{postgres{}, mariadb{}, redis{}} {
		if product, _ := k.name(); product != name {
			continue
		}
		return start(k, settings)
	}
	return nil, fmt.Errorf("testserver: there is no server named %s", strings.TrimSpace(name))
}

// start starts a server of this kind, be it a node of a cluster.
func start(k kind, settings []string) (*Server, error) {
	s := &Server{kind: k, managed: true, settings: settings}
	if err := s.launch(); err != nil {
		name, _ := k.name()
		wrapped := fmt.Errorf("testserver: start %s: %w\n%s", name, err, s.Log())
		return nil, errors.Join(wrapped, s.close())
	}
	return s, nil
}

// Close ends a server of [Open] and removes its files.
func (s *Server) Close() error { return s.close() }
