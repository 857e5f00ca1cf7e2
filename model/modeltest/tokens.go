package modeltest

import (
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

func tokenIsReturnedAsSaved(c *checker) {
	s := c.newStore()
	c.same(s, c.openByToken(s))
	c.same(s, c.openByMachine(s))
	// Without a refresh token, from a code: there is a grant, and no second half.
	code := c.openByCode(s)
	t := newMachineToken()
	t.GrantID, t.UserID = code.Key.Grant, "alice"
	c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(t)), "RedeemAuthorizationCode")
	c.same(s, t)
}

func tokenIsFoundByItsKeysOnly(c *checker) {
	s := c.newStore()
	code, t := c.redeemed(s)
	other := c.openByToken(s)
	machine := c.openByMachine(s)
	unknown := newGrant()
	for _, k := range []struct {
		key model.Key
		why string
	}{
		{model.Key{Grant: unknown, Digest: newDigest()}, "of an unknown grant"},
		{model.Key{Grant: t.GrantID, Digest: newDigest()}, "of an unknown digest"},
		{model.Key{Grant: machine.GrantID, Digest: newDigest()}, "of an unknown digest in a grant without refresh token"},
		{model.Key{Grant: t.GrantID}, "of a zero digest"},
		{model.Key{Grant: machine.GrantID}, "of a zero digest in a grant without refresh token"},
		{code.Key, "by a code"},
	} {
		c.noAccess(s, k.key, k.why)
		c.noRefresh(s, k.key, k.why)
	}
	c.noAccess(s, model.Key{Grant: unknown, Digest: t.Access}, "with an unknown grant")
	c.noAccess(s, model.Key{Grant: t.GrantID, Digest: other.Access}, "with the digest of another grant")
	c.noAccess(s, t.RefreshKey(), "by a refresh token")
	c.noRefresh(s, model.Key{Grant: unknown, Digest: t.Refresh}, "with an unknown grant")
	c.noRefresh(s, model.Key{Grant: t.GrantID, Digest: other.Refresh}, "with the digest of another grant")
	c.noRefresh(s, t.AccessKey(), "by an access token")
}

func spentAtAndSeedAreNotSaved(c *checker) {
	s := c.newStore()
	t := newToken(newGrant(), now)
	t.SpentAt, t.Seed = now, newSeed()
	c.ok(s.SaveToken(c.ctx, cloneToken(t)), "SaveToken with SpentAt and Seed")
	c.live(s, t)
	code := c.openByCode(s)
	t.GrantID, t.Access, t.Refresh = code.Key.Grant, newDigest(), newDigest()
	c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(t)), "RedeemAuthorizationCode with SpentAt and Seed")
	c.live(s, t)
	next := cloneToken(t)
	next.Access, next.Refresh = newDigest(), newDigest()
	c.ok(s.RotateRefreshToken(c.ctx, t.RefreshKey(), newSeed(), cloneToken(next)), "RotateRefreshToken with SpentAt and Seed")
	c.live(s, next)
}

func accessTokenShowsNoSeed(c *checker) {
	s := c.newStore()
	_, t := c.redeemed(s)
	next, _ := c.rotate(s, t)
	for _, t := range []*model.Token{t, next} {
		if got := c.hasAccess(s, t); !got.SpentAt.IsZero() || got.Seed != [32]byte{} {
			c.Fatalf("GetAccessToken: SpentAt %v and Seed %x, want both zero", got.SpentAt, got.Seed)
		}
	}
}

func rotateSpendsAndSaves(c *checker) {
	s := c.newStore()
	for _, t := range []*model.Token{second(c.redeemed(s)), c.openByToken(s)} {
		next, seed := c.rotate(s, t)
		c.live(s, next)
		got := c.hasRefresh(s, t)
		if !got.SpentAt.Equal(next.IssuedAt) {
			c.Fatalf("GetRefreshToken: SpentAt is %v, want the successor's IssuedAt %v", got.SpentAt, next.IssuedAt)
		}
		if got.Seed != seed {
			c.Fatalf("GetRefreshToken: Seed is %x, want %x", got.Seed, seed)
		}
	}
}

func second[A, B any](_ A, b B) B { return b }

func rotateOnce(c *checker) {
	s := c.newStore()
	_, t := c.redeemed(s)
	next, _ := c.rotate(s, t)
	before := c.hasRefresh(s, t)
	late := newToken(t.GrantID, next.IssuedAt.Add(time.Millisecond))
	c.is(s.RotateRefreshToken(c.ctx, t.RefreshKey(), newSeed(), late), "RotateRefreshToken of a spent token", model.ErrSpent)
	c.noToken(s, late, "of a failed RotateRefreshToken")
	if after := c.hasRefresh(s, t); !after.SpentAt.Equal(before.SpentAt) || after.Seed != before.Seed {
		c.Fatalf("a failed RotateRefreshToken changed SpentAt or Seed of the spent token: %v, %x", after.SpentAt, after.Seed)
	}
	c.live(s, next)
}

func rotateUnknown(c *checker) {
	s := c.newStore()
	code, t := c.redeemed(s)
	machine := c.openByMachine(s)
	for _, key := range []model.Key{
		{Grant: newGrant(), Digest: newDigest()},
		{Grant: t.GrantID, Digest: newDigest()},
		{Grant: newGrant(), Digest: t.Refresh},
		t.AccessKey(),
		code.Key,
		{Grant: machine.GrantID},
		machine.AccessKey(),
	} {
		next := newToken(key.Grant, now)
		c.is(s.RotateRefreshToken(c.ctx, key, newSeed(), next), "RotateRefreshToken of an unknown token", model.ErrNotFound)
		c.noToken(s, next, "of a failed RotateRefreshToken")
	}
	c.live(s, t)
}

func oneSeedPerGrant(c *checker) {
	s := c.newStore()
	_, t := c.redeemed(s)
	_, bystander := c.redeemed(s)
	_, seedElsewhere := c.rotate(s, bystander)
	var spent []*model.Token
	for range 4 {
		next, seed := c.rotate(s, t)
		spent, t = append(spent, t), next
		for i, p := range spent {
			got := c.hasRefresh(s, p)
			last := i == len(spent)-1
			if got.SpentAt.IsZero() {
				c.Fatalf("GetRefreshToken: SpentAt of a spent token is zero")
			}
			if last && got.Seed != seed {
				c.Fatalf("GetRefreshToken: the token that was spent last has Seed %x, want %x", got.Seed, seed)
			}
			if !last && got.Seed != [32]byte{} {
				c.Fatalf("GetRefreshToken: a token whose successor was spent still shows the seed %x", got.Seed)
			}
		}
		if got := c.hasRefresh(s, t); got.Seed != [32]byte{} {
			c.Fatalf("GetRefreshToken: the live token shows the seed %x", got.Seed)
		}
	}
	if got := c.hasRefresh(s, bystander); got.Seed != seedElsewhere {
		c.Fatalf("rotating in one grant changed the seed of another")
	}
}

func revokeAccessTokenEndsIt(c *checker) {
	s := c.newStore()
	for _, t := range []*model.Token{second(c.redeemed(s)), c.openByMachine(s)} {
		c.ok(s.RevokeAccessToken(c.ctx, t.AccessKey()), "RevokeAccessToken")
		c.noAccess(s, t.AccessKey(), "after RevokeAccessToken")
	}
}

func revokeAccessTokenEndsNothingElse(c *checker) {
	s := c.newStore()
	code, t := c.redeemed(s)
	c.ok(s.RevokeAccessToken(c.ctx, t.AccessKey()), "RevokeAccessToken")
	c.hasCode(s, code, true)
	if got := c.hasRefresh(s, t); !got.SpentAt.IsZero() {
		c.Fatalf("RevokeAccessToken spent the refresh token")
	}
	next, seed := c.rotate(s, t)
	c.live(s, next)
	c.ok(s.RevokeAccessToken(c.ctx, t.AccessKey()), "RevokeAccessToken of a spent token")
	if got := c.hasRefresh(s, t); !got.SpentAt.Equal(next.IssuedAt) || got.Seed != seed {
		c.Fatalf("RevokeAccessToken changed the spent token: SpentAt %v, Seed %x", got.SpentAt, got.Seed)
	}
	c.live(s, next)
	c.ok(s.RevokeAccessToken(c.ctx, next.RefreshKey()), "RevokeAccessToken by a refresh token")
	c.live(s, next)
}

func revokeAccessTokenIsIdempotent(c *checker) {
	s := c.newStore()
	t := c.openByToken(s)
	for range 3 {
		c.ok(s.RevokeAccessToken(c.ctx, t.AccessKey()), "RevokeAccessToken again")
	}
	c.ok(s.RevokeAccessToken(c.ctx, model.Key{Grant: newGrant(), Digest: newDigest()}), "RevokeAccessToken in an unknown grant")
	c.ok(s.RevokeAccessToken(c.ctx, model.Key{Grant: t.GrantID, Digest: newDigest()}), "RevokeAccessToken of an unknown token")
	c.ok(s.RevokeAccessToken(c.ctx, model.Key{Grant: t.GrantID}), "RevokeAccessToken of a zero digest")
	c.ok(s.RevokeGrant(c.ctx, t.GrantID), "RevokeGrant")
	c.ok(s.RevokeAccessToken(c.ctx, t.AccessKey()), "RevokeAccessToken in a revoked grant")
}
