package linearizability

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

// Troubles come one after the other. In each a caller loses one answer at most and waits, the function is told when
// nobody calls any more, and afterwards they go on.
func TestTroubles(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	var troubles []int // how many answers were lost in each
	var lostNow atomic.Int32
	breakDown := func(stalled <-chan struct{}) {
		lostNow.Store(0)
		down.Store(true)
		<-stalled
		down.Store(false)
		troubles = append(troubles, int(lostNow.Load()))
	}
	store := busy(On(memstore.New()))
	h := Load{Callers: 5, Calls: 100, Troubles: []func(<-chan struct{}){breakDown, breakDown}}.Record(t.Context(),
		func(ctx context.Context, caller int, op modeltest.Op) modeltest.Result {
			if down.Load() {
				lostNow.Add(1)
				return lost()
			}
			return store(ctx, caller, op)
		})
	assert.Len(t, h, 5*100, "somebody did not go on")
	require.Len(t, troubles, 2)
	for _, n := range troubles {
		assert.Positive(t, n)
		assert.LessOrEqual(t, n, 5)
	}
}

// A trouble in which all callers have gone is over as well.
func TestTroublesAtTheEnd(t *testing.T) {
	t.Parallel()
	store := On(memstore.New())
	wait := func(stalled <-chan struct{}) { <-stalled }
	h := Load{Callers: 3, Calls: 8, Troubles: []func(<-chan struct{}){wait, wait, wait}}.Record(t.Context(), store)
	assert.Len(t, h, 3*8)
	Require(t, h)
}
