package modeltest

import (
	"errors"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// refuseOpening says that the grant is open, or was revoked, and stays as it is.
func (c *checker) refuseOpening(s model.Model, id model.GrantID, why string) {
	c.Helper()
	code := newCode()
	code.Key.Grant = id
	c.is(s.SaveAuthorizationCode(c.ctx, code), "SaveAuthorizationCode in a grant "+why, model.ErrExists)
	c.noCode(s, code.Key, "of a failed SaveAuthorizationCode")
	for _, t := range []*model.Token{newToken(id, now), newMachineToken()} {
		t.GrantID = id
		c.is(s.SaveToken(c.ctx, t), "SaveToken in a grant "+why, model.ErrExists)
		c.noToken(s, t, "of a failed SaveToken")
	}
}

func grantIsOpenedOnce(c *checker) {
	s := c.newStore()
	code := c.openByCode(s)
	c.refuseOpening(s, code.Key.Grant, "opened by a code")
	c.is(s.SaveAuthorizationCode(c.ctx, cloneCode(code)), "SaveAuthorizationCode of the same code", model.ErrExists)
	c.hasCode(s, code, false)
	code, t := c.redeemed(s)
	c.refuseOpening(s, code.Key.Grant, "with a redeemed code")
	c.hasCode(s, code, true)
	c.live(s, t)
	t = c.openByToken(s)
	c.refuseOpening(s, t.GrantID, "opened by a token")
	c.is(s.SaveToken(c.ctx, cloneToken(t)), "SaveToken of the same token", model.ErrExists)
	c.live(s, t)
	t = c.openByMachine(s)
	c.refuseOpening(s, t.GrantID, "opened by a token without refresh token")
	c.hasAccess(s, t)
}

func revokedGrantIsNotOpenedAgain(c *checker) {
	s := c.newStore()
	unspent := c.openByCode(s)
	code, _ := c.redeemed(s)
	for _, id := range []model.GrantID{unspent.Key.Grant, code.Key.Grant, c.openByToken(s).GrantID} {
		c.ok(s.RevokeGrant(c.ctx, id), "RevokeGrant")
		c.refuseOpening(s, id, "that was revoked")
	}
}

// dead says that nothing of the grant can be read.
func (c *checker) dead(s model.Model, code *model.AuthorizationCode, tokens ...*model.Token) {
	c.Helper()
	if code != nil {
		c.noCode(s, code.Key, "in a revoked grant")
	}
	for _, t := range tokens {
		c.noToken(s, t, "in a revoked grant")
	}
}

func revokeGrantEndsReads(c *checker) {
	s := c.newStore()
	unspent := c.openByCode(s)
	code, first := c.redeemed(s)
	next, _ := c.rotate(s, first)
	pair, machine := c.openByToken(s), c.openByMachine(s)
	for _, id := range []model.GrantID{unspent.Key.Grant, code.Key.Grant, pair.GrantID, machine.GrantID} {
		c.ok(s.RevokeGrant(c.ctx, id), "RevokeGrant")
	}
	c.dead(s, unspent)
	c.dead(s, code, first, next)
	c.dead(s, nil, pair, machine)
}

func revokeGrantEndsSaves(c *checker) {
	s := c.newStore()
	code := c.openByCode(s)
	_, pair := c.redeemed(s)
	c.ok(s.RevokeGrant(c.ctx, code.Key.Grant), "RevokeGrant")
	c.ok(s.RevokeGrant(c.ctx, pair.GrantID), "RevokeGrant")

	t := newToken(code.Key.Grant, now)
	c.is(s.RedeemAuthorizationCode(c.ctx, code.Key, t), "RedeemAuthorizationCode in a revoked grant", afterRevoke...)
	c.noToken(s, t, "of a failed RedeemAuthorizationCode")
	c.is(s.RedeemAuthorizationCode(c.ctx, code.Key, nil), "RedeemAuthorizationCode without a token in a revoked grant", afterRevoke...)
	next := newToken(pair.GrantID, now.Add(time.Minute))
	c.is(s.RotateRefreshToken(c.ctx, pair.RefreshKey(), newSeed(), next), "RotateRefreshToken in a revoked grant", afterRevoke...)
	c.noToken(s, next, "of a failed RotateRefreshToken")
}

// revokedIsNotSpent looks for ErrSpent only, which would read as a replay.
func revokedIsNotSpent(c *checker) {
	s := c.newStore()
	code, first := c.redeemed(s)
	c.rotate(s, first)
	c.ok(s.RevokeGrant(c.ctx, first.GrantID), "RevokeGrant")
	for what, err := range map[string]error{
		"RedeemAuthorizationCode":                 s.RedeemAuthorizationCode(c.ctx, code.Key, newToken(first.GrantID, now)),
		"RedeemAuthorizationCode without a token": s.RedeemAuthorizationCode(c.ctx, code.Key, nil),
		"RotateRefreshToken":                      s.RotateRefreshToken(c.ctx, first.RefreshKey(), newSeed(), newToken(first.GrantID, now)),
	} {
		if errors.Is(err, model.ErrSpent) {
			c.Fatalf("%s of what was spent, in a revoked grant: got %q, want %s", what, err, errTexts(afterRevoke))
		}
	}
}

func revokeGrantEndsNothingElse(c *checker) {
	s := c.newStore()
	victim, _ := c.redeemed(s)
	code, t := c.redeemed(s)
	unspent, pair, machine := c.openByCode(s), c.openByToken(s), c.openByMachine(s)
	c.ok(s.RevokeGrant(c.ctx, victim.Key.Grant), "RevokeGrant")
	c.hasCode(s, code, true)
	c.hasCode(s, unspent, false)
	c.live(s, t)
	c.live(s, pair)
	c.hasAccess(s, machine)
	next, _ := c.rotate(s, t)
	c.live(s, next)
}

func revokeGrantIsIdempotent(c *checker) {
	s := c.newStore()
	code, t := c.redeemed(s)
	machine := c.openByMachine(s)
	for range 3 {
		c.ok(s.RevokeGrant(c.ctx, t.GrantID), "RevokeGrant again")
		c.ok(s.RevokeGrant(c.ctx, machine.GrantID), "RevokeGrant of a grant without refresh token again")
	}
	c.dead(s, code, t, machine)
}

func revokeUnknownGrantHasNoEffect(c *checker) {
	s := c.newStore()
	code, t, machine := newCode(), newToken(newGrant(), now), newMachineToken()
	for _, id := range []model.GrantID{code.Key.Grant, t.GrantID, machine.GrantID} {
		c.ok(s.RevokeGrant(c.ctx, id), "RevokeGrant of a grant that nobody opened")
	}
	c.ok(s.SaveAuthorizationCode(c.ctx, cloneCode(code)), "SaveAuthorizationCode in a grant revoked before it was opened")
	c.hasCode(s, code, false)
	first := newToken(code.Key.Grant, now)
	c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(first)), "RedeemAuthorizationCode in a grant revoked before it was opened")
	c.live(s, first)
	c.ok(s.SaveToken(c.ctx, cloneToken(t)), "SaveToken in a grant revoked before it was opened")
	c.live(s, t)
	c.ok(s.SaveToken(c.ctx, cloneToken(machine)), "SaveToken in a grant revoked before it was opened")
	c.hasAccess(s, machine)
}
