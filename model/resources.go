package model

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// Resources is a set of resource identifiers (RFC 8707): absolute URIs without
// fragment, separated by one space. The empty set means the server's own
// resource.
type Resources string

// ErrBadResource is what [ParseResources] returns for what is no resource.
var ErrBadResource = errors.New("a resource is an absolute URI without fragment")

// ParseResources reads resource parameters as a client sends them. Repeats are
// removed; the order stays.
func ParseResources(values ...string) (Resources, error) {
	var seen []string
	for _, v := range values {
		if v == "" || slices.Contains(seen, v) {
			continue
		}
		u, err := url.Parse(v)
		if err != nil || !u.IsAbs() || u.Host == "" || len(v) > maxRedirectURI ||
			strings.ContainsFunc(v, func(r rune) bool { return r <= 0x20 || r > 0x7e || r == '#' || r == '"' || r == '\\' }) {
			return "", ErrBadResource
		}
		seen = append(seen, v)
	}
	return Resources(strings.Join(seen, " ")), nil
}

// Has reports whether the set contains this resource.
func (r Resources) Has(resource string) bool { return Scope(r).Has(resource) }

// Covers reports whether every resource of other is in r.
func (r Resources) Covers(other Resources) bool { return Scope(r).Covers(Scope(other)) }

// Equal reports whether both sets hold the same resources.
func (r Resources) Equal(other Resources) bool { return Scope(r).Equal(Scope(other)) }

// List returns the resources in their order.
func (r Resources) List() []string { return strings.Fields(string(r)) }
