package engine_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// fuse makes what asks it panic from when it is lit.
type fuse struct{ lit bool }

func (u *fuse) ask() {
	if u.lit {
		panic(errDown)
	}
}

// The callbacks that TestTokenCallbackFaults does not reach: whoever panics, the
// answer has the protocol's form and nothing is issued.
func TestCallbackPanics(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		option func(u *fuse, c *engine.Config)
		// prepare returns what is done once the fuse is lit.
		prepare func(t *testing.T, f *fixture) func() answer
	}{
		{"GenerateToken at an exchange", func(u *fuse, c *engine.Config) {
			c.GenerateToken = func(context.Context, engine.TokenKind, *model.Token) (string, error) { u.ask(); return "x", nil }
			c.TokenGrant = func(string) (model.GrantID, bool) { return model.GrantID{}, false }
		}, func(t *testing.T, f *fixture) func() answer {
			code := f.code(t)
			return func() answer { return f.exchange(code) }
		}},
		{"TokenGrant at a refresh", askTokenGrant, func(_ *testing.T, f *fixture) func() answer {
			return func() answer { return f.refresh("own.token") }
		}},
		{"TokenGrant at the resource", askTokenGrant, func(_ *testing.T, f *fixture) func() answer {
			return func() answer { return f.resource(rs("Bearer own.token")) }
		}},
		{"an extension grant", func(u *fuse, c *engine.Config) {
			c.Grants = map[string]engine.Grant{customURN: engine.GrantFunc(func(context.Context, *engine.TokenRequest) (*engine.Decision, error) {
				u.ask()
				return &engine.Decision{UserID: "alice"}, nil
			})}
		}, func(_ *testing.T, f *fixture) func() answer {
			return func() answer { return f.token("ext", "x", customURN) }
		}},
		{"VerifyScope", func(u *fuse, c *engine.Config) {
			c.VerifyScope = func(context.Context, *model.Token, []string) (bool, error) { u.ask(); return true, nil }
		}, func(t *testing.T, f *fixture) func() answer {
			access, _ := f.tokens(t)
			return func() answer { return f.resource(rs("Bearer "+access), "read") }
		}},
		{"ValidateRedirectURI at the request", askRedirectURI, func(_ *testing.T, f *fixture) func() answer {
			return func() answer { return f.authorize() }
		}},
		{"ValidateRedirectURI at the approval", askRedirectURI, func(t *testing.T, f *fixture) func() answer {
			form := f.page(t)
			return func() answer { return f.decide(form, "allow") }
		}},
		{"ValidateScope at the approval", func(u *fuse, c *engine.Config) {
			c.ValidateScope = func(_ context.Context, r engine.ScopeRequest) (model.Scope, error) { u.ask(); return r.Scope, nil }
		}, func(t *testing.T, f *fixture) func() answer {
			form := f.page(t)
			return func() answer { return f.decide(form, "allow") }
		}},
	}
	for _, tt := range tests {
		t.Run("attack-O02 "+tt.name, func(t *testing.T) {
			t.Parallel()
			u := &fuse{}
			f := newFixture(t, func(c *engine.Config) { tt.option(u, c) })
			send := tt.prepare(t, f)
			codes, saved := len(f.store.codes), len(f.store.saved)
			u.lit = true
			a := send()
			a.assertFault(t)
			assert.Empty(t, a.Header().Get("WWW-Authenticate"))
			assert.Len(t, f.store.codes, codes)
			assert.Len(t, f.store.saved, saved)
			assert.Equal(t, "panic", f.lastEvent(t).Reason)
		})
	}
}

func askTokenGrant(u *fuse, c *engine.Config) {
	c.GenerateToken = func(context.Context, engine.TokenKind, *model.Token) (string, error) { return "x", nil }
	c.TokenGrant = func(string) (model.GrantID, bool) { u.ask(); return model.GrantID{}, false }
}

func askRedirectURI(u *fuse, c *engine.Config) {
	c.ValidateRedirectURI = func(context.Context, *model.Client, string) (bool, error) { u.ask(); return true, nil }
}

// What the store's verbs fail with in the tests below.
func storeFaults() map[string]func() error {
	return map[string]func() error{
		"an error":             func() error { return errDown },
		"the caller gave up":   func() error { return context.Canceled },
		"the deadline is over": func() error { return context.DeadlineExceeded },
		"a panic":              func() error { panic(errDown) },
	}
}

// Each verb of an approval fails, before and after its effect. There is no code
// that somebody has and no second code from one page.
func TestApproveStoreFaults(t *testing.T) {
	t.Parallel()
	assertFailed := func(t *testing.T, a answer, verb, what string) {
		t.Helper()
		if verb == "SaveAuthorizationCode" && what != "a panic" {
			a.assertRedirectError(t, r1, "server_error", "xyz")
			assert.NotContains(t, a.Header().Get("Location"), "db-7")
			return
		}
		a.assertFault(t)
	}
	for what, fail := range storeFaults() {
		for _, verb := range []string{"GetClient", "SaveAuthorizationCode"} {
			t.Run("B39+B87+attack-O02 "+verb+" fails before its effect with "+what, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				form := f.page(t)
				f.store.failBefore(verb, fail)
				assertFailed(t, f.decide(form, "allow"), verb, what)
				assert.Empty(t, f.store.codes)
				f.store.setHook(nil)
				code := f.decide(form, "allow").code(t) // nothing happened: once more
				f.exchange(code).tokens(t)
			})
		}
		t.Run("B87+attack-O02 SaveAuthorizationCode fails after its effect with "+what, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			form := f.page(t)
			f.store.failAfter("SaveAuthorizationCode", fail)
			assertFailed(t, f.decide(form, "allow"), "SaveAuthorizationCode", what)
			f.store.setHook(nil)
			f.assertStale(t, f.decide(form, "allow"))
			assert.Len(t, f.store.codes, 1, "it is there, and nobody knows it")
			assert.Empty(t, f.secrets)
		})
	}
}

// A store that cannot tell is not a token that is bad: no challenge, and the
// client keeps its token.
func TestAuthenticateStoreFaults(t *testing.T) {
	t.Parallel()
	for what, fail := range storeFaults() {
		t.Run("A53+attack-O02 "+what, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			access, _ := f.tokens(t)
			for _, set := range []func(string, func() error){f.store.failBefore, f.store.failAfter} {
				set("GetAccessToken", fail)
				a := f.resource(rs("Bearer " + access))
				a.assertFault(t)
				assert.Empty(t, a.Header().Get("WWW-Authenticate"))
			}
			f.store.setHook(nil)
			assert.True(t, f.works(access))
		})
	}
}

// A panic where the engine acts on its own account.
func TestOwnAccountPanics(t *testing.T) {
	t.Parallel()
	for _, fl := range tokenFlows()[:2] {
		t.Run("attack-O02+L02+L03 "+fl.name+": at the revocation of a replay", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, noGrace)
			send := fl.prepare(t, f)
			f.do(send()).tokens(t)
			f.store.failBefore("RevokeGrant", func() error { panic(errDown) })
			f.do(send()).assertFault(t)
			f.store.setHook(nil)
			f.do(send()).assertError(t, http.StatusBadRequest, "invalid_grant")
			f.assertAllDead(t)
		})
		t.Run("attack-O02+E25+F23 "+fl.name+": when the engine asks for its own token", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, noGrace)
			send := fl.prepare(t, f)
			f.store.setHook(func(_ context.Context, verb string, do func() error) error {
				if verb == "GetAccessToken" {
					panic(errDown)
				}
				if err := do(); err != nil || verb != fl.write {
					return err
				}
				return errDown
			})
			f.do(send()).assertFault(t)
			f.store.setHook(nil)
			f.do(send()).assertError(t, http.StatusBadRequest, "invalid_grant")
			f.assertAllDead(t) // what nobody got goes with the retry
		})
	}
	t.Run("attack-O02+L10 when a code is burnt", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t, withS256, s256)
		f.store.failAfter("RedeemAuthorizationCode", func() error { panic(errDown) })
		f.exchange(code, "code_verifier="+wrongVerifier).assertFault(t)
		f.store.setHook(nil)
		f.exchange(code, "code_verifier="+verifier).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Empty(t, f.store.saved)
	})
}

// A request whose client hung up before it was read is answered like any other;
// what the store then says decides.
func TestCancelledFromTheStart(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	obey := func(ctx context.Context, _ string, do func() error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return do()
	}
	f := newFixture(t, withPassword)
	code := f.code(t)
	access, refresh := f.tokens(t)
	form := f.page(t)
	codes, saved := len(f.store.codes), len(f.store.saved)
	f.store.setHook(obey)
	requests := map[string]*http.Request{
		"E25 code":               exchangeRequest(code),
		"F23 refresh":            post("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}),
		"C38 client_credentials": post("/oauth/token", url.Values{"grant_type": {"client_credentials"}}),
		"C38 password":           post("/oauth/token", url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wonderland"}}),
		"B39 authorize":          get(az()),
		"B39 approve":            post("/oauth/authorize", url.Values{"consent_request": {form}, "decision": {"allow"}}),
	}
	for name, r := range requests {
		if r.URL.Path == "/oauth/token" {
			r.SetBasicAuth("conf", "s3cret")
		}
		a := f.do(r.WithContext(gone))
		require.Equal(t, http.StatusInternalServerError, a.Code, name)
		a.assertFault(t)
	}
	f.resource(rs("Bearer " + access).WithContext(gone)).assertFault(t)
	assert.Len(t, f.store.codes, codes)
	assert.Len(t, f.store.saved, saved)
	f.store.setHook(nil)
	f.exchange(code).tokens(t)
	f.refresh(refresh).tokens(t)
	f.decide(form, "allow").code(t)
}
