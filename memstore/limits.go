package memstore

import (
	"context"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Take implements [model.LimitModel]. At most 65536 keys are remembered; beyond
// that, those go that would be forgotten first.
func (s *Store) Take(ctx context.Context, key string, n int, rate model.Rate, now time.Time) (wait time.Duration, err error) {
	return s.limits.Take(ctx, key, n, rate, now)
}
