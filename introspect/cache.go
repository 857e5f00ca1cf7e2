package introspect

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// cache keeps answers by the digest of their token, bounded in number and time.
type cache struct {
	mu      sync.RWMutex
	size    int
	answers map[model.Digest]cached
}

type cached struct {
	token *model.Token // nil: not active
	until time.Time
}

func (c *cache) get(key model.Digest, now time.Time) (*model.Token, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	a, ok := c.answers[key]
	if !ok || !now.Before(a.until) {
		return nil, false
	}
	return a.token, true
}

// put keeps an answer. When the cache is full, a few entries that a map gives
// first are looked at, and those that are over, or else the first, make room: the
// work is bounded, and a flood of made-up tokens costs its own entries as much
// as others'.
func (c *cache) put(key model.Digest, t *model.Token, until, now time.Time) {
	if !now.Before(until) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil {
		c.answers = map[model.Digest]cached{}
	}
	if _, ok := c.answers[key]; !ok && len(c.answers) >= c.size {
		c.makeRoom(now)
	}
	c.answers[key] = cached{token: t, until: until}
}

func (c *cache) makeRoom(now time.Time) {
	const looks = 8
	n := 0
	var first model.Digest
	for key, a := range c.answers {
		if n == 0 {
			first = key
		}
		if !now.Before(a.until) {
			delete(c.answers, key)
		}
		if n++; n == looks {
			break
		}
	}
	if len(c.answers) >= c.size {
		delete(c.answers, first)
	}
}

// flight makes one look-up of those that ask for the same at the same time.
type flight struct {
	mu    sync.Mutex
	calls map[model.Digest]*call
}

type call struct {
	done  chan struct{}
	token *model.Token
	err   error
}

// do runs the look-up, or waits for the one that runs. The end of ctx ends the
// wait alone.
func (f *flight) do(ctx context.Context, key model.Digest, look func() (*model.Token, error)) (*model.Token, error) {
	f.mu.Lock()
	c, ok := f.calls[key]
	if !ok {
		c = &call{done: make(chan struct{})}
		if f.calls == nil {
			f.calls = map[model.Digest]*call{}
		}
		f.calls[key] = c
		go f.run(key, c, look)
	}
	f.mu.Unlock()
	select {
	case <-c.done:
		return c.token, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *flight) run(key model.Digest, c *call, look func() (*model.Token, error)) {
	defer func() {
		if v := recover(); v != nil {
			c.token, c.err = nil, fmt.Errorf("introspect: panic: %v", v)
		}
		f.mu.Lock()
		delete(f.calls, key)
		f.mu.Unlock()
		close(c.done)
	}()
	c.token, c.err = look()
}
