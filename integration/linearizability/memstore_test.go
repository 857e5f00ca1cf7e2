package linearizability

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

func TestMemstore(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	var all History
	for seed := range uint64(12) {
		h := Load{Seed: seed}.Record(t.Context(), busy(On(store)))
		Require(t, h)
		all = append(all, h...)
	}
	requireContention(t, all)
}

// Answers and requests that are lost, and requests that arrive when nobody waits any more, break no store.
func TestMemstoreBehindABadNetwork(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	var all History
	for seed := range uint64(12) {
		n := &network{to: busy(On(store)), rand: rand.New(rand.NewPCG(seed, 6))}
		h := Load{Seed: seed}.Record(t.Context(), n.do)
		n.late.Wait()
		Require(t, h)
		all = append(all, h...)
	}
	requireContention(t, all)
	assert.True(t, slices.ContainsFunc(all, Call.Lost))
}

// busy lets others come between a call and what the store does, which in memory is too quick for them.
func busy(to Store) Store {
	return func(ctx context.Context, caller int, op modeltest.Op) modeltest.Result {
		runtime.Gosched()
		defer runtime.Gosched()
		return to(ctx, caller, op)
	}
}

// A network on which every tenth call is lost on its way, there or back, or is late.
type network struct {
	to   Store
	mu   sync.Mutex
	rand *rand.Rand
	late sync.WaitGroup
}

func (n *network) do(ctx context.Context, caller int, op modeltest.Op) modeltest.Result {
	n.mu.Lock()
	chance := n.rand.IntN(30)
	n.mu.Unlock()
	switch chance {
	case 0:
	case 1:
		n.to(ctx, caller, op)
	case 2:
		n.late.Go(func() {
			for range 50 {
				runtime.Gosched()
			}
			n.to(ctx, caller, op)
		})
	default:
		return n.to(ctx, caller, op)
	}
	return modeltest.Result{Err: errors.New("no answer")}
}

// requireContention says that callers met: that each verb won and lost, and that calls were under way at the same time.
func requireContention(t *testing.T, h History) {
	t.Helper()
	outcomes := map[string]int{}
	lost, together := 0, 0
	for _, part := range h.grants() {
		var until int64
		for _, c := range part {
			if c.Called < until {
				together++
			}
			until = max(until, c.Returned)
			if c.Lost() {
				lost++
				continue
			}
			outcomes[fmt.Sprintf("%v: %v", c.Op.Verb, c.Got.Err)]++
		}
	}
	t.Logf("%d calls, %d lost, %d while another was under way: %v", len(h), lost, together, outcomes)
	for verb, errs := range map[modeltest.Verb][]error{
		modeltest.SaveAuthorizationCode:   {nil, model.ErrExists},
		modeltest.SaveToken:               {nil, model.ErrExists},
		modeltest.RedeemAuthorizationCode: {nil, model.ErrSpent, model.ErrNotFound},
		modeltest.RotateRefreshToken:      {nil, model.ErrSpent, model.ErrNotFound},
		modeltest.GetAuthorizationCode:    {nil, model.ErrNotFound},
		modeltest.GetAccessToken:          {nil, model.ErrNotFound},
		modeltest.GetRefreshToken:         {nil, model.ErrNotFound},
		modeltest.RevokeAccessToken:       {nil},
		modeltest.RevokeGrant:             {nil},
	} {
		for _, err := range errs {
			assert.NotZero(t, outcomes[fmt.Sprintf("%v: %v", verb, err)], "%v never answered %v", verb, err)
		}
	}
	assert.Greater(t, together, len(h)/10, "callers did not meet")
}
