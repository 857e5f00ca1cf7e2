package modeltest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// expiredIsReturned saves records that expired long ago by every clock.
func expiredIsReturned(c *checker) {
	s := c.newStore()
	past := time.Date(2001, 2, 3, 4, 5, 6, 7_000_000, time.UTC)
	code := newCode()
	code.IssuedAt, code.ExpiresAt, code.RetainUntil = past, past.Add(time.Minute), past.Add(10*time.Minute)
	c.ok(s.SaveAuthorizationCode(c.ctx, cloneCode(code)), "SaveAuthorizationCode")
	c.hasCode(s, code, false)
	t := newToken(code.Key.Grant, past)
	t.GrantExpiresAt = past.Add(90 * 24 * time.Hour)
	c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(t)), "RedeemAuthorizationCode of an expired code")
	c.hasCode(s, code, true)
	c.live(s, t)
	next := cloneToken(t)
	next.Access, next.Refresh = newDigest(), newDigest()
	c.ok(s.RotateRefreshToken(c.ctx, t.RefreshKey(), newSeed(), cloneToken(next)), "RotateRefreshToken of an expired token")
	c.live(s, next)
	machine := newMachineToken()
	machine.IssuedAt, machine.AccessExpiresAt, machine.GrantExpiresAt = past, past.Add(time.Hour), past.Add(time.Hour)
	c.ok(s.SaveToken(c.ctx, cloneToken(machine)), "SaveToken")
	c.hasAccess(s, machine)
}

// cancelledContext says that a verb whose context has ended gives a fault or
// does all of it, and that the store is none the worse for it.
func cancelledContext(c *checker) {
	s := c.newStore()
	code, t := c.redeemed(s)
	unspent, pair := c.openByCode(s), c.openByToken(s)
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()

	fault := func(what string, err error) {
		c.Helper()
		for _, outcome := range []error{model.ErrNotFound, model.ErrSpent, model.ErrRevoked, model.ErrExists} {
			if errors.Is(err, outcome) {
				c.Fatalf("%s with a cancelled context: got %q, want success or a fault", what, err)
			}
		}
	}
	_, err := s.GetAuthorizationCode(ctx, code.Key)
	fault("GetAuthorizationCode", err)
	_, err = s.GetAccessToken(ctx, t.AccessKey())
	fault("GetAccessToken", err)
	_, err = s.GetRefreshToken(ctx, t.RefreshKey())
	fault("GetRefreshToken", err)

	opening, opened := newCode(), newToken(newGrant(), now)
	err = s.SaveAuthorizationCode(ctx, cloneCode(opening))
	fault("SaveAuthorizationCode", err)
	if err == nil {
		c.hasCode(s, opening, false)
	}
	err = s.SaveToken(ctx, cloneToken(opened))
	fault("SaveToken", err)
	if err == nil {
		c.live(s, opened)
	}

	// After a fault nobody knows whether it happened, but never half of it did.
	redeemed := newToken(unspent.Key.Grant, now)
	err = s.RedeemAuthorizationCode(ctx, unspent.Key, cloneToken(redeemed))
	fault("RedeemAuthorizationCode", err)
	got, gotErr := s.GetAuthorizationCode(c.ctx, unspent.Key)
	c.ok(gotErr, "GetAuthorizationCode")
	c.wholly(s, "RedeemAuthorizationCode", err, got.Spent, redeemed)

	next := newToken(pair.GrantID, now.Add(time.Minute))
	err = s.RotateRefreshToken(ctx, pair.RefreshKey(), newSeed(), cloneToken(next))
	fault("RotateRefreshToken", err)
	c.wholly(s, "RotateRefreshToken", err, !c.hasRefresh(s, pair).SpentAt.IsZero(), next)

	fault("RevokeAccessToken", s.RevokeAccessToken(ctx, t.AccessKey()))
	err = s.RevokeGrant(ctx, t.GrantID)
	fault("RevokeGrant", err)
	if err == nil {
		c.dead(s, code, t)
	}
	c.ok(s.RevokeGrant(c.ctx, t.GrantID), "RevokeGrant after a cancelled one")
	c.dead(s, code, t)
	c.live(s, second(c.redeemed(s)))
}

// wholly says that a verb spent and saved, or neither.
func (c *checker) wholly(s model.Model, verb string, err error, spent bool, saved *model.Token) {
	c.Helper()
	_, getErr := s.GetAccessToken(c.ctx, saved.AccessKey())
	if getErr != nil {
		c.is(getErr, "GetAccessToken", model.ErrNotFound)
	}
	if there := getErr == nil; there != spent || err == nil && !there {
		c.Fatalf("%s with a cancelled context (%v): spent %t, saved %t", verb, err, spent, there)
	}
}

func oddText(c *checker) {
	s := c.newStore()
	long := strings.Repeat("lång-", 200)
	for _, text := range []string{"", " ", "a", "A", "a ", "ユーザー 🦊", "O'Reilly\"; DROP TABLE tokens; --", "%_\\", "{grant}", "null", "0", "e\u0301 is not \u00e9", "tab\tand\nline", long} {
		code := newCode()
		code.UserID, code.RedirectURI = text, "https://web.test/"+text
		c.ok(s.SaveAuthorizationCode(c.ctx, cloneCode(code)), "SaveAuthorizationCode")
		c.sameCode(s, code, false)
		t := newToken(code.Key.Grant, now)
		t.UserID = text
		c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(t)), "RedeemAuthorizationCode")
		c.same(s, t)
	}
	wide := model.Scope(strings.TrimSpace(strings.Repeat("https://api.test/auth/scope.read ", 100)))
	for _, scope := range []model.Scope{"", "a", "A", "read write", "write read", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", wide} {
		t := newToken(newGrant(), now)
		t.ClientID, t.Scope, t.GrantScope = "Client "+strings.Repeat("c", 240), scope, scope
		if scope == wide {
			t.Scope = ""
		}
		c.ok(s.SaveToken(c.ctx, cloneToken(t)), "SaveToken")
		c.same(s, t)
		code := newCode()
		code.Scope, code.RedirectURI = scope, "https://web.test/"+strings.Repeat("p", 1900)
		c.ok(s.SaveAuthorizationCode(c.ctx, cloneCode(code)), "SaveAuthorizationCode")
		c.sameCode(s, code, false)
	}
}

// oddDigests saves what an encoding, a comparison or a trimming gets wrong:
// keys that differ in one bit, zero bytes at the ends, one digest in two grants.
func oddDigests(c *checker) {
	s := c.newStore()
	base := newDigest()
	base[0], base[31] = 0, 0
	grant := newGrant()
	var saved []*model.Token
	for _, i := range []int{0, 1, 8, 15} {
		t := newToken(grant, now)
		t.GrantID[i] ^= 1
		t.Access, t.Refresh = base, base
		c.ok(s.SaveToken(c.ctx, cloneToken(t)), "SaveToken of a digest that another grant has")
		saved = append(saved, t)
	}
	for _, i := range []int{0, 1, 8, 16, 31} {
		last := saved[0]
		t := newToken(last.GrantID, now)
		t.Access, t.Refresh = base, base
		t.Access[i] ^= 1
		t.Refresh[i] ^= 0x80
		c.ok(s.RotateRefreshToken(c.ctx, last.RefreshKey(), newSeed(), cloneToken(t)), "RotateRefreshToken to digests that differ in one bit")
		c.hasAccess(s, last)
		saved[0] = t
	}
	for _, b := range []byte{0x01, 0x20, 0x27, 0x5c, 0x80, 0xff} {
		t := newToken(newGrant(), now)
		for i := range t.Access {
			t.Access[i], t.Refresh[i] = b, b
		}
		c.ok(s.SaveToken(c.ctx, cloneToken(t)), "SaveToken")
		saved = append(saved, t)
	}
	for _, t := range saved {
		c.live(s, t)
	}
}

func oddTimes(c *checker) {
	s := c.newStore()
	for _, at := range []time.Time{
		time.UnixMilli(0).UTC(),
		time.UnixMilli(1).UTC(),
		time.Date(2024, 2, 29, 23, 59, 59, 999_000_000, time.UTC),
		time.Date(2038, 1, 19, 3, 14, 8, 1_000_000, time.UTC),
		time.Date(2262, 4, 12, 0, 0, 0, 1_000_000, time.UTC), // past what fits in nanoseconds
	} {
		code := newCode()
		code.IssuedAt, code.ExpiresAt, code.RetainUntil = at, at.Add(59_999*time.Millisecond), at.Add(600_001*time.Millisecond)
		c.ok(s.SaveAuthorizationCode(c.ctx, cloneCode(code)), "SaveAuthorizationCode")
		c.sameCode(s, code, false)
		t := newToken(newGrant(), at)
		t.GrantExpiresAt = at.Add(90*24*time.Hour + time.Millisecond)
		c.ok(s.SaveToken(c.ctx, cloneToken(t)), "SaveToken")
		c.same(s, t)
		next := newToken(t.GrantID, at.Add(time.Millisecond))
		next.GrantExpiresAt = t.GrantExpiresAt
		c.ok(s.RotateRefreshToken(c.ctx, t.RefreshKey(), newSeed(), cloneToken(next)), "RotateRefreshToken")
		if got := c.hasRefresh(s, t); !got.SpentAt.Equal(next.IssuedAt) || got.SpentAt.Location() != time.UTC {
			c.Fatalf("GetRefreshToken: SpentAt is %v, want %v", got.SpentAt, next.IssuedAt)
		}
	}
}

func oddExtra(c *checker) {
	s := c.newStore()
	for _, extra := range []string{"", `{}`, `{"a":null}`, `{"big":12345678901234567890.5,"n":9007199254740993}`, `{"ключ":"значение 🦊","nested":{"list":[1,"two",{"three":3}],"empty":""}}`, `{"long":"` + strings.Repeat("é", 5000) + `"}`} {
		t := newToken(newGrant(), now)
		t.Extra = nil
		if extra != "" {
			t.Extra = json.RawMessage(extra)
		}
		c.ok(s.SaveToken(c.ctx, cloneToken(t)), "SaveToken")
		c.same(s, t)
	}
}
