package memstore

import "strings"

// values keeps each distinct string of a shard once, counted, so that records
// can name it by number. Number 0 is the empty string.
type values struct {
	ids  map[string]uint32
	list []value // list[i-1] has number i
	free []uint32
}

type value struct {
	s    string
	refs uint32
}

// add returns the number of s and counts one use of it.
func (v *values) add(s string) uint32 {
	if s == "" {
		return 0
	}
	if id, ok := v.ids[s]; ok {
		v.list[id-1].refs++
		return id
	}
	// A copy, because s may be cut from the much longer text of a request.
	s = strings.Clone(s)
	var id uint32
	if last := len(v.free) - 1; last >= 0 {
		id = v.free[last]
		v.free = v.free[:last]
	} else {
		v.list = append(v.list, value{})
		id = uint32(len(v.list))
	}
	if v.ids == nil {
		v.ids = map[string]uint32{}
	}
	v.list[id-1] = value{s: s, refs: 1}
	v.ids[s] = id
	return id
}

func (v *values) get(id uint32) string {
	if id == 0 {
		return ""
	}
	return v.list[id-1].s
}

// drop ends one use, and with the last one forgets the string.
func (v *values) drop(id uint32) {
	if id == 0 {
		return
	}
	e := &v.list[id-1]
	if e.refs--; e.refs == 0 {
		delete(v.ids, e.s)
		*e = value{}
		v.free = append(v.free, id)
	}
}
