package shortcache

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func at(s int) time.Time { return time.Date(2026, 3, 1, 12, 0, s, 0, time.UTC) }

func TestKeptAsLongAsItIsGood(t *testing.T) {
	t.Parallel()
	c := New[string, int](2)
	c.Put("a", 1, at(10), at(12), c.Mark())
	for s, want := range map[int]bool{9: false, 10: true, 11: true, 12: false} {
		v, ok := c.Get("a", at(s))
		assert.Equal(t, want, ok, "second %d", s)
		assert.Equal(t, map[bool]int{true: 1}[ok], v)
	}
	_, ok := c.Get("b", at(10))
	assert.False(t, ok)
	c.Put("over", 1, at(10), at(10), c.Mark())
	assert.Equal(t, 1, c.Len(), "what is over at once is not kept")
}

func TestBounded(t *testing.T) {
	t.Parallel()
	c := New[int, int](10)
	for i := range 1000 {
		c.Put(i, i, at(0), at(60), c.Mark())
		assert.LessOrEqual(t, c.Len(), 10)
		_, ok := c.Get(i, at(1))
		assert.True(t, ok, "the newest is there")
	}
	assert.Equal(t, 10, c.Len())
	// What is over goes first, eight at a time.
	c.Put(-1, 0, at(61), at(70), c.Mark())
	assert.LessOrEqual(t, c.Len(), 3)

	none := New[int, int](0)
	none.Put(1, 1, at(0), at(1), none.Mark())
	assert.Equal(t, 1, none.Len())
}

func TestDrop(t *testing.T) {
	t.Parallel()
	c := New[int, int](10)
	for i := range 4 {
		c.Put(i, i, at(0), at(60), c.Mark())
	}
	before := c.Mark()
	c.Drop(func(k, v int) bool { return k%2 == 0 })
	for i := range 4 {
		_, ok := c.Get(i, at(1))
		assert.Equal(t, i%2 == 1, ok)
	}
	c.Put(0, 0, at(1), at(60), before)
	_, ok := c.Get(0, at(1))
	assert.False(t, ok, "an answer from before the drop comes too late")
	c.Put(0, 0, at(1), at(60), c.Mark())
	_, ok = c.Get(0, at(1))
	assert.True(t, ok)
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	c := New[int, int](100)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 1000 {
				k := (i * (g + 1)) % 300
				if v, ok := c.Get(k, at(1)); ok {
					assert.Equal(t, k, v)
				}
				c.Put(k, k, at(0), at(60), c.Mark())
				if i%100 == 0 {
					c.Drop(func(k, _ int) bool { return k < 50 })
				}
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, c.Len(), 100)
}
