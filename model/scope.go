package model

import (
	"errors"
	"iter"
	"slices"
	"strings"
)

// Scope is a set of scope tokens in the form of RFC 6749, section 3.3:
// separated by one space, without repeats, case-sensitive. The empty Scope has
// no tokens. Make one from input with [ParseScope]; a constant such as
// Scope("read write") is one already.
type Scope string

// ErrBadScope is what [ParseScope] returns for text that is no scope.
var ErrBadScope = errors.New(`a scope is a list of words separated by spaces, of printable ASCII without " and \`)

// ParseScope reads a scope as a client sends it. Spaces at the ends, runs of
// spaces and repeated tokens are removed; the order stays. It returns
// ErrBadScope for a character that RFC 6749 does not allow, a tab or line break
// among them. The empty string is the empty Scope.
func ParseScope(s string) (Scope, error) {
	for i := range len(s) {
		if b := s[i]; b < 0x20 || b > 0x7e || b == '"' || b == '\\' {
			return "", ErrBadScope
		}
	}
	if isNormal(s) {
		return Scope(s), nil
	}
	return join(strings.Fields(s)), nil
}

// NewScope returns the scope of these tokens. It panics if one of them is not a
// scope token; use [ParseScope] for input.
func NewScope(tokens ...string) Scope {
	for _, t := range tokens {
		if p, err := ParseScope(t); err != nil || t == "" || string(p) != t || strings.Contains(t, " ") {
			panic("model: NewScope: not a scope token: " + t)
		}
	}
	return join(tokens)
}

// isNormal reports whether s is in the form ParseScope returns. A long scope is
// left to join, which finds repeats without comparing each with each.
func isNormal(s string) bool {
	if s == "" {
		return true
	}
	if len(s) > 512 || s[0] == ' ' || s[len(s)-1] == ' ' || strings.Contains(s, "  ") {
		return false
	}
	for rest := s; ; {
		t, more, found := strings.Cut(rest, " ")
		if !found {
			return true
		}
		if Scope(more).Has(t) {
			return false
		}
		rest = more
	}
}

func join(tokens []string) Scope {
	seen := make(map[string]struct{}, len(tokens))
	var b strings.Builder
	for _, t := range tokens {
		if _, ok := seen[t]; ok {
			continue
		}
		seen[t] = struct{}{}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t)
	}
	return Scope(b.String())
}

// Tokens iterates over the scope tokens in their order.
func (s Scope) Tokens() iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := string(s); rest != ""; {
			var t string
			t, rest, _ = strings.Cut(rest, " ")
			if t != "" && !yield(t) {
				return
			}
		}
	}
}

// Has reports whether the scope contains this one token.
func (s Scope) Has(token string) bool {
	if token == "" {
		return false
	}
	for rest := string(s); rest != ""; {
		var t string
		t, rest, _ = strings.Cut(rest, " ")
		if t == token {
			return true
		}
	}
	return false
}

// Covers reports whether every token of other is in s. Every scope covers the
// empty one.
func (s Scope) Covers(other Scope) bool {
	if s == other {
		return true
	}
	for rest := string(other); rest != ""; {
		var t string
		t, rest, _ = strings.Cut(rest, " ")
		if t != "" && !s.Has(t) {
			return false
		}
	}
	return true
}

// Equal reports whether both scopes hold the same tokens, in whatever order.
func (s Scope) Equal(other Scope) bool { return s.Covers(other) && other.Covers(s) }

// Intersect returns the tokens of s that are in other too, in the order of s.
func (s Scope) Intersect(other Scope) Scope {
	if other.Covers(s) {
		return s
	}
	var b strings.Builder
	for t := range s.Tokens() {
		if other.Has(t) {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(t)
		}
	}
	return Scope(b.String())
}

// Union returns the tokens of s and then those of other that s lacks.
func (s Scope) Union(other Scope) Scope {
	switch {
	case s.Covers(other):
		return s
	case s == "":
		return other
	}
	return join(append(slices.Collect(s.Tokens()), slices.Collect(other.Tokens())...))
}

// String returns the scope as it stands on the wire.
func (s Scope) String() string { return string(s) }
