package modeltest

import (
	"slices"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// GrantStore is what [RunGrants] tests: a model that lists its grants.
type GrantStore interface {
	model.Model
	model.GrantModel
}

// RunGrants tests that the stores which newStore returns keep the contract of
// [model.GrantModel]. User and client ids are random. [Run] does it by itself
// for a store that implements the interface.
func RunGrants(t *testing.T, newStore func(t *testing.T) GrantStore) {
	t.Helper()
	raiseProcs(t)
	for _, r := range listingRules {
		t.Run(r.name, func(t *testing.T) {
			r.check(&checker{T: t, ctx: t.Context()}, newStore(t))
		})
	}
}

var listingRules = [...]partRule[GrantStore]{
	{"GrantIsListedAsItIs", grantIsListedAsItIs},
	{"ListGrantsSelects", listGrantsSelects},
	{"ListGrantsNewestFirst", listGrantsNewestFirst},
	{"EndedGrantsAreNotListed", endedGrantsAreNotListed},
	{"RevokeGrantsEndsThem", revokeGrantsEndsThem},
	{"RevokeGrantsEndsNothingElse", revokeGrantsEndsNothingElse},
	{"EmptyFilterSelectsNothing", emptyFilterSelectsNothing},
	{"RaceRevokeGrants", raceRevokeGrants},
}

// owner is whose grants a rule is about.
type owner struct{ user, client string }

func newOwner() owner { return owner{newGrant().String(), newGrant().String()} }

func (o owner) filter() model.GrantFilter {
	return model.GrantFilter{UserID: o.user, ClientID: o.client}
}

// code opens a grant of the owner by a code.
func (o owner) code(c *checker, s model.Model, at time.Time) *model.AuthorizationCode {
	c.Helper()
	code := newCode()
	code.UserID, code.ClientID = o.user, o.client
	code.IssuedAt, code.ExpiresAt, code.RetainUntil = at, at.Add(time.Minute), at.Add(10*time.Minute)
	c.ok(s.SaveAuthorizationCode(c.ctx, cloneCode(code)), "SaveAuthorizationCode")
	return code
}

// token returns a pair of the owner.
func (o owner) token(id model.GrantID, at time.Time) *model.Token {
	t := newToken(id, at)
	t.UserID, t.ClientID = o.user, o.client
	t.GrantExpiresAt = at.Add(90 * 24 * time.Hour)
	return t
}

// lone opens a grant of the owner by a token without refresh token.
func (o owner) lone(c *checker, s model.Model, at time.Time) *model.Token {
	c.Helper()
	t := newMachineToken()
	t.UserID, t.ClientID = o.user, o.client
	t.IssuedAt, t.AccessExpiresAt, t.GrantExpiresAt = at, at.Add(time.Hour), at.Add(time.Hour)
	c.ok(s.SaveToken(c.ctx, cloneToken(t)), "SaveToken")
	return t
}

func (c *checker) list(s GrantStore, f model.GrantFilter, at time.Time, limit int) []model.GrantInfo {
	c.Helper()
	got, err := s.ListGrants(c.ctx, f, at, limit)
	c.ok(err, "ListGrants")
	return got
}

// listed says that just these grants are listed, in this order.
func (c *checker) listed(s GrantStore, f model.GrantFilter, at time.Time, want ...model.GrantID) {
	c.Helper()
	var got []model.GrantID
	for _, g := range c.list(s, f, at, 0) {
		got = append(got, g.ID)
	}
	if !slices.Equal(got, want) {
		c.Fatalf("ListGrants: got %v, want %v", got, want)
	}
}

// isListed says that the one grant of the filter looks like this.
func (c *checker) isListed(s GrantStore, at time.Time, want model.GrantInfo) {
	c.Helper()
	got := c.list(s, model.GrantFilter{UserID: want.UserID, ClientID: want.ClientID}, at, 0)
	if len(got) != 1 {
		c.Fatalf("ListGrants: got %d grants, want 1", len(got))
	}
	var d diff
	d.field("ID", got[0].ID, want.ID)
	d.field("UserID", got[0].UserID, want.UserID)
	d.field("ClientID", got[0].ClientID, want.ClientID)
	d.field("Scope", got[0].Scope, want.Scope)
	d.field("Resources", got[0].Resources, want.Resources)
	d.time("IssuedAt", got[0].IssuedAt, want.IssuedAt)
	d.time("LastUsedAt", got[0].LastUsedAt, want.LastUsedAt)
	d.time("ExpiresAt", got[0].ExpiresAt, want.ExpiresAt)
	if len(d) > 0 {
		c.Fatalf("ListGrants: %s", d)
	}
}

func grantIsListedAsItIs(c *checker, s GrantStore) {
	o := newOwner()
	code := o.code(c, s, now)
	want := model.GrantInfo{
		ID: code.Key.Grant, UserID: o.user, ClientID: o.client, Scope: code.Scope, Resources: code.Resources,
		IssuedAt: now, ExpiresAt: code.ExpiresAt,
	}
	c.isListed(s, now, want)

	first := o.token(code.Key.Grant, now.Add(10*time.Second))
	c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(first)), "RedeemAuthorizationCode")
	want.Scope, want.Resources = first.GrantScope, first.GrantResources
	want.LastUsedAt, want.ExpiresAt = first.IssuedAt, first.GrantExpiresAt
	c.isListed(s, now.Add(time.Hour), want)

	next := o.token(code.Key.Grant, now.Add(time.Hour))
	next.GrantExpiresAt = first.GrantExpiresAt
	c.ok(s.RotateRefreshToken(c.ctx, first.RefreshKey(), newSeed(), cloneToken(next)), "RotateRefreshToken")
	want.LastUsedAt = next.IssuedAt
	c.isListed(s, now.Add(2*time.Hour), want)
	c.ok(s.RevokeAccessToken(c.ctx, next.AccessKey()), "RevokeAccessToken")
	c.isListed(s, now.Add(2*time.Hour), want)

	o = newOwner()
	t := o.lone(c, s, now)
	c.isListed(s, now, model.GrantInfo{
		ID: t.GrantID, UserID: o.user, ClientID: o.client, Scope: t.GrantScope,
		IssuedAt: now, LastUsedAt: now, ExpiresAt: t.AccessExpiresAt,
	})
}

func listGrantsSelects(c *checker, s GrantStore) {
	alice := newOwner()
	other, bob, machine := owner{alice.user, newGrant().String()}, owner{newGrant().String(), alice.client}, owner{"", alice.client}
	a, b := alice.code(c, s, now).Key.Grant, bob.lone(c, s, now.Add(time.Second)).GrantID
	d, m := other.lone(c, s, now.Add(2*time.Second)).GrantID, machine.lone(c, s, now.Add(3*time.Second)).GrantID
	at := now.Add(10 * time.Second)
	c.listed(s, alice.filter(), at, a)
	c.listed(s, model.GrantFilter{UserID: alice.user}, at, d, a)
	c.listed(s, model.GrantFilter{ClientID: alice.client}, at, m, b, a)
	c.listed(s, other.filter(), at, d)
	c.listed(s, owner{bob.user, other.client}.filter(), at)
	c.listed(s, newOwner().filter(), at)
	c.listed(s, model.GrantFilter{UserID: newGrant().String()}, at)
}

func listGrantsNewestFirst(c *checker, s GrantStore) {
	o := newOwner()
	var ids []model.GrantID
	for i := range 200 {
		// The order of issue is not that of the ids or of saving.
		at := now.Add(time.Duration(i*77%200) * time.Second)
		ids = append(ids, o.lone(c, s, at).GrantID)
	}
	want := make([]model.GrantID, len(ids))
	for i, id := range ids {
		want[199-i*77%200] = id
	}
	c.listed(s, o.filter(), now.Add(200*time.Second), want...)
	for _, limit := range []int{1, 3, 199, 200, 1000} {
		got := c.list(s, o.filter(), now.Add(200*time.Second), limit)
		if len(got) != min(limit, 200) {
			c.Fatalf("ListGrants with limit %d: got %d", limit, len(got))
		}
		for i := range got {
			if got[i].ID != want[i] {
				c.Fatalf("ListGrants with limit %d: grant %d is %v, want %v", limit, i, got[i].ID, want[i])
			}
		}
	}
}

func endedGrantsAreNotListed(c *checker, s GrantStore) {
	o := newOwner()
	code := o.code(c, s, now)
	c.listed(s, o.filter(), code.ExpiresAt.Add(-time.Millisecond), code.Key.Grant)
	c.listed(s, o.filter(), code.ExpiresAt)
	c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, nil), "RedeemAuthorizationCode without a token")
	c.listed(s, o.filter(), now)

	o = newOwner()
	code = o.code(c, s, now)
	t := o.token(code.Key.Grant, now)
	c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(t)), "RedeemAuthorizationCode")
	c.listed(s, o.filter(), t.RefreshExpiresAt.Add(-time.Millisecond), t.GrantID)
	c.listed(s, o.filter(), t.RefreshExpiresAt)
	c.ok(s.RevokeGrant(c.ctx, t.GrantID), "RevokeGrant")
	c.listed(s, o.filter(), now)

	o = newOwner()
	lone := o.lone(c, s, now)
	c.listed(s, o.filter(), lone.AccessExpiresAt.Add(-time.Millisecond), lone.GrantID)
	c.listed(s, o.filter(), lone.AccessExpiresAt)
	c.ok(s.RevokeAccessToken(c.ctx, lone.AccessKey()), "RevokeAccessToken")
	c.listed(s, o.filter(), now)

	// The same, opened by a code.
	o = newOwner()
	code = o.code(c, s, now)
	t = o.token(code.Key.Grant, now)
	t.Refresh, t.RefreshExpiresAt, t.GrantExpiresAt = model.Digest{}, time.Time{}, t.AccessExpiresAt
	c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(t)), "RedeemAuthorizationCode")
	c.listed(s, o.filter(), now, t.GrantID)
	c.ok(s.RevokeAccessToken(c.ctx, t.AccessKey()), "RevokeAccessToken")
	c.listed(s, o.filter(), now)
}

func (c *checker) revokeGrants(s GrantStore, f model.GrantFilter, want int) {
	c.Helper()
	n, err := s.RevokeGrants(c.ctx, f)
	c.ok(err, "RevokeGrants")
	if n != want {
		c.Fatalf("RevokeGrants: got %d, want %d", n, want)
	}
}

func revokeGrantsEndsThem(c *checker, s GrantStore) {
	for _, by := range []func(owner) model.GrantFilter{
		owner.filter,
		func(o owner) model.GrantFilter { return model.GrantFilter{UserID: o.user} },
		func(o owner) model.GrantFilter { return model.GrantFilter{ClientID: o.client} },
	} {
		o := newOwner()
		unspent, code := o.code(c, s, now), o.code(c, s, now)
		first, pair := o.token(code.Key.Grant, now), o.token(newGrant(), now)
		c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(first)), "RedeemAuthorizationCode")
		next := o.token(code.Key.Grant, now.Add(time.Minute))
		c.ok(s.RotateRefreshToken(c.ctx, first.RefreshKey(), newSeed(), cloneToken(next)), "RotateRefreshToken")
		c.ok(s.SaveToken(c.ctx, cloneToken(pair)), "SaveToken")
		lone := o.lone(c, s, now)
		c.revokeGrants(s, by(o), 4)
		c.dead(s, unspent)
		c.dead(s, code, first, next)
		c.dead(s, nil, pair, lone)
		c.listed(s, by(o), now)
		c.is(s.RedeemAuthorizationCode(c.ctx, unspent.Key, o.token(unspent.Key.Grant, now)), "RedeemAuthorizationCode after RevokeGrants", afterRevoke...)
		c.is(s.RotateRefreshToken(c.ctx, next.RefreshKey(), newSeed(), o.token(next.GrantID, now)), "RotateRefreshToken after RevokeGrants", afterRevoke...)
		c.refuseOpening(s, code.Key.Grant, "that RevokeGrants revoked")
		c.revokeGrants(s, by(o), 0)
	}
}

func revokeGrantsEndsNothingElse(c *checker, s GrantStore) {
	alice := newOwner()
	alice.lone(c, s, now)
	other, bob := owner{alice.user, newGrant().String()}, owner{newGrant().String(), alice.client}
	unspent, pair, lone := other.code(c, s, now), bob.token(newGrant(), now), bob.lone(c, s, now)
	c.ok(s.SaveToken(c.ctx, cloneToken(pair)), "SaveToken")
	c.revokeGrants(s, alice.filter(), 1)
	c.revokeGrants(s, newOwner().filter(), 0)
	c.hasCode(s, unspent, false)
	c.live(s, pair)
	c.hasAccess(s, lone)
}

func emptyFilterSelectsNothing(c *checker, s GrantStore) {
	o := newOwner()
	t := o.lone(c, s, now)
	_, err := s.RevokeGrants(c.ctx, model.GrantFilter{})
	c.is(err, "RevokeGrants of everything", model.ErrEmptyFilter)
	_, err = s.ListGrants(c.ctx, model.GrantFilter{}, now, 0)
	c.is(err, "ListGrants of everything", model.ErrEmptyFilter)
	c.hasAccess(s, t)
}

// raceRevokeGrants rotates and redeems while all is revoked: whatever the others
// say, nothing of a grant that was open before authenticates afterwards.
func raceRevokeGrants(c *checker, s GrantStore) {
	for range rounds {
		o := newOwner()
		code, pair := o.code(c, s, now), o.token(newGrant(), now)
		c.ok(s.SaveToken(c.ctx, cloneToken(pair)), "SaveToken")
		first, next := o.token(code.Key.Grant, now), o.token(pair.GrantID, now)
		errs := race(3, func(i int) error {
			switch i {
			case 0:
				return s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(first))
			case 1:
				return s.RotateRefreshToken(c.ctx, pair.RefreshKey(), newSeed(), cloneToken(next))
			}
			_, err := s.RevokeGrants(c.ctx, model.GrantFilter{UserID: o.user})
			return err
		})
		c.is(errs[0], "RedeemAuthorizationCode while RevokeGrants runs", append([]error{nil}, afterRevoke...)...)
		c.is(errs[1], "RotateRefreshToken while RevokeGrants runs", append([]error{nil}, afterRevoke...)...)
		c.ok(errs[2], "RevokeGrants")
		c.dead(s, code, first)
		c.dead(s, nil, pair, next)
	}
}
