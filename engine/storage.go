package engine

import (
	"fmt"
	"log/slog"
	"reflect"

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

// checkStorage finds what looks set but is a nil pointer: a store that could not
// be opened, or a variable that nobody filled.
func (c *Config) checkStorage(f *findings) {
	if isNilInside(c.Model) {
		f.addNil("Model", c.Model)
		return // the others may have been taken from it
	}
	for _, st := range []struct {
		field string
		value any
	}{{"Consents", c.Consents}, {"GrantList", c.GrantList}, {"Clients", c.Clients}, {"Devices", c.Devices}, {"Limits", c.Limits}} {
		if isNilInside(st.value) {
			f.addNil(st.field, st.value)
		}
	}
}

func (f *findings) addNil(field string, value any) {
	f.add("storage-nil", field, fmt.Sprintf("is a %T that is nil", value), "see that it was made, or leave the field out", "")
}

// isNilInside reports whether an interface is not nil but holds something that
// is.
func isNilInside(value any) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return v.IsNil()
	default:
		return false
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
