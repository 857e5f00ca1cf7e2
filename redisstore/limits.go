package redisstore

import (
	"context"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

var _ model.LimitModel = (*Store)(nil)

// Take implements [model.LimitModel], in whole microseconds. A key is forgotten when
// it is idle for long enough. How long a call can take at most is up to the client:
// with ContextTimeoutEnabled the context's deadline counts.
func (s *Store) Take(ctx context.Context, key string, n int, rate model.Rate, now time.Time) (wait time.Duration, err error) {
	cmd, err := s.run(ctx, &call{
		script: &s.scripts.limitTake, keys: []string{s.prefix + "limit:" + key},
		args: []any{now.UnixMicro(), n, max(rate.Interval.Microseconds(), 1), rate.Burst},
	})
	if err != nil {
		return 0, fault("take from a limit", err)
	}
	micros, err := cmd.Int64()
	if err != nil {
		return 0, fault("take from a limit", err)
	}
	return time.Duration(micros) * time.Microsecond, nil
}
