package modeltest

import (
	"slices"

	"github.com/gin-oauth/gin-oauth-server/model"
)

func clientIsFound(c *checker) {
	s := c.newStore()
	_, err := s.GetClient(c.ctx, "no-such-client")
	c.is(err, "GetClient of an unknown client", model.ErrNotFound)
	_, err = s.GetClient(c.ctx, "")
	c.is(err, "GetClient without an id", model.ErrNotFound)
	adder, ok := s.(ClientAdder)
	if !ok {
		return
	}
	want := model.Client{ID: "Web-" + newGrant().String(), Name: "Wéb", Secrets: model.HashSecrets("one", "two"), RedirectURIs: []string{"https://web.test/cb"}, Scope: "read"}
	passed := *want.Clone()
	c.ok(adder.AddClient(passed), "AddClient")
	passed.RedirectURIs[0], passed.Secrets[0] = "https://evil.test/cb", model.SecretHash{}
	got, err := s.GetClient(c.ctx, want.ID)
	c.ok(err, "GetClient")
	if got == nil || got.ID != want.ID || got.Name != want.Name || got.Scope != want.Scope ||
		!slices.Equal(got.Secrets, want.Secrets) || !slices.Equal(got.RedirectURIs, want.RedirectURIs) {
		c.Fatalf("GetClient: got %+v, want %+v", got, want)
	}
	if adder.AddClient(model.Client{ID: "without anything"}) == nil {
		c.Fatalf("AddClient took what Client.Validate refuses")
	}
}

func codeIsReturnedAsSaved(c *checker) {
	s := c.newStore()
	c.sameCode(s, c.openByCode(s), false)
	plain := newCode()
	plain.RedirectURISent, plain.HasChallenge, plain.Challenge = false, false, [32]byte{}
	c.ok(s.SaveAuthorizationCode(c.ctx, cloneCode(plain)), "SaveAuthorizationCode")
	c.sameCode(s, plain, false)
}

func codeIsFoundByItsKeyOnly(c *checker) {
	s := c.newStore()
	code, t := c.redeemed(s)
	other := c.openByCode(s)
	g := code.Key.Grant
	c.noCode(s, model.Key{Grant: newGrant(), Digest: newDigest()}, "of an unknown grant")
	c.noCode(s, model.Key{Grant: g, Digest: newDigest()}, "of an unknown digest")
	c.noCode(s, model.Key{Grant: g, Digest: other.Key.Digest}, "with the digest of another grant")
	c.noCode(s, model.Key{Grant: newGrant(), Digest: code.Key.Digest}, "with an unknown grant")
	c.noCode(s, model.Key{Grant: g}, "with a zero digest")
	c.noCode(s, t.AccessKey(), "by an access token")
	c.noCode(s, t.RefreshKey(), "by a refresh token")
	c.noCode(s, model.Key{Grant: c.openByToken(s).GrantID}, "of a grant without code, with a zero digest")
}

func redeemSpendsAndSaves(c *checker) {
	s := c.newStore()
	code, t := c.redeemed(s)
	c.hasCode(s, code, true)
	c.live(s, t)
}

func redeemOnce(c *checker) {
	s := c.newStore()
	code, t := c.redeemed(s)
	late := newToken(code.Key.Grant, now)
	c.is(s.RedeemAuthorizationCode(c.ctx, code.Key, late), "RedeemAuthorizationCode of a spent code", model.ErrSpent)
	c.noToken(s, late, "of a failed RedeemAuthorizationCode")
	c.is(s.RedeemAuthorizationCode(c.ctx, code.Key, nil), "RedeemAuthorizationCode of a spent code without a token", model.ErrSpent)
	c.live(s, t)
}

func redeemWithoutToken(c *checker) {
	s := c.newStore()
	code := c.openByCode(s)
	c.ok(s.RedeemAuthorizationCode(c.ctx, code.Key, nil), "RedeemAuthorizationCode without a token")
	c.hasCode(s, code, true)
	t := newToken(code.Key.Grant, now)
	c.is(s.RedeemAuthorizationCode(c.ctx, code.Key, t), "RedeemAuthorizationCode after one without a token", model.ErrSpent)
	c.noToken(s, t, "of a failed RedeemAuthorizationCode")
}

func redeemUnknown(c *checker) {
	s := c.newStore()
	code := c.openByCode(s)
	for _, key := range []model.Key{
		{Grant: newGrant(), Digest: newDigest()},
		{Grant: code.Key.Grant, Digest: newDigest()},
		{Grant: code.Key.Grant},
		{Grant: newGrant(), Digest: code.Key.Digest},
	} {
		t := newToken(key.Grant, now)
		c.is(s.RedeemAuthorizationCode(c.ctx, key, t), "RedeemAuthorizationCode of an unknown code", model.ErrNotFound)
		c.noToken(s, t, "of a failed RedeemAuthorizationCode")
		c.is(s.RedeemAuthorizationCode(c.ctx, key, nil), "RedeemAuthorizationCode of an unknown code without a token", model.ErrNotFound)
	}
	c.hasCode(s, code, false)
}
