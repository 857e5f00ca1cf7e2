package engine

import (
	"log/slog"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// storage is one of the interfaces beside the model: what it is for, and whether
// it is there.
type storage struct {
	name string
	on   bool
}

// findStorage takes the model for every further interface that it implements and
// that is not configured.
func (c *Config) findStorage() {
	findStorage(&c.Consents, c.Model)
	findStorage(&c.GrantList, c.Model)
	findStorage(&c.Clients, c.Model)
	findStorage(&c.Devices, c.Model)
	findStorage(&c.Limits, c.Model)
}

func findStorage[T any](field *T, m model.Model) {
	if any(*field) != nil {
		return
	}
	if found, ok := m.(T); ok {
		*field = found
	}
}

// storages lists the interfaces, for the log.
func (c *Config) storages() []storage {
	return []storage{
		{"consents", c.Consents != nil},
		{"grant_list", c.GrantList != nil},
		{"clients", c.Clients != nil},
		{"devices", c.Devices != nil},
		{"limits", c.Limits != nil},
	}
}

// logStorage tells what is on, so that a wrapper around the model that hides
// some of its interfaces is noticed.
func (s *Server) logStorage() {
	var attrs []any
	for _, st := range s.cfg.storages() {
		attrs = append(attrs, slog.Bool(st.name, st.on))
	}
	s.cfg.Logger.Info("oauth: what is stored besides clients, codes and tokens", attrs...)
}
