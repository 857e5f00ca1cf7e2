package model

import (
	"context"
	"time"
)

// LimitModel counts for rate limits, shared between instances. The algorithm is
// GCRA: one time per key.
type LimitModel interface {
	// Take asks for one more event under key at the time now. Events may come one
	// per interval in the long run, and burst of them at once. It returns zero and
	// counts the event, or, without counting it, how long to wait. A key that is
	// not used for burst × interval may be forgotten.
	Take(ctx context.Context, key string, now time.Time, interval time.Duration, burst int) (wait time.Duration, err error)
}
