package linearizability

import (
	"context"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/trouble"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

// A Load is what callers do to a store at the same time. Zero fields have the values that their comments name.
type Load struct {
	Seed    uint64
	Callers int // 8
	Calls   int // of each caller, more if not all troubles are over: 40
	Grants  int // that are worked on at the same time: 2
	// Cancel is of how many calls one is given up by its caller, at a moment of chance; 0: none is.
	Cancel int
	// Patience is how long a caller waits for an answer; 0: until there is one.
	Patience time.Duration
	// Troubles are what happens to the store meanwhile, spread over the calls; see [trouble.Schedule].
	Troubles []func(stalled <-chan struct{})
}

// Record lets the callers loose and returns what they were told when all are done.
func (l Load) Record(ctx context.Context, store Store) History {
	l.Callers, l.Calls, l.Grants = orElse(l.Callers, 8), orElse(l.Calls, 40), orElse(l.Grants, 2)
	var (
		recorder Recorder
		wg       sync.WaitGroup
		draws    = newDrawer(l.Seed, l.Grants)
		schedule = trouble.New(l.Callers, l.Callers*l.Calls, l.Troubles...)
	)
	wg.Go(schedule.Run)
	for caller := range l.Callers {
		wg.Go(func() {
			defer schedule.Leave()
			for n := 0; n < l.Calls || !schedule.Over(); n++ {
				schedule.Call()
				op, givenUp := draws.next(l.Cancel)
				got := recorder.Do(ctx, caller, op, l.impatient(store, givenUp))
				draws.answered(op, got)
				if isFault(got.Err) {
					schedule.Wait()
				}
			}
		})
	}
	wg.Wait()
	return recorder.History()
}

func orElse(n, standard int) int {
	if n == 0 {
		return standard
	}
	return n
}

// impatient is the store for a caller who does not wait for every answer.
func (l Load) impatient(store Store, givenUp bool) Store {
	if l.Patience == 0 && !givenUp {
		return store
	}
	return func(ctx context.Context, caller int, op modeltest.Op) modeltest.Result {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if l.Patience > 0 {
			ctx, cancel = context.WithTimeout(ctx, l.Patience)
			defer cancel()
		}
		if givenUp {
			go cancel()
		}
		return store(ctx, caller, op)
	}
}
