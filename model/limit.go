package model

import (
	"context"
	"time"
)

// Rate is how often something may happen: one event per Interval in the long
// run, and Burst of them at once.
type Rate struct {
	Interval time.Duration
	Burst    int
}

// LimitModel counts for rate limits, shared between instances. The algorithm is
// GCRA, which keeps one time per key: when the key will have been idle for long
// enough to be forgotten. With that time, or now if it has passed, plus n
// intervals as the new time, the events are allowed if the new time is at most
// Burst intervals ahead of now; else the wait is what it is too far ahead.
//
// It is asked in each request, so it should rather give up soon than wait: when
// it fails, the request is let through.
type LimitModel interface {
	// Take asks for n events under key at the time now. It returns zero and counts
	// them, or, without counting, how long to wait. With n zero it counts nothing
	// and tells how long one event would have to wait.
	//
	// A key that was idle for Burst × Interval may be forgotten. A time that is
	// further ahead than that cannot be right: a clock went back, and the key begins
	// anew. Of calls with one key at the same time only one gets the last event.
	Take(ctx context.Context, key string, n int, rate Rate, now time.Time) (wait time.Duration, err error)
}
