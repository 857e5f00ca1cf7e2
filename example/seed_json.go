package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// value is a JSON value that knows the line it stands in. Decoding into structs
// would lose that, and would take a member that is misspelt or given twice.
type value struct {
	line    int
	scalar  any // string, bool, json.Number or nil
	array   []value
	members []member
	kind    byte // '[', '{' or 0 for a scalar
}

type member struct {
	name  string
	line  int
	value value
}

// lineError is a reason with its place in a file.
type lineError struct {
	line   int
	reason string
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.reason) }

func at(line int, format string, args ...any) error {
	return &lineError{line: line, reason: fmt.Sprintf(format, args...)}
}

// parseJSON reads a whole file that is one JSON value.
func parseJSON(data []byte) (value, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		n := 0
		for n < len(data) {
			r, size := utf8.DecodeRune(data[n:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			n += size
		}
		return value{}, at(lineAt(data, n), "the file must be UTF-8")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return value{}, at(1, "the file is empty")
	}
	// The decoder below is fed with valid JSON only; this says what is not.
	var whole any
	if err := json.Unmarshal(data, &whole); err != nil {
		line := lineAt(data, len(data))
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line = lineAt(data, int(syntax.Offset)-1)
		}
		return value{}, at(line, "not JSON: %v", err)
	}
	p := parser{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	p.dec.UseNumber()
	return p.value()
}

// lineAt returns the line, from 1, that the byte at offset stands in.
func lineAt(data []byte, offset int) int {
	offset = min(max(offset, 0), len(data))
	return 1 + bytes.Count(data[:offset], []byte("\n"))
}

type parser struct {
	data []byte
	dec  *json.Decoder
	seen int // offset up to which lines are counted
	line int // line breaks before seen
}

// next returns a token and its line: no token has a line break in it.
func (p *parser) next() (json.Token, int, error) {
	t, err := p.dec.Token()
	end := int(p.dec.InputOffset())
	p.line += bytes.Count(p.data[p.seen:end], []byte("\n"))
	p.seen = end
	if err != nil {
		return nil, 0, at(p.line+1, "not JSON: %v", err)
	}
	return t, p.line + 1, nil
}

func (p *parser) value() (value, error) {
	t, line, err := p.next()
	if err != nil {
		return value{}, err
	}
	v := value{line: line}
	switch t {
	case json.Delim('['):
		v.kind = '['
		for p.dec.More() {
			e, err := p.value()
			if err != nil {
				return value{}, err
			}
			v.array = append(v.array, e)
		}
	case json.Delim('{'):
		v.kind = '{'
		names := make(map[string]bool)
		for p.dec.More() {
			m, err := p.member()
			if err != nil {
				return value{}, err
			}
			if names[m.name] {
				return value{}, at(m.line, "%q stands here a second time: keep one of them", m.name)
			}
			names[m.name] = true
			v.members = append(v.members, m)
		}
	default:
		v.scalar = t
		return v, nil
	}
	_, _, err = p.next() // the closing bracket
	return v, err
}

func (p *parser) member() (member, error) {
	t, line, err := p.next()
	if err != nil {
		return member{}, err
	}
	name, ok := t.(string)
	if !ok {
		return member{}, at(line, "not JSON: a member needs a name")
	}
	v, err := p.value()
	return member{name: name, line: line, value: v}, err
}

func (v *value) isNull() bool { return v.kind == 0 && v.scalar == nil }

func (v *value) describe() string {
	switch v.kind {
	case '[':
		return "an array"
	case '{':
		return "an object"
	}
	switch v.scalar.(type) {
	case string:
		return "a string"
	case bool:
		return "true or false"
	case nil:
		return "null"
	}
	return "a number"
}

// str, boolean, list and object return the value as what it must be.
func (v *value) str(name string) (string, error) {
	s, ok := v.scalar.(string)
	if !ok {
		return "", at(v.line, "%s must be a string, not %s", name, v.describe())
	}
	return s, nil
}

func (v *value) boolean(name string) (bool, error) {
	b, ok := v.scalar.(bool)
	if !ok {
		return false, at(v.line, "%s must be true or false, not %s", name, v.describe())
	}
	return b, nil
}

func (v *value) list(name string) ([]value, error) {
	if v.kind != '[' {
		return nil, at(v.line, "%s must be an array, not %s", name, v.describe())
	}
	return v.array, nil
}

func (v *value) strings(name string) ([]string, error) {
	list, err := v.list(name)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for i := range list {
		if out[i], err = list[i].str("each of " + name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// object calls read for each member that is not null. It refuses one that is not
// in known, a list with spaces.
func (v *value) object(name, known string, read func(m *member) error) error {
	names := strings.Fields(known)
	if v.kind != '{' {
		return at(v.line, "%s must be an object, not %s", name, v.describe())
	}
	for i := range v.members {
		m := &v.members[i]
		if !slices.Contains(names, m.name) {
			return at(m.line, "%s has no member %q; its members are %s", name, m.name, strings.Join(names, ", "))
		}
		if m.value.isNull() {
			continue
		}
		if err := read(m); err != nil {
			return err
		}
	}
	return nil
}
