package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

var _ model.LimitModel = (*Store)(nil)

// takeTimeout is how long a limit may take to answer. It is asked in each request,
// which goes on without it.
const takeTimeout = 500 * time.Millisecond

// limitKey is where a limit is counted, by its SHA-256: what people type is in it, now
// and then a password in the place of a name.
func (s *Store) limitKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return s.prefix + "limit:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// Take implements [model.LimitModel], in whole microseconds. A key is forgotten when
// it was idle for long enough. It gives up after half a second, if the client has
// ContextTimeoutEnabled.
func (s *Store) Take(ctx context.Context, key string, n int, rate model.Rate, now time.Time) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	cmd, err := s.run(ctx, &call{
		script: &s.scripts.limitTake, keys: []string{s.limitKey(key)},
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
