// Package shortcache keeps answers for a short while, bounded in number, in front of something that is slow to ask:
//
//	mark := c.Mark()
//	answer, err := ask(key)
//	if err == nil {
//		c.Put(key, answer, now, now.Add(time.Second), mark)
//	}
//
// It reads no clock and starts nothing: what is over goes when room is needed.
package shortcache

import (
	"sync"
	"time"
)

// Cache keeps up to a number of values by their keys. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	mu      sync.RWMutex
	size    int
	drops   uint64
	entries map[K]entry[V]
}

// entry is good from since on and before until. Numbers take a third of the room of a time.Time, and have no monotonic
// clock that stands still while the machine sleeps.
type entry[V any] struct {
	value        V
	since, until int64
}

// New returns a cache for at most size values, at least one.
func New[K comparable, V any](size int) *Cache[K, V] {
	return &Cache[K, V]{size: max(1, size), entries: map[K]entry[V]{}}
}

// Get returns what was kept, if it is still good at this time. A time before that of Put is none: after a clock was put
// back nobody knows how old the answer is.
func (c *Cache[K, V]) Get(key K, now time.Time) (V, bool) {
	c.mu.RLock()
	e, ok := c.entries[key]
	c.mu.RUnlock()
	if !ok || !e.isGood(now.UnixNano()) {
		var none V
		return none, false
	}
	return e.value, true
}

func (e *entry[V]) isGood(now int64) bool { return e.since <= now && now < e.until }

// Mark is read before the question is asked, and handed to Put with the answer: an answer that was given before a Drop, and
// comes after it, is not kept.
func (c *Cache[K, V]) Mark() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.drops
}

// Put keeps an answer that was given at this time until another. When the cache is full, a few entries that a map gives
// first are looked at, and those that are over, or else the first, make room: the work is bounded, and a flood of keys costs
// its own entries as much as others'.
func (c *Cache[K, V]) Put(key K, value V, now, until time.Time, mark uint64) {
	e := entry[V]{value, now.UnixNano(), until.UnixNano()}
	if e.until <= e.since {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops != mark {
		return
	}
	if _, ok := c.entries[key]; !ok && len(c.entries) >= c.size {
		c.makeRoom(e.since)
	}
	c.entries[key] = e
}

func (c *Cache[K, V]) makeRoom(now int64) {
	const looks = 8
	n := 0
	var first K
	for key, e := range c.entries {
		if n == 0 {
			first = key
		}
		if !e.isGood(now) {
			delete(c.entries, key)
		}
		if n++; n == looks {
			break
		}
	}
	if len(c.entries) >= c.size {
		delete(c.entries, first)
	}
}

// Drop forgets every answer of which the function says so, and those to questions that are under way. It looks at all that
// are kept.
func (c *Cache[K, V]) Drop(of func(K, V) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	for key, e := range c.entries {
		if of(key, e.value) {
			delete(c.entries, key)
		}
	}
}

// Len returns how many answers are kept, those that are over included.
func (c *Cache[K, V]) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.entries)
}
