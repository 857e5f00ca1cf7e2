package linearizability

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

// A Call is an operation that somebody asked for, and what came of it.
type Call struct {
	Caller int
	Op     modeltest.Op
	Got    modeltest.Result
	// Called and Returned are when: numbers that count all beginnings and ends in the history.
	Called, Returned int64
}

// Lost reports whether the caller does not know what came of it.
func (c Call) Lost() bool { return isFault(c.Got.Err) }

// isFault reports whether an error is none of the outcomes of the contract.
func isFault(err error) bool {
	return err != nil && !errors.Is(err, model.ErrNotFound) && !errors.Is(err, model.ErrSpent) &&
		!errors.Is(err, model.ErrRevoked) && !errors.Is(err, model.ErrExists)
}

// A History is what callers did, in the order in which the calls ended.
type History []Call

// grants returns the histories of each grant, in the order in which they began.
func (h History) grants() []History {
	var ids []model.GrantID
	parts := map[model.GrantID]History{}
	for _, c := range slices.SortedStableFunc(slices.Values(h), byCalled) {
		id := grantOf(c.Op)
		if _, ok := parts[id]; !ok {
			ids = append(ids, id)
		}
		parts[id] = append(parts[id], c)
	}
	all := make([]History, len(ids))
	for i, id := range ids {
		all[i] = parts[id]
	}
	return all
}

func byCalled(a, b Call) int { return cmp.Compare(a.Called, b.Called) }

func grantOf(op modeltest.Op) model.GrantID {
	switch op.Verb {
	case modeltest.SaveAuthorizationCode:
		return op.Code.Key.Grant
	case modeltest.SaveToken:
		return op.Token.GrantID
	}
	return op.Key.Grant
}

// Store is how a caller asks a store to do something.
type Store func(ctx context.Context, caller int, op modeltest.Op) modeltest.Result

// On is a Store in this process.
func On(s model.Model) Store {
	return func(ctx context.Context, _ int, op modeltest.Op) modeltest.Result { return op.Apply(ctx, s) }
}

// A Recorder writes down what callers do to a store. Its zero value has written nothing.
type Recorder struct {
	clock atomic.Int64
	mu    sync.Mutex
	calls History
}

// Do makes a call and returns what came back.
func (r *Recorder) Do(ctx context.Context, caller int, op modeltest.Op, store Store) modeltest.Result {
	c := Call{Caller: caller, Op: op, Called: r.clock.Add(1)}
	c.Got = store(ctx, caller, op)
	c.Returned = r.clock.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
	return c.Got
}

// History is what was written until now.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}
