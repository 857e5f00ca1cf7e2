// Package gcra limits rates in memory: the generic cell rate algorithm, with a
// bounded number of keys.
package gcra

import (
	"context"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	shardBits = 6
	// MaxKeys is how many keys are remembered. Beyond that, those that would be
	// forgotten first have to go: short limits before long ones.
	MaxKeys     = 1 << 16
	keysPerPart = MaxKeys >> shardBits
	// sampled is how many keys are looked at to find one that can go.
	sampled = 8
)

var _ model.LimitModel = (*Limiter)(nil)

// Limiter is a [model.LimitModel] in memory. Use [New]. It is safe for
// concurrent use.
type Limiter struct {
	seed  maphash.Seed
	parts [1 << shardBits]part
}

// part holds the keys whose hash falls to it. A key is known by its hash alone,
// which is keyed and 64 bits wide, so that nobody can make two keys collide.
type part struct {
	mu    sync.Mutex
	until map[uint64]int64 // the theoretical arrival time, in nanoseconds since 1970
}

// New returns a limiter that has counted nothing.
func New() *Limiter {
	l := &Limiter{seed: maphash.MakeSeed()}
	for i := range l.parts {
		l.parts[i].until = map[uint64]int64{}
	}
	return l
}

// Take implements [model.LimitModel]. It fails only with the context's error.
func (l *Limiter) Take(ctx context.Context, key string, n int, rate model.Rate, now time.Time) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	h := maphash.String(l.seed, key)
	t := now.UnixNano()
	ahead := int64(rate.Burst) * int64(rate.Interval)
	p := &l.parts[h>>(64-shardBits)]
	p.mu.Lock()
	defer p.mu.Unlock()
	until, known := p.until[h]
	if until < t || until > t+ahead {
		until = t // over, or a clock went back
	}
	if wait := until + int64(max(n, 1))*int64(rate.Interval) - t - ahead; wait > 0 {
		return time.Duration(wait), nil
	}
	if n <= 0 {
		return 0, nil
	}
	if !known && len(p.until) >= keysPerPart {
		p.forget(t)
	}
	p.until[h] = until + int64(n)*int64(rate.Interval)
	return 0, nil
}

// forget makes room for a key. Of a few, whichever the map yields, it removes
// those that are over, and if none is, the one that ends first.
func (p *part) forget(now int64) {
	room := false
	left, first, ends := sampled, uint64(0), int64(math.MaxInt64)
	for h, until := range p.until {
		switch {
		case until <= now:
			delete(p.until, h)
			room = true
		case until < ends:
			first, ends = h, until
		}
		if left--; left == 0 {
			break
		}
	}
	if !room {
		delete(p.until, first)
	}
}

// Len returns how many keys are remembered.
func (l *Limiter) Len() int {
	n := 0
	for i := range l.parts {
		p := &l.parts[i]
		p.mu.Lock()
		n += len(p.until)
		p.mu.Unlock()
	}
	return n
}
