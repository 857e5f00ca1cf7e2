package modeltest

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Equal reports whether two states are the same, so that whatever comes next is
// allowed in both or in neither. It is what a checker of concurrent histories
// asks, which comes to one state by many orders of the same operations. States
// that were come to by different operations may be called different though
// nothing could tell them apart.
func (s *Spec) Equal(other *Spec) bool {
	return s.clock.Equal(other.clock) && len(s.grants) == len(other.grants) &&
		(len(s.grants) == 0 || reflect.DeepEqual(s.grants, other.grants))
}

// String describes the state for a person, a grant to a line, with ids and
// digests shortened as in [Op.String]. Equal states have equal descriptions.
func (s *Spec) String() string {
	ids := slices.SortedFunc(maps.Keys(s.grants), func(a, b model.GrantID) int { return bytes.Compare(a[:], b[:]) })
	lines := make([]string, 0, len(ids))
	for _, id := range ids {
		lines = append(lines, fmt.Sprintf("%x: %s", id[:3], s.grants[id]))
	}
	if len(lines) == 0 {
		return "empty"
	}
	return strings.Join(lines, "\n")
}

// String describes what is in the grant.
func (g *grantSpec) String() string {
	var parts []string
	if g.revoked {
		parts = append(parts, "revoked")
	}
	if g.code != nil {
		text := fmt.Sprintf("code %x", g.code.Key.Digest[:3])
		if g.code.Spent {
			text += " spent"
		}
		parts = append(parts, text)
	}
	for _, t := range g.tokens {
		text := fmt.Sprintf("token %x+%x", t.token.Access[:3], t.token.Refresh[:3])
		if t.accessRevoked {
			text += ", access revoked"
		}
		if !t.token.SpentAt.IsZero() {
			text += ", spent"
		}
		if g.seedOf == t.token.Refresh && !g.seedOf.IsZero() {
			text += fmt.Sprintf(", seed %x", g.seed[:3])
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}
