package modeltest

import (
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const ms = time.Millisecond

// sweepAll sweeps until nothing is left to do.
func (c *checker) sweepAll(s model.Model, at time.Time, limit int) {
	c.Helper()
	for range 1_000_000 {
		n, err := s.(model.Sweeper).Sweep(c.ctx, at, limit)
		c.ok(err, "Sweep")
		if n < 0 {
			c.Fatalf("Sweep: removed %d", n)
		}
		if n < limit {
			return
		}
	}
	c.Fatalf("Sweep does not come to an end")
}

// sweepable returns a store that is swept, or false.
func (c *checker) sweepable() (model.Model, bool) {
	s := c.newStore()
	_, ok := s.(model.Sweeper)
	return s, ok
}

func sweepKeepsCodes(c *checker) {
	s, ok := c.sweepable()
	if !ok {
		return
	}
	unspent := c.openByCode(s)
	spent := c.openByCode(s)
	c.ok(s.RedeemAuthorizationCode(c.ctx, spent.Key, nil), "RedeemAuthorizationCode without a token")
	for _, at := range []time.Time{unspent.ExpiresAt, unspent.RetainUntil.Add(-ms)} {
		c.sweepAll(s, at, 100)
		c.hasCode(s, unspent, false)
		c.hasCode(s, spent, true)
		c.is(s.RedeemAuthorizationCode(c.ctx, spent.Key, nil), "RedeemAuthorizationCode of a spent code after a sweep", model.ErrSpent)
	}
}

func sweepKeepsTokens(c *checker) {
	s, ok := c.sweepable()
	if !ok {
		return
	}
	_, spent := c.redeemed(s)
	next, seed := c.rotate(s, spent)
	machine := c.openByMachine(s)
	// The access half may outlive the refresh half.
	long := newToken(newGrant(), now)
	long.RefreshExpiresAt = now.Add(time.Minute)
	c.ok(s.SaveToken(c.ctx, cloneToken(long)), "SaveToken")

	c.sweepAll(s, machine.AccessExpiresAt.Add(-ms), 100)
	c.hasAccess(s, machine)
	c.live(s, long)
	c.sweepAll(s, spent.RefreshExpiresAt.Add(-ms), 100)
	if got := c.hasRefresh(s, spent); !got.SpentAt.Equal(next.IssuedAt) || got.Seed != seed {
		c.Fatalf("a sweep changed a spent token that must be kept: SpentAt %v, Seed %x", got.SpentAt, got.Seed)
	}
	c.live(s, next)
	c.sweepAll(s, next.RefreshExpiresAt.Add(-ms), 100)
	c.live(s, next)
	last, _ := c.rotate(s, next)
	c.live(s, last)
}

// sweepKeepsGrants says that a grant stays, with its mark, for as long as its
// family could live, though all its codes and tokens may have gone.
func sweepKeepsGrants(c *checker) {
	s, ok := c.sweepable()
	if !ok {
		return
	}
	_, live := c.redeemed(s)
	revoked, revokedToken := c.redeemed(s)
	pair := c.openByToken(s)
	c.ok(s.RevokeGrant(c.ctx, revoked.Key.Grant), "RevokeGrant")
	fresh := c.openByCode(s)
	c.sweepAll(s, fresh.RetainUntil.Add(-ms), 100)
	c.refuseOpening(s, fresh.Key.Grant, "before its code's retention ends")
	c.sweepAll(s, live.GrantExpiresAt.Add(-ms), 100)
	for _, id := range []model.GrantID{live.GrantID, revoked.Key.Grant, pair.GrantID} {
		c.refuseOpening(s, id, "before it expires")
	}
	c.dead(s, revoked, revokedToken)
}

// insertKeepsWhatMustBeKept says that a store that makes room at each insert
// goes by the records' retention too.
func insertKeepsWhatMustBeKept(c *checker) {
	s := c.newStore()
	code, spent := c.redeemed(s)
	next, seed := c.rotate(s, spent)
	machine := c.openByMachine(s)
	late := machine.AccessExpiresAt.Add(-ms)
	code2 := newCode()
	code2.IssuedAt, code2.ExpiresAt, code2.RetainUntil = late.Add(-10*time.Minute), late.Add(-9*time.Minute), late.Add(ms)
	c.ok(s.SaveAuthorizationCode(c.ctx, cloneCode(code2)), "SaveAuthorizationCode")
	for range 300 {
		t := newMachineToken()
		t.IssuedAt, t.AccessExpiresAt, t.GrantExpiresAt = late, late.Add(time.Hour), late.Add(time.Hour)
		c.ok(s.SaveToken(c.ctx, t), "SaveToken")
	}
	c.hasAccess(s, machine)
	c.hasCode(s, code2, false)
	c.live(s, next)
	if got := c.hasRefresh(s, spent); got.SpentAt.IsZero() || got.Seed != seed {
		c.Fatalf("inserts changed a spent token that must be kept")
	}
	c.refuseOpening(s, code.Key.Grant, "with a live token")
}

// sweepRemovesTheRest says that what need not be kept is swept: after the last
// sweep nothing is found, and each grant can be opened anew.
func sweepRemovesTheRest(c *checker) {
	for _, limit := range []int{1, 3, 1000} {
		s, ok := c.sweepable()
		if !ok {
			return
		}
		code := c.openByCode(s)
		redeemed, first := c.redeemed(s)
		next, _ := c.rotate(s, first)
		gone, goneToken := c.redeemed(s)
		c.ok(s.RevokeGrant(c.ctx, gone.Key.Grant), "RevokeGrant")
		pair, machine := c.openByToken(s), c.openByMachine(s)

		c.sweepAll(s, machine.AccessExpiresAt, limit)
		c.noToken(s, machine, "after a sweep at the end of its retention")
		c.noCode(s, code.Key, "after a sweep past the end of its grant's retention")
		c.sweepAll(s, first.GrantExpiresAt, limit)
		c.noCode(s, redeemed.Key, "after a sweep at the end of its grant's retention")
		for _, t := range []*model.Token{first, next, goneToken, pair} {
			c.noToken(s, t, "after a sweep at the end of its grant's retention")
		}
		for _, id := range []model.GrantID{code.Key.Grant, first.GrantID, gone.Key.Grant, pair.GrantID, machine.GrantID} {
			again := newCode()
			again.Key.Grant = id
			again.IssuedAt = first.GrantExpiresAt
			again.ExpiresAt, again.RetainUntil = again.IssuedAt.Add(time.Minute), again.IssuedAt.Add(10*time.Minute)
			c.ok(s.SaveAuthorizationCode(c.ctx, cloneCode(again)), "SaveAuthorizationCode in a grant that was swept")
			c.hasCode(s, again, false)
		}
	}
}
