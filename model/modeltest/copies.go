package modeltest

import (
	"sync"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// scribble overwrites everything that a store could share with the caller.
func scribble(t *model.Token) {
	for i := range t.Extra {
		t.Extra[i] = 'x'
	}
	*t = model.Token{ClientID: "scribbled", Extra: t.Extra}
}

// passedInStaysTheCallers changes records after they were saved, while others
// read them: the race detector sees a store that kept hold of them, and the
// comparison sees it too.
func passedInStaysTheCallers(c *checker) {
	s := c.newStore()

	code := newCode()
	passedCode := cloneCode(code)
	c.ok(s.SaveAuthorizationCode(c.ctx, passedCode), "SaveAuthorizationCode")
	c.while(func() { *passedCode = model.AuthorizationCode{ClientID: "scribbled"} }, func() error {
		_, err := s.GetAuthorizationCode(c.ctx, code.Key)
		return err
	})
	c.sameCode(s, code, false)

	opened := newToken(newGrant(), now)
	redeemed := newToken(code.Key.Grant, now)
	successor := newToken(opened.GrantID, now)
	for _, save := range []struct {
		want *model.Token
		save func(*model.Token) error
	}{
		{opened, func(t *model.Token) error { return s.SaveToken(c.ctx, t) }},
		{redeemed, func(t *model.Token) error { return s.RedeemAuthorizationCode(c.ctx, code.Key, t) }},
		{successor, func(t *model.Token) error { return s.RotateRefreshToken(c.ctx, opened.RefreshKey(), newSeed(), t) }},
	} {
		passed := cloneToken(save.want)
		c.ok(save.save(passed), "saving a token")
		c.while(func() { scribble(passed) }, func() error {
			_, err := s.GetAccessToken(c.ctx, save.want.AccessKey())
			return err
		})
		c.same(s, save.want)
	}
}

// while runs change and read at the same time.
func (c *checker) while(change func(), read func() error) {
	c.Helper()
	var wg sync.WaitGroup
	wg.Go(change)
	err := read()
	wg.Wait()
	c.ok(err, "reading what was just saved")
}

// returnedIsTheCallersOwn changes what was returned, from two readers at once.
func returnedIsTheCallersOwn(c *checker) {
	s := c.newStore()
	code, t := c.redeemed(s)
	next, _ := c.rotate(s, t)
	for _, get := range []func() (*model.Token, error){
		func() (*model.Token, error) { return s.GetAccessToken(c.ctx, next.AccessKey()) },
		func() (*model.Token, error) { return s.GetRefreshToken(c.ctx, next.RefreshKey()) },
	} {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				got, err := get()
				if err != nil || got == nil {
					c.Errorf("reading a token: %v", err)
					return
				}
				scribble(got)
			})
		}
		wg.Wait()
		c.same(s, next)
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			got, err := s.GetAuthorizationCode(c.ctx, code.Key)
			if err != nil || got == nil {
				c.Errorf("GetAuthorizationCode: %v", err)
				return
			}
			*got = model.AuthorizationCode{ClientID: "scribbled"}
		})
	}
	wg.Wait()
	c.sameCode(s, code, true)
}
