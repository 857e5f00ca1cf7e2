package scaling

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// callers is how many calls are under way at the same time, for each core.
const callers = 4

// bench is one store with so many live tokens; numbers of further records are drawn from next.
type bench struct {
	subject
	live int
	next *atomic.Int64
}

// BenchmarkVerbs measures the verbs of the contract by themselves, with eight callers on two cores.
func BenchmarkVerbs(b *testing.B) {
	onEach(b, func(b *testing.B, s subject) {
		filled := 0
		s2 := bench{subject: s, next: new(atomic.Int64)}
		s2.next.Store(1 << 32) // beyond what is filled in
		for _, n := range live(b) {
			s2.fill(b, filled, n)
			filled, s2.live = n, n
			b.Run(fmt.Sprintf("live=%d", n), s2.verbs)
		}
	})
}

// fill adds live tokens until there are so many.
func (s *bench) fill(b *testing.B, from, to int) {
	if s.hurry != nil {
		s.hurry(b, true)
		defer s.hurry(b, false)
	}
	now := time.Now()
	inParallel(b, from, to, func(ctx context.Context, n int) error { return s.SaveToken(ctx, token(n, now)) })
	if s.size != nil {
		s.size(b) // and the statistics of the planner are fresh
	}
}

func (s *bench) verbs(b *testing.B) {
	b.Run("GetAccessToken", func(b *testing.B) {
		s.parallel(b, func(ctx context.Context, _ int) error {
			_, err := s.GetAccessToken(ctx, accessKey(rand.IntN(s.live)))
			return err
		})
	})
	b.Run("GetAccessToken_unknown", func(b *testing.B) {
		s.parallel(b, func(ctx context.Context, n int) error {
			if _, err := s.GetAccessToken(ctx, accessKey(n)); err != model.ErrNotFound { //nolint:errorlint // and not more than that
				return fmt.Errorf("got %w, want not found", err)
			}
			return nil
		})
	})
	b.Run("ListGrants", func(b *testing.B) {
		now := time.Now()
		s.parallel(b, func(ctx context.Context, _ int) error {
			list, err := s.ListGrants(ctx, model.GrantFilter{UserID: userID(rand.IntN(s.live))}, now, 100)
			if err == nil && len(list) != perUser {
				err = fmt.Errorf("a user has %d grants, want %d", len(list), perUser)
			}
			return err
		})
	})
	b.Run("SaveToken", func(b *testing.B) {
		now := time.Now()
		s.parallel(b, func(ctx context.Context, n int) error { return s.SaveToken(ctx, token(n, now)) })
	})
	b.Run("SaveAuthorizationCode", func(b *testing.B) {
		now := time.Now()
		s.parallel(b, func(ctx context.Context, n int) error { return s.SaveAuthorizationCode(ctx, code(n, now)) })
	})
	b.Run("RedeemAuthorizationCode", func(b *testing.B) {
		now := time.Now()
		s.prepared(b, func(ctx context.Context, n int) error { return s.SaveAuthorizationCode(ctx, code(n, now)) },
			func(ctx context.Context, n int) error {
				return s.RedeemAuthorizationCode(ctx, code(n, now).Key, pair(n, 0, now))
			})
	})
	b.Run("GetRefreshToken", func(b *testing.B) {
		now := time.Now()
		s.prepared(b, func(ctx context.Context, n int) error { return s.SaveToken(ctx, pair(n, 0, now)) },
			func(ctx context.Context, n int) error {
				_, err := s.GetRefreshToken(ctx, pair(n, 0, now).RefreshKey())
				return err
			})
	})
	b.Run("RotateRefreshToken", func(b *testing.B) {
		now := time.Now()
		s.prepared(b, func(ctx context.Context, n int) error { return s.SaveToken(ctx, pair(n, 0, now)) },
			func(ctx context.Context, n int) error {
				return s.RotateRefreshToken(ctx, pair(n, 0, now).RefreshKey(), hash('s', n), pair(n, 1, now))
			})
	})
	b.Run("RevokeGrant", func(b *testing.B) {
		now := time.Now()
		s.prepared(b, func(ctx context.Context, n int) error { return s.SaveToken(ctx, pair(n, 0, now)) },
			func(ctx context.Context, n int) error { return s.RevokeGrant(ctx, grantID(n)) })
	})
	b.Run("Take", func(b *testing.B) {
		rate := model.Rate{Interval: time.Millisecond, Burst: 1 << 20}
		s.parallel(b, func(ctx context.Context, n int) error {
			wait, err := s.Take(ctx, fmt.Sprintf("address 192.0.2.%d", n%256), 1, rate, time.Now())
			if err == nil && wait != 0 {
				err = fmt.Errorf("the limit is reached: wait %v", wait)
			}
			return err
		})
	})
	// A sweep of the memory store goes round all that is in it; docs/performance.md has what that costs.
	if sweeper, ok := s.store.(model.Sweeper); ok && s.size != nil {
		b.Run("Sweep_per_grant", func(b *testing.B) { s.sweep(b, sweeper) })
	}
}

// sweep removes b.N expired grants, in batches.
func (s *bench) sweep(b *testing.B, sweeper model.Sweeper) {
	before := time.Now().Add(-24 * time.Hour)
	base := int(s.next.Add(int64(b.N))) - b.N
	inParallel(b, base, base+b.N, func(ctx context.Context, n int) error { return s.SaveToken(ctx, token(n, before)) })
	now := time.Now()
	b.ResetTimer()
	for {
		n, err := sweeper.Sweep(context.Background(), now, 1000)
		require.NoError(b, err)
		if n < 1000 {
			return
		}
	}
}

// parallel calls a verb b.N times with a number that was not used before.
func (s *bench) parallel(b *testing.B, call func(ctx context.Context, n int) error) {
	b.Helper()
	s.each(b, int(s.next.Add(int64(b.N)))-b.N, call)
}

// prepared does the same after something was done for each of the numbers.
func (s *bench) prepared(b *testing.B, before, call func(ctx context.Context, n int) error) {
	b.Helper()
	base := int(s.next.Add(int64(b.N))) - b.N
	inParallel(b, base, base+b.N, before)
	s.each(b, base, call)
}

func (s *bench) each(b *testing.B, base int, call func(ctx context.Context, n int) error) {
	b.Helper()
	var next atomic.Int64
	b.SetParallelism(callers)
	b.ReportAllocs()
	var before int64
	if s.trips != nil {
		before = s.trips.Load()
	}
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		ctx := context.Background()
		for p.Next() {
			if err := call(ctx, base+int(next.Add(1))-1); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "verbs/s")
	if s.trips != nil {
		b.ReportMetric(float64(s.trips.Load()-before)/float64(b.N), "trips/op")
	}
}
