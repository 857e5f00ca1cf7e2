package trouble

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Troubles come one after the other. In each a caller loses one answer at most and waits, the function is told when
// nobody calls any more, and afterwards they go on.
func TestSchedule(t *testing.T) {
	t.Parallel()
	const callers, calls = 5, 200
	var (
		down, lost atomic.Int32
		made       atomic.Int32
		inEach     []int32
		wg         sync.WaitGroup
	)
	breakDown := func(stalled <-chan struct{}) {
		lost.Store(0)
		down.Store(1)
		<-stalled
		down.Store(0)
		inEach = append(inEach, lost.Load())
	}
	s := New(callers, callers*calls, breakDown, breakDown)
	wg.Go(s.Run)
	for range callers {
		wg.Go(func() {
			defer s.Leave()
			for range calls {
				s.Call()
				made.Add(1)
				if down.Load() == 1 {
					lost.Add(1)
					s.Wait()
				}
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, callers*calls, made.Load(), "somebody did not go on")
	require.Len(t, inEach, 2)
	for _, n := range inEach {
		assert.LessOrEqual(t, n, int32(callers))
	}
}

// What has not happened when all have left happens then, and is told at once that nobody calls.
func TestScheduleAtTheEnd(t *testing.T) {
	t.Parallel()
	happened := 0
	wait := func(stalled <-chan struct{}) { <-stalled; happened++ }
	var wg sync.WaitGroup
	s := New(3, 1000, wait, wait, wait)
	wg.Go(s.Run)
	for range 3 {
		wg.Go(func() {
			defer s.Leave()
			s.Call()
			s.Wait()
		})
	}
	wg.Wait()
	assert.Equal(t, 3, happened)
}

// Without a trouble nobody waits.
func TestScheduleOfNothing(t *testing.T) {
	t.Parallel()
	s := New(1, 1)
	s.Run()
	s.Call()
	s.Wait()
	s.Leave()
}
