package engine

import (
	"maps"
	"sync"
	"sync/atomic"
)

// maxHeaderValues bounds how many values are kept ready: there are about as many
// as routes and kinds of clients.
const maxHeaderValues = 64

// headerValues keeps the header values ready that come again and again, so that
// an answer need not allocate them. Nobody changes the value of a header in
// place; Gin and net/http share theirs in the same way. The zero value is ready
// to use.
type headerValues struct {
	mu    sync.Mutex
	known atomic.Pointer[map[string][]string] // never changed, only replaced
}

// join returns the header value that is these words with spaces between them.
func (v *headerValues) join(words ...string) []string {
	b := make([]byte, 0, 128) // on the stack, for nearly all
	for i, word := range words {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, word...)
	}
	known := v.known.Load()
	if known != nil {
		if value, ok := (*known)[string(b)]; ok {
			return value
		}
	}
	value := []string{string(b)}
	v.keep(value)
	return value
}

func (v *headerValues) keep(value []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := map[string][]string{}
	if known := v.known.Load(); known != nil {
		if len(*known) >= maxHeaderValues {
			return
		}
		next = maps.Clone(*known)
	}
	next[value[0]] = value
	v.known.Store(&next)
}
