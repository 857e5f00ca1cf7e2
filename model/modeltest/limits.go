package modeltest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// RunLimits tests that the stores which newStore returns keep the contract of
// [model.LimitModel]. Keys are random. [Run] does it by itself for a store that
// implements the interface.
func RunLimits(t *testing.T, newStore func(t *testing.T) model.LimitModel) {
	t.Helper()
	raiseProcs(t)
	for _, r := range limitRules {
		t.Run(r.name, func(t *testing.T) {
			r.check(&checker{T: t, ctx: t.Context()}, newStore(t))
		})
	}
}

var limitRules = [...]partRule[model.LimitModel]{
	{"BurstAndThenTheRate", burstAndThenTheRate},
	{"RefusedIsNotCounted", refusedIsNotCounted},
	{"SeveralAtOnce", severalAtOnce},
	{"AskingCountsNothing", askingCountsNothing},
	{"KeysAreApart", keysAreApart},
	{"IdleKeyHasItsBurstAgain", idleKeyHasItsBurstAgain},
	{"ClockThatGoesBack", clockThatGoesBack},
	{"LimitOfCancelledContext", limitOfCancelledContext},
	{"RaceTake", raceTake},
}

// limits asks a store under a random key, with a clock of its own.
type limits struct {
	*checker
	s    model.LimitModel
	key  string
	rate model.Rate
	now  time.Time
}

func newLimits(c *checker, s model.LimitModel) *limits {
	return &limits{c, s, "test " + newGrant().String(), model.Rate{Interval: time.Second, Burst: 3}, now}
}

// take says how long n events have to wait.
func (l *limits) take(n int, want time.Duration) {
	l.Helper()
	got, err := l.s.Take(l.ctx, l.key, n, l.rate, l.now)
	l.ok(err, "Take")
	if got != want {
		l.Fatalf("Take(%d) at %v: wait %v, want %v", n, l.now.Sub(now), got, want)
	}
}

func burstAndThenTheRate(c *checker, s model.LimitModel) {
	l := newLimits(c, s)
	for range l.rate.Burst {
		l.take(1, 0)
	}
	l.take(1, time.Second)
	l.now = l.now.Add(400 * time.Millisecond)
	l.take(1, 600*time.Millisecond)
	l.now = l.now.Add(600 * time.Millisecond)
	l.take(1, 0)
	l.take(1, time.Second)
}

func refusedIsNotCounted(c *checker, s model.LimitModel) {
	l := newLimits(c, s)
	l.take(3, 0)
	for range 10 {
		l.take(1, time.Second)
	}
	l.now = l.now.Add(time.Second)
	l.take(1, 0)
}

func severalAtOnce(c *checker, s model.LimitModel) {
	l := newLimits(c, s)
	l.take(2, 0)
	l.take(2, time.Second)
	l.take(1, 0)
	l.take(3, 3*time.Second)
}

func askingCountsNothing(c *checker, s model.LimitModel) {
	l := newLimits(c, s)
	for range 10 {
		l.take(0, 0)
	}
	l.take(3, 0)
	l.take(0, time.Second)
	l.take(0, time.Second)
	l.now = l.now.Add(time.Second)
	l.take(0, 0)
	l.take(1, 0)
}

func keysAreApart(c *checker, s model.LimitModel) {
	a, b := newLimits(c, s), newLimits(c, s)
	a.take(3, 0)
	b.take(3, 0)
	a.take(1, time.Second)
	b.key = a.key + " "
	b.take(1, 0)
}

func idleKeyHasItsBurstAgain(c *checker, s model.LimitModel) {
	l := newLimits(c, s)
	l.take(3, 0)
	l.now = l.now.Add(time.Hour)
	l.take(3, 0)
	l.take(1, time.Second)
}

// A clock that was ahead for a moment must not shut a key for as long.
func clockThatGoesBack(c *checker, s model.LimitModel) {
	l := newLimits(c, s)
	l.now = now.Add(24 * time.Hour)
	l.take(3, 0)
	l.now = now
	l.take(3, 0)
	l.take(1, time.Second)
}

// A call whose context is done may go through, but if it fails it counts nothing.
func limitOfCancelledContext(c *checker, s model.LimitModel) {
	l := newLimits(c, s)
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	if _, err := s.Take(ctx, l.key, 3, l.rate, l.now); err != nil {
		l.take(3, 0)
	}
}

func raceTake(c *checker, s model.LimitModel) {
	l := newLimits(c, s)
	l.rate.Burst = 20
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			wait, err := s.Take(c.ctx, l.key, 1, l.rate, l.now)
			if err != nil {
				c.Errorf("Take: %v", err)
			} else if wait == 0 {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 20 {
		c.Fatalf("Take by 64 at once: %d were let through, want 20", n)
	}
}
