package engine_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// Many workers on one server get what each would get alone. Apart from this and
// the bursts, make test runs every test of every module under the race detector;
// they are parallel, so this runs the whole of the package side by side:
//
//	go test -race -parallel 32 ./engine
func TestWorkers(t *testing.T) {
	t.Parallel()
	t.Run("attack-O08 a whole life of a grant, 32 times at once", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withPassword)
		const workers = 32
		var wg sync.WaitGroup
		var mu sync.Mutex
		seen := map[string]bool{}
		for range workers {
			wg.Go(func() {
				access, refresh := f.live(t)
				mu.Lock()
				defer mu.Unlock()
				assert.False(t, seen[access] || seen[refresh], "a token was issued twice")
				seen[access], seen[refresh] = true, true
			})
		}
		wg.Wait()
		assert.Len(t, seen, 2*workers)
		for token := range seen {
			assert.False(t, f.works(token), "a replay left something alive")
		}
		assert.Equal(t, workers, f.countEvents(engine.EventReplayed))
		assert.Equal(t, workers, f.countEvents(engine.EventRevoked))
		assert.Equal(t, workers, f.countEvents(engine.EventReissued))
		assert.Zero(t, f.countEvents(engine.EventFault))
	})
	t.Run("attack-O08 a clock that moves meanwhile", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				access, refresh := f.tokens(t)
				f.clock.Advance(time.Millisecond)
				access2, _ := f.refresh(refresh).tokens(t)
				assert.True(t, f.works(access) && f.works(access2))
			})
		}
		wg.Wait()
		assert.Zero(t, f.countEvents(engine.EventRefused))
	})
}

// live takes a grant from its code to a replay and returns the last pair, which
// is dead by then.
func (f *fixture) live(t *testing.T) (access, refresh string) {
	t.Helper()
	send := func(token string, edits ...string) (int, pair) {
		a := f.refresh(token, edits...)
		if a.Code != http.StatusOK {
			return a.Code, pair{}
		}
		return a.Code, a.pair(t)
	}
	_, first := f.tokens(t)
	status, second := send(first)
	assert.Equal(t, http.StatusOK, status)
	status, again := send(first)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, second, again)
	status, _ = send(second.refresh, "scope=admin")
	assert.Equal(t, http.StatusBadRequest, status)
	status, third := send(second.refresh, "scope=read")
	assert.Equal(t, http.StatusOK, status)
	assert.True(t, f.works(third.access))
	status, _ = send(first)
	assert.Equal(t, http.StatusBadRequest, status, "the seed is gone: a replay")
	status, _ = send(third.refresh)
	assert.Equal(t, http.StatusBadRequest, status)
	return third.access, third.refresh
}
