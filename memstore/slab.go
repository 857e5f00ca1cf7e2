package memstore

// chunkLen makes a chunk of tokens 6 kB, which is a size class of the allocator.
const chunkLen = 64

// slab holds records of one type, which must have no pointers, in chunks that
// never move: it grows without copying, and the collector sees one object
// without pointers per chunk. Slots are numbered from 1; 0 stands for none.
type slab[T any] struct {
	chunks []*[chunkLen]T
	free   []uint32
	n      uint32 // slots ever used
}

// alloc returns the number of a zeroed slot.
func (s *slab[T]) alloc() uint32 {
	if last := len(s.free) - 1; last >= 0 {
		i := s.free[last]
		s.free = s.free[:last]
		return i
	}
	if s.n%chunkLen == 0 {
		s.chunks = append(s.chunks, new([chunkLen]T))
	}
	s.n++
	return s.n
}

func (s *slab[T]) at(i uint32) *T {
	i--
	return &s.chunks[i/chunkLen][i%chunkLen]
}

func (s *slab[T]) release(i uint32) {
	var zero T
	*s.at(i) = zero
	s.free = append(s.free, i)
}
