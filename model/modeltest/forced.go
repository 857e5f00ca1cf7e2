package modeltest

import (
	"context"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// patience is how long the second verb of a forced race may take before it is
// taken to be waiting for the first.
const patience = 40 * time.Millisecond

type pausedKey struct{}

// force stops first between deciding and writing, runs second meanwhile, to its
// end or until it waits for the first, and then lets the first go on.
func force(c *checker, p Pauser, first func(context.Context) error, second func(context.Context) error) (err1, err2 error) {
	c.Helper()
	paused, release := make(chan struct{}), make(chan struct{})
	var once sync.Once // a store may try again
	p.PauseBeforeWrite(func(ctx context.Context) {
		if ctx.Value(pausedKey{}) != nil {
			once.Do(func() {
				close(paused)
				<-release
			})
		}
	})
	done1, done2 := make(chan error, 1), make(chan error, 1)
	go func() { done1 <- first(context.WithValue(c.ctx, pausedKey{}, true)) }()
	select {
	case <-paused:
	case err1 = <-done1: // refused without anything to write
		done1 <- err1
	case <-time.After(10 * time.Second):
		c.Errorf("the verb neither called the hook of PauseBeforeWrite nor ended")
	}
	go func() { done2 <- second(c.ctx) }()
	select {
	case err2 = <-done2:
		done2 <- err2
	case <-time.After(patience):
	}
	close(release)
	err1, err2 = <-done1, <-done2
	p.PauseBeforeWrite(nil)
	return err1, err2
}

// pausable returns a store that can be paused, or false.
func (c *checker) pausable() (model.Model, Pauser, bool) {
	s := c.newStore()
	p, ok := s.(Pauser)
	return s, p, ok
}

func forcedRedeemRedeem(c *checker) {
	s, p, ok := c.pausable()
	if !ok {
		return
	}
	code := c.openByCode(s)
	tokens := tokensIn(code.Key.Grant, 2, now)
	redeem := func(i int) func(context.Context) error {
		return func(ctx context.Context) error {
			return s.RedeemAuthorizationCode(ctx, code.Key, cloneToken(tokens[i]))
		}
	}
	err1, err2 := force(c, p, redeem(0), redeem(1))
	c.oneSaved(s, tokens, c.winner("redemptions of one code", []error{err1, err2}, model.ErrSpent))

	// Burning the code counts as well.
	code = c.openByCode(s)
	tokens = tokensIn(code.Key.Grant, 1, now)
	err1, err2 = force(c, p, redeem(0), func(ctx context.Context) error { return s.RedeemAuthorizationCode(ctx, code.Key, nil) })
	c.oneSaved(s, tokens, c.winner("redemptions of one code", []error{err1, err2}, model.ErrSpent))
}

func forcedRotateRotate(c *checker) {
	s, p, ok := c.pausable()
	if !ok {
		return
	}
	t := c.openByToken(s)
	tokens := tokensIn(t.GrantID, 2, now)
	seeds := [2][32]byte{newSeed(), newSeed()}
	rotate := func(i int) func(context.Context) error {
		return func(ctx context.Context) error {
			return s.RotateRefreshToken(ctx, t.RefreshKey(), seeds[i], cloneToken(tokens[i]))
		}
	}
	err1, err2 := force(c, p, rotate(0), rotate(1))
	won := c.winner("rotations of one token", []error{err1, err2}, model.ErrSpent)
	c.oneSaved(s, tokens, won)
	if got := c.hasRefresh(s, t); got.Seed != seeds[won] {
		c.Fatalf("GetRefreshToken: Seed is not that of the rotation that won")
	}
}

func forcedOpenOpen(c *checker) {
	s, p, ok := c.pausable()
	if !ok {
		return
	}
	code, t := newCode(), newToken(newGrant(), now)
	code.Key.Grant = t.GrantID
	err1, err2 := force(c, p,
		func(ctx context.Context) error { return s.SaveAuthorizationCode(ctx, cloneCode(code)) },
		func(ctx context.Context) error { return s.SaveToken(ctx, cloneToken(t)) })
	if c.winner("openings of one grant", []error{err1, err2}, model.ErrExists) == 0 {
		c.hasCode(s, code, false)
		c.noToken(s, t, "of a caller that lost")
	} else {
		c.live(s, t)
		c.noCode(s, code.Key, "of a caller that lost")
	}
}

func forcedRedeemRevoke(c *checker) {
	s, p, ok := c.pausable()
	if !ok {
		return
	}
	for _, revokeFirst := range []bool{false, true} {
		code := c.openByCode(s)
		t := newToken(code.Key.Grant, now)
		c.forceRevoke(p, revokeFirst, "RedeemAuthorizationCode",
			func(ctx context.Context) error { return s.RedeemAuthorizationCode(ctx, code.Key, cloneToken(t)) },
			func(ctx context.Context) error { return s.RevokeGrant(ctx, code.Key.Grant) })
		c.dead(s, code, t)
	}
}

func forcedRotateRevoke(c *checker) {
	s, p, ok := c.pausable()
	if !ok {
		return
	}
	for _, revokeFirst := range []bool{false, true} {
		t := c.openByToken(s)
		next := newToken(t.GrantID, now)
		c.forceRevoke(p, revokeFirst, "RotateRefreshToken",
			func(ctx context.Context) error {
				return s.RotateRefreshToken(ctx, t.RefreshKey(), newSeed(), cloneToken(next))
			},
			func(ctx context.Context) error { return s.RevokeGrant(ctx, t.GrantID) })
		c.dead(s, nil, t, next)
	}
}

func (c *checker) forceRevoke(p Pauser, revokeFirst bool, verb string, save, revoke func(context.Context) error) {
	c.Helper()
	var saveErr, revokeErr error
	if revokeFirst {
		revokeErr, saveErr = force(c, p, revoke, save)
	} else {
		saveErr, revokeErr = force(c, p, save, revoke)
	}
	c.is(saveErr, verb+" racing RevokeGrant", nil, model.ErrRevoked, model.ErrNotFound)
	c.ok(revokeErr, "RevokeGrant racing "+verb)
}
