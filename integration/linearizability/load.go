package linearizability

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

// A Load is what callers do to a store at the same time. Zero fields have the values that their comments name.
type Load struct {
	Seed    uint64
	Callers int // 8
	Calls   int // of each caller: 40
	Grants  int // that are worked on at the same time: 2
	// Cancel is of how many calls one is given up by its caller, at a moment of chance; 0: none is.
	Cancel int
	// Patience is how long a caller waits for an answer; 0: until there is one.
	Patience time.Duration
	// Troubles are what happens to the store meanwhile, spread over the calls, one after the other. A caller who loses
	// an answer waits until the trouble is over; stalled is closed when nobody calls any more.
	Troubles []func(stalled <-chan struct{})
}

// Record lets the callers loose and returns what they were told when all are done.
func (l Load) Record(ctx context.Context, store Store) History {
	l.Callers, l.Calls, l.Grants = orElse(l.Callers, 8), orElse(l.Calls, 40), orElse(l.Grants, 2)
	var (
		recorder Recorder
		wg       sync.WaitGroup
		made     atomic.Int64
		draws    = newDrawer(l.Seed, l.Grants)
		trouble  = newTrouble(l.Callers, len(l.Troubles))
		share    = int64(l.Callers * l.Calls / (len(l.Troubles) + 1))
	)
	wg.Go(func() { trouble.run(l.Troubles) })
	for caller := range l.Callers {
		wg.Go(func() {
			defer trouble.leave()
			for range l.Calls {
				if n := made.Add(1); n%share == 0 {
					trouble.reach(n/share - 1)
				}
				op, givenUp := draws.next(l.Cancel)
				got := recorder.Do(ctx, caller, op, l.impatient(store, givenUp))
				draws.answered(op, got)
				if isFault(got.Err) {
					trouble.wait()
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

// trouble is whether something is wrong with the store at the moment, and who noticed.
type trouble struct {
	callers int
	reached []chan struct{} // closed when it is time for each

	mu            sync.Mutex
	waiting, gone int
	stalled, over chan struct{} // nil while all is well
}

func newTrouble(callers, n int) *trouble {
	tr := &trouble{callers: callers, reached: make([]chan struct{}, n)}
	for i := range tr.reached {
		tr.reached[i] = make(chan struct{})
	}
	return tr
}

func (tr *trouble) reach(i int64) {
	if i < int64(len(tr.reached)) {
		close(tr.reached[i])
	}
}

func (tr *trouble) run(all []func(<-chan struct{})) {
	for i, happen := range all {
		<-tr.reached[i]
		tr.mu.Lock()
		tr.waiting, tr.stalled, tr.over = 0, make(chan struct{}), make(chan struct{})
		tr.look()
		stalled := tr.stalled
		tr.mu.Unlock()
		happen(stalled)
		tr.mu.Lock()
		close(tr.over)
		tr.stalled, tr.over = nil, nil
		tr.mu.Unlock()
	}
}

// look closes stalled when the last caller waits or has gone. Each does one of it once in a trouble.
func (tr *trouble) look() {
	if tr.over != nil && tr.waiting+tr.gone == tr.callers {
		close(tr.stalled)
	}
}

// wait returns when the trouble is over, if there is one.
func (tr *trouble) wait() {
	tr.mu.Lock()
	over := tr.over
	if over != nil {
		tr.waiting++
		tr.look()
	}
	tr.mu.Unlock()
	if over != nil {
		<-over
	}
}

func (tr *trouble) leave() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.gone++
	tr.look()
}
