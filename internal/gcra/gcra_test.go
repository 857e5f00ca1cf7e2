package gcra_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/internal/gcra"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

func TestContract(t *testing.T) {
	modeltest.RunLimits(t, func(*testing.T) model.LimitModel { return gcra.New() })
}

// Whoever makes up keys can make the limiter neither grow nor forget a limit
// that lasts longer than theirs.
func TestKeysAreBounded(t *testing.T) {
	t.Parallel()
	l := gcra.New()
	now := time.Unix(1_700_000_000, 0)
	slow, quick := model.Rate{Interval: time.Hour, Burst: 1}, model.Rate{Interval: time.Second, Burst: 1}
	take := func(key string, rate model.Rate) time.Duration {
		wait, err := l.Take(t.Context(), key, 1, rate, now)
		require.NoError(t, err)
		return wait
	}
	require.Zero(t, take("guesser", slow))
	for i := range 3 * gcra.MaxKeys {
		take(strconv.Itoa(i), quick)
	}
	assert.LessOrEqual(t, l.Len(), gcra.MaxKeys)
	assert.Equal(t, time.Hour, take("guesser", slow))
	now = now.Add(time.Minute)
	for i := range 1000 {
		require.Zero(t, take("later "+strconv.Itoa(i), quick))
	}
	assert.Less(t, l.Len(), gcra.MaxKeys, "what is over goes")
}

func BenchmarkTake(b *testing.B) {
	l := gcra.New()
	rate := model.Rate{Interval: time.Nanosecond, Burst: 1000}
	now := time.Unix(1_700_000_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Take(b.Context(), "token client web", 1, rate, now); err != nil {
			b.Fatal(err)
		}
	}
}
