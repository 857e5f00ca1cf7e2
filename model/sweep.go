package model

import (
	"context"
	"time"
)

// Sweeper is implemented by stores that remove records when told to. Stores in
// which records expire by themselves need not implement it.
type Sweeper interface {
	// Sweep removes at most limit records, or does a comparable amount of work,
	// of which the retention ended at or before now, and returns how many it
	// removed. Fewer than limit means that nothing more is to be done now. It
	// never removes what must be kept, and may run in several processes at once.
	Sweep(ctx context.Context, now time.Time, limit int) (removed int, err error)
}

// sweepBatch is how many records SweepEvery asks a store to remove at a time.
const sweepBatch = 1000

// SweepEvery sweeps the store now and then once per period, in batches, until
// ctx is done; it blocks. After each batch it rests for as long as that took, so
// that sweeping never has more than half of a processor and requests need not
// wait for the end. Errors go to onErr, which may be nil, and do not end it.
//
//	go model.SweepEvery(ctx, store, time.Minute, func(err error) { slog.Error("sweep", "err", err) })
func SweepEvery(ctx context.Context, s Sweeper, every time.Duration, onErr func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for ctx.Err() == nil {
			start := time.Now()
			n, err := s.Sweep(ctx, time.Now(), sweepBatch)
			if err != nil && ctx.Err() == nil && onErr != nil {
				onErr(err)
			}
			if err != nil || n < sweepBatch {
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Since(start)):
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
