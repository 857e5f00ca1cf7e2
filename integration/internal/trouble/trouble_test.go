package trouble

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Troubles come one after the other. In each every caller loses an answer and waits, the function is told when the
// last one does, and afterwards they go on.
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
			for n := 0; n < calls || !s.Over(); n++ {
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
	assert.GreaterOrEqual(t, made.Load(), int32(callers*calls), "somebody did not go on")
	assert.Equal(t, []int32{callers, callers}, inEach)
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

// A trouble that ends its goroutine is over, and nothing comes after it.
func TestScheduleFails(t *testing.T) {
	t.Parallel()
	s := New(1, 2, func(<-chan struct{}) { runtime.Goexit() }, func(<-chan struct{}) { t.Error("it went on") })
	var wg sync.WaitGroup
	wg.Go(s.Run)
	s.Call()
	wg.Wait()
	s.Wait()
	assert.True(t, s.Over())
	s.Leave()
}

// Without a trouble nobody waits.
func TestScheduleOfNothing(t *testing.T) {
	t.Parallel()
	s := New(1, 1)
	assert.False(t, s.Over())
	s.Run()
	assert.True(t, s.Over())
	s.Call()
	s.Wait()
	s.Leave()
}
