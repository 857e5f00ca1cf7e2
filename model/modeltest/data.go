package modeltest

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// now is when the records of most rules are issued: far from every real clock,
// because stores read none, and with milliseconds.
var now = time.Date(2031, time.March, 14, 15, 9, 26, 535*int(time.Millisecond), time.UTC)

func newGrant() (id model.GrantID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func newDigest() (d model.Digest) {
	_, _ = rand.Read(d[:])
	return d
}

func newSeed() [32]byte { return newDigest() }

// newCode returns a code that opens a grant of its own.
func newCode() *model.AuthorizationCode {
	return &model.AuthorizationCode{
		Key:             model.Key{Grant: newGrant(), Digest: newDigest()},
		ClientID:        "web",
		UserID:          "alice",
		Scope:           "read write",
		Resources:       "https://api.test/v1",
		RedirectURI:     "https://web.test/callback?tenant=1",
		RedirectURISent: true,
		Challenge:       newDigest(),
		HasChallenge:    true,
		IssuedAt:        now,
		ExpiresAt:       now.Add(time.Minute),
		RetainUntil:     now.Add(10 * time.Minute),
	}
}

// newToken returns a pair in the grant, issued at the given time.
func newToken(grant model.GrantID, issued time.Time) *model.Token {
	return &model.Token{
		GrantID:          grant,
		ClientID:         "web",
		UserID:           "alice",
		Access:           newDigest(),
		Refresh:          newDigest(),
		Scope:            "read",
		GrantScope:       "read write",
		Resources:        "https://api.test/v1",
		GrantResources:   "https://api.test/v1 https://api.test/v2",
		IssuedAt:         issued,
		AccessExpiresAt:  issued.Add(time.Hour),
		RefreshExpiresAt: issued.Add(14 * 24 * time.Hour),
		GrantExpiresAt:   now.Add(90 * 24 * time.Hour),
		Extra:            json.RawMessage(`{"tenant":"t1"}`),
	}
}

// newMachineToken returns a token as client_credentials issues it.
func newMachineToken() *model.Token {
	return &model.Token{
		GrantID:         newGrant(),
		ClientID:        "machine",
		Access:          newDigest(),
		Scope:           "read",
		GrantScope:      "read",
		IssuedAt:        now,
		AccessExpiresAt: now.Add(time.Hour),
		GrantExpiresAt:  now.Add(time.Hour),
	}
}

func cloneCode(c *model.AuthorizationCode) *model.AuthorizationCode {
	d := *c
	return &d
}

func cloneToken(t *model.Token) *model.Token {
	d := *t
	d.Extra = slices.Clone(t.Extra)
	return &d
}

// openByCode saves a code.
func (c *checker) openByCode(s model.Model) *model.AuthorizationCode {
	c.Helper()
	code := newCode()
	c.ok(s.SaveAuthorizationCode(c.ctx, cloneCode(code)), "SaveAuthorizationCode")
	return code
}

// redeemed saves a code and redeems it.
func (c *checker) redeemed(s model.Model) (*model.AuthorizationCode, *model.Token) {
	c.Helper()
	code := c.openByCode(s)
	t := newToken(code.Key.Grant, now)
	c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, cloneToken(t)), "RedeemAuthorizationCode")
	return code, t
}

// openByToken saves a pair that was issued from nothing.
func (c *checker) openByToken(s model.Model) *model.Token {
	c.Helper()
	t := newToken(newGrant(), now)
	c.ok(s.SaveToken(c.ctx, cloneToken(t)), "SaveToken")
	return t
}

func (c *checker) openByMachine(s model.Model) *model.Token {
	c.Helper()
	t := newMachineToken()
	c.ok(s.SaveToken(c.ctx, cloneToken(t)), "SaveToken")
	return t
}

// rotate spends the refresh token of t ten seconds after it was issued.
func (c *checker) rotate(s model.Model, t *model.Token) (successor *model.Token, seed [32]byte) {
	c.Helper()
	successor, seed = newToken(t.GrantID, t.IssuedAt.Add(10*time.Second)), newSeed()
	c.ok(s.RotateRefreshToken(c.ctx, t.RefreshKey(), seed, cloneToken(successor)), "RotateRefreshToken")
	return successor, seed
}
