package memstore

import (
	"container/heap"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// clientExpiry knows which clients expire if they stay unused. An entry may be
// out of date: the client decides when its time has come.
type clientExpiry struct {
	mu     sync.Mutex
	oldest expiryHeap
	round  round
}

type expiringClient struct {
	id string
	at int64 // milliseconds
}

// expiryHeap has the client that expires first at its root.
type expiryHeap []expiringClient

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h expiryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *expiryHeap) Push(x any)        { *h = append(*h, x.(expiringClient)) }
func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = expiringClient{}
	*h = (*h)[:last]
	return e
}

// willExpire notes a client that was stored, and removes a few that expired.
func (s *Store) willExpire(c *model.Client) {
	if c.ExpiresAt.IsZero() {
		return
	}
	x := &s.expiring
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.oldest == nil {
		x.round = newRound()
	}
	heap.Push(&x.oldest, expiringClient{c.ID, c.ExpiresAt.UnixMilli()})
	if !c.RegisteredAt.IsZero() {
		x.round.insert(c.RegisteredAt.UnixMilli())
	}
	s.expireClients(x.round.now, removedPerSave)
}

// expireClients looks at most at limit clients whose time may have come, and
// tells how many it looked at and removed. The lock is held.
func (s *Store) expireClients(now int64, limit int) (looked, removed int) {
	h := &s.expiring.oldest
	for looked < limit && len(*h) > 0 && (*h)[0].at <= now {
		e := heap.Pop(h).(expiringClient)
		looked++
		c, ok := s.clients.Load(e.id)
		if !ok {
			continue
		}
		// A client that was used meanwhile was replaced by one that does not expire.
		if at := c.(*model.Client).ExpiresAt; !at.IsZero() && at.UnixMilli() <= now && s.clients.CompareAndDelete(e.id, c) {
			removed++
		}
	}
	return looked, removed
}

// sweepClients is the clients' part of Sweep. It lets others in now and then.
func (s *Store) sweepClients(now time.Time, limit int) (removed int) {
	for removed < limit {
		atOnce := min(limit-removed, slotsPerLock)
		s.expiring.mu.Lock()
		looked, n := s.expireClients(now.UnixMilli(), atOnce)
		s.expiring.mu.Unlock()
		if removed += n; looked < atOnce {
			break
		}
	}
	return removed
}
