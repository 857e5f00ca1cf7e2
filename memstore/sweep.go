package memstore

import (
	"context"
	"math"
	"sync"
	"time"
)

// Each insert looks at slotsPerInsert slots of its shard. It fills three at most
// (with the code before it, a grant, a code and a token), so the hand goes round
// faster than the store can grow from what nobody needs any more.
const slotsPerInsert = 4

// slotsPerLock is how many slots Sweep looks at before it lets others in. It is so
// few that nobody notices: a few microseconds.
const slotsPerLock = 128

// worksFor is after how much work Sweep rests for as long, or for the millisecond
// that a short sleep takes on some systems. To yield is not enough: on a core that
// has nothing but this to run, the scheduler looks for requests that have arrived
// only when it has nothing to run at all.
const worksFor = 200 * time.Microsecond

// roundLen is how many inserts make a round.
const roundLen = 32

// round finds out what time it is from the issue times of what is inserted:
// the earliest of the last full round. A clock that ran ahead for a moment, or
// one record from another machine, so removes nothing, and one that lags only
// delays.
type round struct {
	n        int
	earliest int64
	now      int64
}

func newRound() round { return round{earliest: math.MaxInt64, now: math.MinInt64} }

func (r *round) insert(issued int64) {
	r.earliest = min(r.earliest, issued)
	if r.n++; r.n == roundLen {
		*r = round{now: r.earliest, earliest: math.MaxInt64}
	}
}

// inserted is called after each insert, with the lock held.
func (sh *shard) inserted(issued int64) {
	sh.round.insert(issued)
	for range slotsPerInsert {
		if sh.hand++; sh.hand > sh.slots() {
			sh.hand = 1
		}
		sh.expire(sh.hand, sh.round.now)
	}
}

// slots returns how many slots there are to look at: tokens, codes, consents,
// and then grants, which go last because they wait for the first two.
func (sh *shard) slots() uint32 {
	return sh.tokens.n + sh.codes.n + sh.consents.n + sh.grantRecords.n
}

// expire removes what is in slot i, counted from 1, if its retention has ended.
func (sh *shard) expire(i uint32, now int64) bool {
	if i <= sh.tokens.n {
		r := sh.tokens.at(i)
		if !r.used || sh.retention(r) > now && !sh.isRevoked(r) {
			return false
		}
		sh.removeToken(i)
		return true
	}
	i -= sh.tokens.n
	if i <= sh.codes.n {
		c := sh.codes.at(i)
		if c.grant == 0 || c.retain > now && !sh.grantRecords.at(c.grant).revoked {
			return false
		}
		sh.removeCode(i)
		return true
	}
	i -= sh.codes.n
	if i <= sh.consents.n {
		c := sh.consents.at(i)
		if c.user == 0 || c.expires > now {
			return false
		}
		sh.removeConsent(i)
		return true
	}
	i -= sh.consents.n
	g := sh.grantRecords.at(i)
	if !g.used || g.keepUntil > now || g.tokens > 0 || g.code != 0 {
		return false
	}
	sh.removeGrant(i)
	return true
}

// sweepState is where the next Sweep goes on.
type sweepState struct {
	sync.Mutex
	shard int
	slot  uint32
}

// Sweep implements [model.Sweeper]. It holds the lock of one shard at a time
// and of none for long. Sweeps at the same time wait for each other.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	ms := now.UnixMilli()
	at := &s.sweeper
	at.Lock()
	defer at.Unlock()
	start := time.Now()
	removed = s.devices.sweep(now, limit)
	removed += s.sweepClients(now, limit-removed)
	// Once round, and the shard it began in twice: from the slot where the last
	// one stopped to the end, and at last from its first slot.
	for range shardCount + 1 {
		sh := &s.shards[at.shard]
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return removed, err
			}
			if removed >= limit {
				return removed, nil
			}
			var n int
			at.slot, n, more = sh.sweep(at.slot, ms, limit-removed)
			removed += n
			if worked := time.Since(start); worked > worksFor {
				time.Sleep(worked)
				start = time.Now()
			}
		}
		at.shard, at.slot = (at.shard+1)%shardCount, 0
	}
	return removed, nil
}

// sweep looks at a bounded number of slots after the given one. It returns the
// slot that it came to, how many records it removed, and whether there is more.
func (sh *shard) sweep(slot uint32, now int64, limit int) (at uint32, removed int, more bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	last := min(sh.slots(), slot+slotsPerLock)
	for slot < last && removed < limit {
		slot++
		if sh.expire(slot, now) {
			removed++
		}
	}
	return slot, removed, slot < sh.slots()
}
