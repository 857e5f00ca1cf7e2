package cluster

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// 200 codes, each redeemed by nine at once over all instances: one wins, and because the others look like thieves what it
// got is revoked, everywhere.
func TestCodes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, dsn string) {
		const n = 200
		c := start(t, dsn)
		codes := c.codes(n)
		inParallel(n, func(session int) {
			for _, e := range atOnce(9, func(i int) Entry { return c.redeem(session, i%3, codes[session]) }) {
				if e.Answer == Granted {
					c.everywhere(session, e.Pair.Access, Refused)
					assert.Equal(t, Refused, c.refresh(session, session%3, e.Pair.Refresh).Answer)
				}
			}
		})
		c.check()
		assert.Equal(t, map[string]int{"redeem granted": n, "redeem refused": 8 * n, "use refused": 3 * n, "refresh refused": n}, c.count())
	})
}

// Nine refresh at once with the same token. Within the grace window they are one client that asks again: all get the same
// pair, and it is good. When that pair was used, the old token is a thief's.
func TestRefreshes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, dsn string) {
		const n = 40
		c := start(t, dsn)
		codes := c.codes(n)
		inParallel(n, func(session int) {
			first := c.redeem(session, session%3, codes[session])
			if !assert.Equal(t, Granted, first.Answer, "%v", first) {
				return
			}
			answers := atOnce(9, func(i int) Entry { return c.refresh(session, i%3, first.Pair.Refresh) })
			for _, e := range answers {
				assert.Equal(t, answers[0].Pair, e.Pair, "%v", e)
			}
			second := answers[0].Pair
			c.everywhere(session, second.Access, Granted)
			third := c.refresh(session, (session+1)%3, second.Refresh)
			assert.Equal(t, Granted, third.Answer, "%v", third)
			c.everywhere(session, third.Pair.Access, Granted)
			if session%2 == 0 {
				assert.Equal(t, Refused, c.refresh(session, (session+2)%3, first.Pair.Refresh).Answer)
				c.everywhere(session, third.Pair.Access, Refused)
			}
		})
		c.check()
		assert.Equal(t, map[string]int{
			"redeem granted": n, "refresh granted": 10 * n, "refresh refused": n / 2, "use granted": 6 * n, "use refused": 3 * n / 2,
		}, c.count())
	})
}

// Without the grace window it is as with codes: of 200 tokens each is won by one, and the others revoke what it got.
func TestRefreshesWithoutGrace(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, dsn string) {
		const n = 200
		c := start(t, dsn, "-refresh-token-grace", "0")
		c.Grace = false
		codes := c.codes(n)
		inParallel(n, func(session int) {
			first := c.redeem(session, session%3, codes[session])
			if !assert.Equal(t, Granted, first.Answer, "%v", first) {
				return
			}
			for _, e := range atOnce(9, func(i int) Entry { return c.refresh(session, i%3, first.Pair.Refresh) }) {
				if e.Answer == Granted {
					c.everywhere(session, e.Pair.Access, Refused)
				}
			}
			c.everywhere(session, first.Pair.Access, Refused)
		})
		c.check()
		assert.Equal(t, map[string]int{"redeem granted": n, "refresh granted": n, "refresh refused": 8 * n, "use refused": 6 * n}, c.count())
	})
}

// A client whose answer was lost asks another instance, also when the first one was killed after it had written: it gets
// the pair that was lost, and its session goes on.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, dsn string) {
		c := start(t, dsn)
		codes := c.codes(2)
		for session, kill := range []bool{false, true} {
			first := c.redeem(session, 0, codes[session])
			require.Equal(t, Granted, first.Answer, "%v", first)
			lost := c.forget(func() Entry { return c.refresh(session, 0, first.Pair.Refresh) })
			if kill {
				c.instance(0).Kill()
			}
			for i := 1; i < 3; i++ {
				again := c.refresh(session, i, first.Pair.Refresh)
				assert.Equal(t, lost, again.Pair, "%v", again)
			}
			next := c.refresh(session, 2, lost.Refresh)
			assert.Equal(t, Granted, next.Answer, "%v", next)
			if kill {
				c.restart(0)
			}
			c.everywhere(session, next.Pair.Access, Granted)
		}
		c.check()
	})
}

// forget makes a request of which the client never sees the answer, and returns what it would have been.
func (c *cluster) forget(ask func() Entry) (lost Pair) {
	e := ask()
	c.Journal.mu.Lock()
	defer c.Journal.mu.Unlock()
	for i := range c.entries {
		if c.entries[i].Began == e.Began {
			c.entries[i].Answer, c.entries[i].Pair, c.entries[i].Status = Lost, Pair{}, 0
		}
	}
	return e.Pair
}
