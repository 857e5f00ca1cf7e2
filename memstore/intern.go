package memstore

import (
	"strings"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// interned keeps each distinct value of a shard once, counted, so that records
// can name it by number. Number 0 is the zero value.
type interned[T comparable] struct {
	ids  map[T]uint32
	list []counted[T] // list[i-1] has number i
	free []uint32
}

type counted[T any] struct {
	value T
	refs  uint32
}

// add returns the number of a value and counts one use of it. What is kept is
// what clone makes of it, because strings may be cut from the much longer text
// of a request.
func (v *interned[T]) add(value T, clone func(T) T) uint32 {
	var zero T
	if value == zero {
		return 0
	}
	if id, ok := v.ids[value]; ok {
		v.list[id-1].refs++
		return id
	}
	value = clone(value)
	var id uint32
	if last := len(v.free) - 1; last >= 0 {
		id = v.free[last]
		v.free = v.free[:last]
	} else {
		v.list = append(v.list, counted[T]{})
		id = uint32(len(v.list))
	}
	if v.ids == nil {
		v.ids = map[T]uint32{}
	}
	v.list[id-1] = counted[T]{value: value, refs: 1}
	v.ids[value] = id
	return id
}

// keep counts one more use of a value that is there.
func (v *interned[T]) keep(id uint32) uint32 {
	if id != 0 {
		v.list[id-1].refs++
	}
	return id
}

func (v *interned[T]) get(id uint32) T {
	if id == 0 {
		var zero T
		return zero
	}
	return v.list[id-1].value
}

// drop ends one use, and with the last one forgets the value.
func (v *interned[T]) drop(id uint32) {
	if id == 0 {
		return
	}
	e := &v.list[id-1]
	if e.refs--; e.refs == 0 {
		delete(v.ids, e.value)
		*e = counted[T]{}
		v.free = append(v.free, id)
	}
}

// values are interned strings.
type values struct{ interned[string] }

func (v *values) add(s string) uint32 { return v.interned.add(s, strings.Clone) }

// terms are what a token allows, which is the same for most of a client's.
type terms struct {
	scope, grantScope         model.Scope
	resources, grantResources model.Resources
}

// termsOf returns the terms of a token.
func termsOf(t *model.Token) terms {
	return terms{t.Scope, t.GrantScope, t.Resources, t.GrantResources}
}

func (t terms) clone() terms {
	return terms{
		scope:          model.Scope(strings.Clone(string(t.scope))),
		grantScope:     model.Scope(strings.Clone(string(t.grantScope))),
		resources:      model.Resources(strings.Clone(string(t.resources))),
		grantResources: model.Resources(strings.Clone(string(t.grantResources))),
	}
}
