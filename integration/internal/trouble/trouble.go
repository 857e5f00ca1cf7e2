// Package trouble lets something happen to a server while callers use it, without anybody having to guess how long.
package trouble

import "sync"

// A Schedule is what happens while a number of callers make calls: each trouble when a share of the calls was made, one
// after the other. A caller who gets no answer waits until the trouble is over; the trouble is told when all do.
//
//	s := trouble.New(callers, calls, func(stalled <-chan struct{}) { server.Kill(); <-stalled; server.Start() })
//	wg.Go(s.Run)
//	wg.Go(func() { // each caller
//		defer s.Leave()
//		for … || !s.Over() {
//			s.Call()
//			if … no answer … {
//				s.Wait()
//			}
//		}
//	})
type Schedule struct {
	callers, share int
	happen         []func(stalled <-chan struct{})
	reached        []chan struct{} // closed when it is time for each

	mu                   sync.Mutex
	calls, waiting, gone int
	next                 int           // which trouble is to come
	finished             bool          // Run has returned
	stalled, over        chan struct{} // nil while all is well
}

// New returns the schedule for so many callers who make at least so many calls altogether. Each trouble is over when its
// function returns; stalled is closed when no caller calls any more: each waits, or has left.
func New(callers, calls int, troubles ...func(stalled <-chan struct{})) *Schedule {
	s := &Schedule{callers: callers, share: calls / (len(troubles) + 1), happen: troubles, reached: make([]chan struct{}, len(troubles))}
	for i := range s.reached {
		s.reached[i] = make(chan struct{})
	}
	return s
}

// Run lets the troubles happen and returns when the last one is over. If a trouble ends its goroutine, as a test that
// failed does, no other comes.
func (s *Schedule) Run() {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.finished = true
	}()
	for i, happen := range s.happen {
		<-s.reached[i]
		s.run(happen)
	}
}

func (s *Schedule) run(happen func(stalled <-chan struct{})) {
	s.mu.Lock()
	s.waiting, s.stalled, s.over = 0, make(chan struct{}), make(chan struct{})
	s.look()
	stalled := s.stalled
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.over)
		s.stalled, s.over = nil, nil
	}()
	happen(stalled)
}

// Over reports whether nothing more is to come. Callers who go on until then meet every trouble.
func (s *Schedule) Over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finished
}

// Call counts a call that is about to be made.
func (s *Schedule) Call() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.next < len(s.reached) && s.calls >= (s.next+1)*s.share {
		s.reach()
	}
}

func (s *Schedule) reach() {
	close(s.reached[s.next])
	s.next++
}

// Wait returns when the trouble is over, at once if there is none.
func (s *Schedule) Wait() {
	s.mu.Lock()
	over := s.over
	if over != nil {
		s.waiting++
		s.look()
	}
	s.mu.Unlock()
	if over != nil {
		<-over
	}
}

// Leave tells that a caller makes no more calls. When all have left, what has not happened yet does.
func (s *Schedule) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone++
	s.look()
	for s.gone == s.callers && s.next < len(s.reached) {
		s.reach()
	}
}

// look closes stalled when the last caller waits or has left. In one trouble each does one of them, once.
func (s *Schedule) look() {
	if s.over != nil && s.waiting+s.gone == s.callers {
		close(s.stalled)
	}
}
