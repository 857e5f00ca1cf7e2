package modeltest

import (
	"errors"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	// racers is how many callers want the same thing.
	racers = 64
	// rounds is how often two verbs race each other.
	rounds = 40
)

// race calls f from n goroutines at once and returns what each answered.
func race(n int, f func(i int) error) []error {
	var wg sync.WaitGroup
	errs, start := make([]error, n), make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// winner returns which one caller succeeded; all others must have failed with want.
func (c *checker) winner(what string, errs []error, want error) int {
	c.Helper()
	won, wins := -1, 0
	for i, err := range errs {
		switch {
		case err == nil:
			won, wins = i, wins+1
		case !errors.Is(err, want):
			c.Fatalf("%s at once: got %q, want %q", what, err, want)
		}
	}
	if wins != 1 {
		c.Fatalf("%d of %d %s at once succeeded, want 1", wins, len(errs), what)
	}
	return won
}

// oneSaved says that of all these tokens the winner's alone is there.
func (c *checker) oneSaved(s model.Model, tokens []*model.Token, won int) {
	c.Helper()
	for i, t := range tokens {
		if i == won {
			c.live(s, t)
		} else {
			c.noToken(s, t, "of a caller that lost")
		}
	}
}

func tokensIn(grant model.GrantID, n int, issued time.Time) []*model.Token {
	tokens := make([]*model.Token, n)
	for i := range tokens {
		tokens[i] = newToken(grant, issued)
	}
	return tokens
}

func raceRedeem(c *checker) {
	s := c.newStore()
	code := c.openByCode(s)
	tokens := tokensIn(code.Key.Grant, racers, now)
	errs := race(racers, func(i int) error { return s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(tokens[i])) })
	c.oneSaved(s, tokens, c.winner("redemptions of one code", errs, model.ErrSpent))
	c.hasCode(s, code, true)
}

func raceRotate(c *checker) {
	s := c.newStore()
	t := c.openByToken(s)
	tokens := tokensIn(t.GrantID, racers, now)
	seeds := make([][32]byte, racers)
	for i := range tokens {
		tokens[i].IssuedAt, seeds[i] = now.Add(time.Duration(i)*time.Millisecond), newSeed()
	}
	errs := race(racers, func(i int) error {
		return s.RotateRefreshToken(c.ctx, t.RefreshKey(), seeds[i], cloneToken(tokens[i]))
	})
	won := c.winner("rotations of one token", errs, model.ErrSpent)
	c.oneSaved(s, tokens, won)
	if got := c.hasRefresh(s, t); !got.SpentAt.Equal(tokens[won].IssuedAt) || got.Seed != seeds[won] {
		c.Fatalf("GetRefreshToken: SpentAt %v and Seed %x are not those of the rotation that won", got.SpentAt, got.Seed)
	}
}

func raceOpen(c *checker) {
	s := c.newStore()
	for _, kind := range []string{"code", "token", "either"} {
		grant := newGrant()
		codes, tokens := make([]*model.AuthorizationCode, racers), tokensIn(grant, racers, now)
		byCode := func(i int) bool { return kind == "code" || kind == "either" && i%2 == 0 }
		for i := range codes {
			codes[i] = newCode()
			codes[i].Key.Grant = grant
		}
		errs := race(racers, func(i int) error {
			if byCode(i) {
				return s.SaveAuthorizationCode(c.ctx, cloneCode(codes[i]))
			}
			return s.SaveToken(c.ctx, cloneToken(tokens[i]))
		})
		won := c.winner("openings of one grant", errs, model.ErrExists)
		for i := range racers {
			switch {
			case i == won && byCode(i):
				c.hasCode(s, codes[i], false)
			case i == won:
				c.live(s, tokens[i])
			default:
				c.noCode(s, codes[i].Key, "of a caller that lost")
				c.noToken(s, tokens[i], "of a caller that lost")
			}
		}
	}
}

// raceRevoke runs a save and a revocation that meet, now one a little ahead and
// now the other.
func raceRevoke(round int, save, revoke func() error) (saveErr, revokeErr error) {
	errs := race(2, func(i int) error {
		if i == round%2 {
			time.Sleep(time.Duration(round/2%8) * 50 * time.Microsecond)
		}
		if i == 0 {
			return save()
		}
		return revoke()
	})
	return errs[0], errs[1]
}

// raceRedeemRevoke redeems and revokes at once: whoever is first, nothing lives.
func raceRedeemRevoke(c *checker) {
	s := c.newStore()
	for round := range rounds {
		code := c.openByCode(s)
		t := newToken(code.Key.Grant, now)
		saveErr, revokeErr := raceRevoke(round,
			func() error { return s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(t)) },
			func() error { return s.RevokeGrant(c.ctx, code.Key.Grant) })
		c.is(saveErr, "RedeemAuthorizationCode racing RevokeGrant", nil, model.ErrRevoked, model.ErrNotFound)
		c.ok(revokeErr, "RevokeGrant racing RedeemAuthorizationCode")
		c.dead(s, code, t)
	}
}

func raceRotateRevoke(c *checker) {
	s := c.newStore()
	for round := range rounds {
		t := c.openByToken(s)
		next := newToken(t.GrantID, now)
		saveErr, revokeErr := raceRevoke(round,
			func() error { return s.RotateRefreshToken(c.ctx, t.RefreshKey(), newSeed(), cloneToken(next)) },
			func() error { return s.RevokeGrant(c.ctx, t.GrantID) })
		c.is(saveErr, "RotateRefreshToken racing RevokeGrant", nil, model.ErrRevoked, model.ErrNotFound)
		c.ok(revokeErr, "RevokeGrant racing RotateRefreshToken")
		c.dead(s, nil, t, next)
	}
}

// raceOpenRevoke opens and revokes at once. Which was first is open, but the
// grant is wholly there or wholly gone, and a revocation that follows ends it.
func raceOpenRevoke(c *checker) {
	s := c.newStore()
	for round := range rounds {
		t := newToken(newGrant(), now)
		saveErr, revokeErr := raceRevoke(round,
			func() error { return s.SaveToken(c.ctx, cloneToken(t)) },
			func() error { return s.RevokeGrant(c.ctx, t.GrantID) })
		c.ok(saveErr, "SaveToken racing RevokeGrant")
		c.ok(revokeErr, "RevokeGrant racing SaveToken")
		_, err := s.GetAccessToken(c.ctx, t.AccessKey())
		if err == nil {
			c.live(s, t)
		} else {
			c.dead(s, nil, t)
		}
		c.ok(s.RevokeGrant(c.ctx, t.GrantID), "RevokeGrant")
		c.dead(s, nil, t)
	}
}
