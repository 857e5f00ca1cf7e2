package scaling

import (
	"context"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// BenchmarkBytes measures how many bytes of the database a live grant takes, indexes and free space included.
func BenchmarkBytes(b *testing.B) {
	const grants = 50_000
	now := time.Now()
	shapes := []struct {
		name string
		open func(ctx context.Context, s model.Model, n int) error
	}{
		{"access token alone", func(ctx context.Context, s model.Model, n int) error { return s.SaveToken(ctx, token(n, now)) }},
		{"code with its pair", func(ctx context.Context, s model.Model, n int) error {
			if err := s.SaveAuthorizationCode(ctx, code(n, now)); err != nil {
				return err
			}
			return s.RedeemAuthorizationCode(ctx, code(n, now).Key, pair(n, 0, now))
		}},
		{"each further rotation", func(ctx context.Context, s model.Model, n int) error {
			return s.RotateRefreshToken(ctx, pair(n, 0, now).RefreshKey(), hash('s', n), pair(n, 1, now))
		}},
	}
	onEach(b, func(b *testing.B, s subject) {
		if s.size == nil {
			return // docs/performance.md has those of the memory store
		}
		s.hurry(b, true)
		before := s.size(b)
		for i, shape := range shapes {
			base := min(i, 1) * grants // the pairs are rotated
			inParallel(b, base, base+grants, func(ctx context.Context, n int) error { return shape.open(ctx, s, n) })
			after := s.size(b)
			b.Run(shape.name, func(b *testing.B) {
				b.ReportMetric(float64(after-before)/grants, "bytes/op")
				b.ReportMetric(0, "ns/op")
			})
			before = after
		}
	})
}
