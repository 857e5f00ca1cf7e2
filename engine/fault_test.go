package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// errDown is a fault of the store; its text must never reach a client.
var errDown = errors.New("pq: connection to db-7 refused")

// flow is a way to a token: prepare returns the request that gets it.
type flow struct {
	name string
	// reads are the verbs before the one that writes.
	reads []string
	write string
	// prepare returns the request, to be sent as often as one likes.
	prepare func(t *testing.T, f *fixture) func() *http.Request
}

func tokenFlows() []flow {
	tk := func(form url.Values) func() *http.Request {
		return func() *http.Request {
			r := post("/oauth/token", form)
			r.SetBasicAuth("conf", "s3cret")
			return r
		}
	}
	return []flow{
		{"code", []string{"GetClient", "GetAuthorizationCode"}, "RedeemAuthorizationCode", func(t *testing.T, f *fixture) func() *http.Request {
			code := f.code(t, withS256, s256)
			return tk(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {r1}, "code_verifier": {verifier}})
		}},
		{"refresh", []string{"GetClient", "GetRefreshToken"}, "RotateRefreshToken", func(t *testing.T, f *fixture) func() *http.Request {
			_, refresh := f.tokens(t)
			return tk(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
		}},
		{"password", []string{"GetClient"}, "SaveToken", func(*testing.T, *fixture) func() *http.Request {
			return tk(url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wonderland"}})
		}},
		{"client credentials", []string{"GetClient"}, "SaveToken", func(*testing.T, *fixture) func() *http.Request {
			return tk(url.Values{"grant_type": {"client_credentials"}})
		}},
	}
}

// failBefore and failAfter make a verb fail without and with its effect.
func (s *spyStore) failBefore(verb string, fail func() error) {
	s.setHook(func(_ context.Context, v string, do func() error) error {
		if v == verb {
			return fail()
		}
		return do()
	})
}

func (s *spyStore) failAfter(verb string, fail func() error) {
	s.setHook(func(_ context.Context, v string, do func() error) error {
		err := do()
		if v == verb && err == nil {
			return fail()
		}
		return err
	})
}

// assertFault checks that a request was answered with a fault of a fixed text.
func (a answer) assertFault(t *testing.T) {
	t.Helper()
	a.assertError(t, http.StatusInternalServerError, "server_error")
	assert.Contains(t, a.json(t)["error_description"], "The server could not complete the request.")
	assert.NotContains(t, a.Body.String(), "db-7")
	assert.NotContains(t, a.Body.String(), "goroutine")
}

// Every verb of every flow fails, before and after its effect.
func TestTokenStoreFaults(t *testing.T) {
	t.Parallel()
	faults := map[string]func() error{
		"an error":             func() error { return errDown },
		"a wrapped error":      func() error { return fmt.Errorf("x: %w", errDown) },
		"the caller gave up":   func() error { return context.Canceled },
		"the deadline is over": func() error { return context.DeadlineExceeded },
		"a panic":              func() error { panic(errDown) },
	}
	for _, fl := range tokenFlows() {
		for what, fail := range faults {
			for _, verb := range append(fl.reads, fl.write) {
				t.Run("C38+E19+E25+F23+attack-O02 "+fl.name+": "+verb+" fails before its effect with "+what, func(t *testing.T) {
					t.Parallel()
					f := newFixture(t, withPassword)
					send := fl.prepare(t, f)
					n := len(f.store.saved)
					f.store.failBefore(verb, fail)
					f.do(send()).assertFault(t)
					assert.Len(t, f.store.saved, n, "something was issued")
					assert.Equal(t, engine.EventFault, f.lastEvent(t).Type)
					f.store.setHook(nil)
					access, _ := f.do(send()).tokens(t)
					assert.True(t, f.works(access), "something was spent")
				})
			}
			t.Run("E25+F23 "+fl.name+": "+fl.write+" fails after its effect with "+what, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, withPassword)
				send := fl.prepare(t, f)
				n, asked := len(f.store.saved), f.store.count("GetAccessToken")
				f.store.failAfter(fl.write, fail)
				a := f.do(send())
				f.store.setHook(nil)
				require.Len(t, f.store.saved, n+1)
				if what == "a panic" || fl.write == "SaveToken" {
					// What was saved is known to nobody: it does not count as issued.
					a.assertFault(t)
					assert.Zero(t, f.store.count("GetAccessToken")-asked)
				} else {
					access, _ := a.tokens(t)
					assert.Equal(t, 1, f.store.count("GetAccessToken")-asked, "the engine asks once")
					assert.True(t, f.works(access))
				}
				assert.Zero(t, f.store.count("RevokeGrant"))
			})
		}
	}
}

// What the store says happened is an outcome, also wrapped, and not a fault.
func TestTokenStoreOutcomes(t *testing.T) {
	t.Parallel()
	for _, fl := range tokenFlows()[:2] {
		for _, outcome := range []error{model.ErrNotFound, model.ErrRevoked, fmt.Errorf("store: %w", model.ErrNotFound), fmt.Errorf("store: %w", model.ErrRevoked)} {
			t.Run(fmt.Sprintf("E18+F16+M32 %s: %s says %q", fl.name, fl.write, outcome), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				send := fl.prepare(t, f)
				f.store.failOn(fl.write, outcome)
				f.do(send()).assertError(t, http.StatusBadRequest, "invalid_grant")
				assert.Zero(t, f.store.count("RevokeGrant", "GetAccessToken"), "that is no replay, and no fault")
				assert.Zero(t, f.countEvents(engine.EventFault))
			})
		}
		t.Run("C39 "+fl.name+": an *Error of the store passes through", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			send := fl.prepare(t, f)
			f.store.failOn(fl.write, fmt.Errorf("store: %w", &engine.Error{Code: engine.CodeTemporarilyUnavailable, Description: "Come back later."}))
			a := f.do(send())
			a.assertError(t, http.StatusServiceUnavailable, "temporarily_unavailable")
			assert.Contains(t, a.json(t)["error_description"], "Come back later.")
			f.store.setHook(nil)
			f.do(send()).tokens(t)
		})
		t.Run("E25+F23 "+fl.name+": after a fault nobody can tell", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			send := fl.prepare(t, f)
			f.store.setHook(func(_ context.Context, verb string, do func() error) error {
				if err := do(); err != nil {
					return err
				}
				if verb == fl.write || verb == "GetAccessToken" {
					return errDown
				}
				return nil
			})
			f.do(send()).assertFault(t)
			assert.Equal(t, 1, f.store.count("GetAccessToken"), "the engine asks once")
			f.store.setHook(nil)
			a := f.do(send())
			if fl.name == "refresh" {
				access, _ := a.tokens(t) // the grace window has the answer
				assert.True(t, f.works(access))
				return
			}
			a.assertError(t, http.StatusBadRequest, "invalid_grant")
			f.assertAllDead(t)
		})
	}
	t.Run("F16 a store that says spent and then that it is not", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		f.store.failOn("RotateRefreshToken", model.ErrSpent)
		f.refresh(refresh).assertFault(t)
		assert.Zero(t, f.store.count("RevokeGrant"))
		f.store.setHook(nil)
		f.refresh(refresh).tokens(t)
	})
}

// A client that hangs up changes nothing about what must be done.
func TestTokenCancelled(t *testing.T) {
	t.Parallel()
	// hangUp cancels the request's context at a verb, after its effect if so, and
	// lets each verb fail whose context is over, as a database driver does.
	hangUp := func(f *fixture, r *http.Request, at string, after bool) *http.Request {
		ctx, cancel := context.WithCancel(r.Context())
		f.store.setHook(func(ctx context.Context, verb string, do func() error) error {
			if verb == at && !after {
				cancel()
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			err := do()
			if verb == at && after {
				cancel()
				if err == nil {
					err = ctx.Err()
				}
			}
			return err
		})
		return r.WithContext(ctx)
	}
	for _, fl := range tokenFlows()[:2] {
		t.Run("E25+F23 "+fl.name+": before anything was spent", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			send := fl.prepare(t, f)
			n := len(f.store.saved)
			f.do(hangUp(f, send(), fl.write, false)).assertFault(t)
			assert.Len(t, f.store.saved, n)
			f.store.setHook(nil)
			f.do(send()).tokens(t)
		})
		t.Run("E25+F23 "+fl.name+": after it was spent, the answer is there", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			send := fl.prepare(t, f)
			access, _ := f.do(hangUp(f, send(), fl.write, true)).tokens(t)
			f.store.setHook(nil)
			assert.True(t, f.works(access))
		})
	}
	t.Run("L02 a replayer of a code who hangs up does not save the family", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t, withS256, s256)
		access, _ := f.exchange(code, "code_verifier="+verifier).tokens(t)
		r := post("/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {r1}, "code_verifier": {verifier}})
		r.SetBasicAuth("conf", "s3cret")
		f.do(hangUp(f, r, "RevokeGrant", false)).assertError(t, http.StatusBadRequest, "invalid_grant")
		f.store.setHook(nil)
		assert.False(t, f.works(access))
		f.assertAllDead(t)
	})
	t.Run("L10 who hangs up after a wrong verifier has burnt the code", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t, withS256, s256)
		r := post("/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {r1}, "code_verifier": {challenge}})
		r.SetBasicAuth("conf", "s3cret")
		f.do(hangUp(f, r, "RedeemAuthorizationCode", false)).assertError(t, http.StatusBadRequest, "invalid_grant")
		f.store.setHook(nil)
		f.exchange(code, "code_verifier="+verifier).assertError(t, http.StatusBadRequest, "invalid_grant")
	})
}

// The revocation of a replayed grant fails: nobody is told that all is well, and
// the next replay revokes.
func TestReplayRevocationFails(t *testing.T) {
	t.Parallel()
	for _, fl := range tokenFlows()[:2] {
		t.Run("L02+L03 "+fl.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(c *engine.Config) { c.RefreshTokenGrace = -1 })
			send := fl.prepare(t, f)
			access, _ := f.do(send()).tokens(t)
			f.store.failBefore("RevokeGrant", func() error { return errDown })
			f.do(send()).assertFault(t)
			assert.Equal(t, 1, f.countEvents(engine.EventReplayed))
			assert.Zero(t, f.countEvents(engine.EventRevoked))
			f.store.setHook(nil)
			assert.True(t, f.works(access))
			f.do(send()).assertError(t, http.StatusBadRequest, "invalid_grant")
			assert.False(t, f.works(access))
			assert.Equal(t, 1, f.countEvents(engine.EventRevoked))
		})
	}
	t.Run("L10 a code cannot be burnt", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t, withS256, s256)
		f.store.failOn("RedeemAuthorizationCode", errDown)
		f.exchange(code, "code_verifier="+challenge).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Equal(t, 1, f.countEvents(engine.EventFault), "the operator hears of it")
	})
}
