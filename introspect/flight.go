package introspect

import (
	"context"
	"fmt"
	"sync"

	"github.com/gin-oauth/gin-oauth-server/model"
)

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
