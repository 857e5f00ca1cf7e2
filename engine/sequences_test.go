package engine_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// atOnce sends n requests at the same time and returns their answers.
func atOnce(n int, send func() answer) []answer {
	answers := make([]answer, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			<-start
			answers[i] = send()
		})
	}
	close(start)
	wg.Wait()
	return answers
}

// noGrace makes each repeat of a refresh a replay.
func noGrace(c *engine.Config) { c.RefreshTokenGrace = -1 }

// The sequences of requests of the port's table.
func TestSequences(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options []func(*engine.Config)
		run     func(t *testing.T, f *fixture)
	}{
		{"L01+6749-4.1.3 the only redirect URI, left out twice", nil, func(t *testing.T, f *fixture) {
			code := f.code(t, "client_id=conf2", "-redirect_uri")
			assert.False(t, f.store.lastCode(t).RedirectURISent)
			f.token("conf2", "s3cret2", "authorization_code", "code="+code).tokens(t)
		}},
		{"L02+6749-4.1.2 a code twice: refused, and its tokens die", nil, func(t *testing.T, f *fixture) {
			code := f.code(t)
			access, refresh := f.exchange(code).tokens(t)
			f.exchange(code).assertError(t, 400, "invalid_grant")
			f.assertDead(t, access, refresh)
		}},
		{"L03+9700-4.14.2 a refresh token twice: refused, and the family dies", nil, func(t *testing.T, f *fixture) {
			first, r := f.tokens(t)
			access, successor := f.refresh(r).tokens(t)
			f.clock.Advance(time.Minute)
			f.refresh(r).assertError(t, 400, "invalid_grant")
			f.assertDead(t, access, successor)
			assert.False(t, f.works(first))
		}},
		{"L04+L05 two exchanges at once: one answer, and its tokens die", nil, func(t *testing.T, f *fixture) {
			code := f.code(t)
			f.assertOneWins(t, atOnce(2, func() answer { return f.exchange(code) }))
		}},
		{"L06 three refreshes at once without grace: one answer, and its tokens die", []func(*engine.Config){noGrace}, func(t *testing.T, f *fixture) {
			_, r := f.tokens(t)
			f.assertOneWins(t, atOnce(3, func() answer { return f.refresh(r) }))
		}},
		{"L06 three refreshes at once: the same answer three times", nil, func(t *testing.T, f *fixture) {
			_, r := f.tokens(t)
			answers := atOnce(3, func() answer { return f.refresh(r) })
			access, refresh := answers[0].tokens(t)
			for _, a := range answers[1:] {
				again, refreshAgain := a.tokens(t)
				assert.Equal(t, access, again)
				assert.Equal(t, refresh, refreshAgain)
			}
			f.refresh(refresh).tokens(t)
		}},
		{"L07 a wrong redirect URI, then the right one: nothing was spent", nil, func(t *testing.T, f *fixture) {
			code := f.code(t)
			f.exchange(code, "redirect_uri="+r2).assertError(t, 400, "invalid_grant")
			f.exchange(code).tokens(t)
		}},
		{"L08 another client first, then the right one", nil, func(t *testing.T, f *fixture) {
			code := f.code(t)
			f.token("conf2", "s3cret2", "authorization_code", "code="+code, "redirect_uri="+r1).assertError(t, 400, "invalid_grant")
			f.exchange(code).tokens(t)
		}},
		{"L09 too wide a scope, then none", nil, func(t *testing.T, f *fixture) {
			_, r := f.exchange(f.code(t)).tokens(t)
			f.refresh(r, "scope=read write").assertError(t, 400, "invalid_scope")
			f.refresh(r).tokens(t)
		}},
		{"L10 a wrong verifier, then the right one: the code is burnt", nil, func(t *testing.T, f *fixture) {
			code := f.code(t, withS256, s256)
			f.exchange(code, "code_verifier="+wrongVerifier).assertError(t, 400, "invalid_grant")
			f.exchange(code, "code_verifier="+verifier).assertError(t, 400, "invalid_grant")
			assert.Empty(t, f.store.saved)
		}},
		{"L11+9700-2.1.1 the secret does not stand in for the verifier", nil, func(t *testing.T, f *fixture) {
			code := f.code(t, withS256, s256)
			f.exchange(code).assertError(t, 400, "invalid_grant")
			assert.Empty(t, f.store.saved)
		}},
		{"L12+9700-4.8.2 a verifier without challenge", nil, func(t *testing.T, f *fixture) {
			f.exchange(f.code(t), "code_verifier="+verifier).assertError(t, 400, "invalid_grant")
			assert.Empty(t, f.store.saved)
		}},
		{"L13 the old access token runs to its own expiry", nil, func(t *testing.T, f *fixture) {
			old, r := f.tokens(t)
			f.clock.Advance(30 * time.Minute)
			fresh, _ := f.refresh(r).tokens(t)
			assert.True(t, f.works(old))
			f.clock.Advance(30 * time.Minute)
			assert.False(t, f.works(old))
			assert.True(t, f.works(fresh))
		}},
		{"L14+6749-6 narrowed once, widened again within the grant", nil, func(t *testing.T, f *fixture) {
			_, r := f.tokens(t)
			a := f.refresh(r, "scope=read")
			assert.Equal(t, "read", a.json(t)["scope"])
			_, r = a.tokens(t)
			assert.Equal(t, "read write", f.refresh(r, "scope=read write").json(t)["scope"])
		}},
		{"L15 client_credentials and the resource", nil, func(t *testing.T, f *fixture) {
			access, refresh := f.token("conf", "s3cret", "client_credentials").tokens(t)
			assert.Empty(t, refresh)
			assert.True(t, f.works(access))
		}},
		{"L16 password, refresh, and the first refresh token again", []func(*engine.Config){withPassword}, func(t *testing.T, f *fixture) {
			_, first := f.token("conf", "s3cret", "password", "username=alice", "password=wonderland").tokens(t)
			access, second := f.refresh(first).tokens(t)
			f.clock.Advance(time.Minute)
			f.refresh(first).assertError(t, 400, "invalid_grant")
			f.assertDead(t, access, second)
		}},
		{"L17 the client loses the grant and gets it back", nil, func(t *testing.T, f *fixture) {
			code := f.code(t)
			c := fixtureClients()[0]
			c.Grants = []string{model.GrantClientCredentials}
			f.store.addRaw(c)
			f.exchange(code).assertError(t, 400, "unauthorized_client")
			f.store.addRaw(fixtureClients()[0])
			f.exchange(code).tokens(t)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t, newFixture(t, tt.options...))
		})
	}
	t.Run("L18 the user is deactivated after the code was issued", func(t *testing.T) {
		t.Parallel()
		users := &userGate{}
		f := newFixture(t, users.option)
		code := f.code(t)
		users.disabled.Store(true)
		f.exchange(code).assertError(t, 400, "invalid_grant")
		assert.Zero(t, f.store.count("RedeemAuthorizationCode"))
		users.disabled.Store(false)
		f.exchange(code).tokens(t)
	})
}

// assertOneWins checks that exactly one answer has tokens, that all others are
// invalid_grant, and that the tokens are revoked, because the others were
// replays.
func (f *fixture) assertOneWins(t *testing.T, answers []answer) {
	t.Helper()
	var winner *answer
	for _, a := range answers {
		if a.Code != 200 {
			a.assertError(t, 400, "invalid_grant")
			continue
		}
		assert.Nil(t, winner, "two winners")
		winner = &a
	}
	if assert.NotNil(t, winner, "no winner") {
		access, refresh := winner.tokens(t)
		f.assertDead(t, access, refresh)
	}
}
