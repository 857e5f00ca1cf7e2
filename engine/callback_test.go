package engine_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// breakable is a configuration whose every callback goes through one function,
// which a test sets to fail at one of them.
type breakable struct{ fail func(callback string) error }

func (b *breakable) options(c *engine.Config) {
	random := c.Random
	if random == nil {
		random = strings.NewReader(strings.Repeat("not random, but enough of it ", 1000))
	}
	c.VerifySecret = func(_ context.Context, client *model.Client, secret string) (bool, error) {
		return client.MatchesSecret(secret, fixtureStart), b.fail("VerifySecret")
	}
	c.CheckUser = func(context.Context, string) error { return b.fail("CheckUser") }
	c.CheckPassword = func(context.Context, *model.Client, string, string) (*model.User, error) {
		return alice(), b.fail("CheckPassword")
	}
	c.ClientUser = func(context.Context, *model.Client) (*model.User, error) { return nil, b.fail("ClientUser") }
	c.ValidateScope = func(_ context.Context, r engine.ScopeRequest) (model.Scope, error) {
		return r.Scope, b.fail("ValidateScope")
	}
	c.TokenAttributes = func(context.Context, *model.Token) (map[string]any, error) {
		return map[string]any{"foo": "bar"}, b.fail("TokenAttributes")
	}
	c.Random = readerFunc(func(p []byte) (int, error) {
		if err := b.fail("Random"); err != nil {
			return 0, err
		}
		return io.ReadFull(random, p)
	})
}

// Every callback of every flow fails or panics: the answer is a fault of a fixed
// text, nothing is spent, and the same request is served afterwards.
func TestTokenCallbackFaults(t *testing.T) {
	t.Parallel()
	faults := map[string]func() error{
		"fails":  func() error { return errDown },
		"panics": func() error { panic(errDown) },
	}
	callbacks := map[string][]string{
		"code":               {"VerifySecret", "CheckUser", "ValidateScope", "TokenAttributes", "Random"},
		"refresh":            {"VerifySecret", "CheckUser", "ValidateScope", "TokenAttributes", "Random"},
		"password":           {"VerifySecret", "CheckPassword", "CheckUser", "ValidateScope", "TokenAttributes", "Random"},
		"client credentials": {"VerifySecret", "ClientUser", "ValidateScope", "TokenAttributes", "Random"},
	}
	for _, fl := range tokenFlows() {
		for _, callback := range callbacks[fl.name] {
			for what, fail := range faults {
				if callback == "Random" && what == "panics" {
					continue // a reader of random bytes is no callback; it returns errors
				}
				t.Run("C38+I06+attack-O02 "+fl.name+": "+callback+" "+what, func(t *testing.T) {
					t.Parallel()
					works := func(string) error { return nil }
					b := &breakable{fail: works}
					f := newFixture(t, b.options)
					send := fl.prepare(t, f)
					n, broken := len(f.store.saved), false
					b.fail = func(c string) error {
						if c != callback {
							return nil
						}
						broken = true
						return fail()
					}
					f.do(send()).assertFault(t)
					require.True(t, broken, "it was not asked")
					assert.Len(t, f.store.saved, n)
					assert.Equal(t, engine.EventFault, f.lastEvent(t).Type)
					b.fail = works
					f.do(send()).tokens(t)
				})
			}
		}
	}
}

// The hook for events cannot take a request down, whatever it does: what was
// issued is answered, and what was refused is refused.
func TestEventsHookPanics(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *engine.Config) {
		c.Events = func(context.Context, engine.Event) { panic(errDown) }
	})
	t.Run("attack-O02 at every endpoint", func(t *testing.T) {
		t.Parallel()
		access, refresh := f.tokens(t)
		f.refresh(refresh).tokens(t)
		assert.True(t, f.works(access))
		assert.False(t, f.works("x"))
		f.token("conf", "wrong", "client_credentials").assertError(t, http.StatusUnauthorized, "invalid_client")
		assert.Equal(t, http.StatusBadRequest, f.do(get(az("client_id=ghost"))).Code)
		assert.Contains(t, f.logs.String(), "db-7", "the operator hears of it")
	})
}

// net/http's own way to end a request is no accident.
func TestAbortHandlerGoesOn(t *testing.T) {
	t.Parallel()
	b := &breakable{fail: func(c string) error {
		if c == "ClientUser" {
			panic(http.ErrAbortHandler)
		}
		return nil
	}}
	f := newFixture(t, b.options)
	assert.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { f.token("conf", "s3cret", "client_credentials") })
}

// A callback may refuse in the words of the protocol.
func TestCallbackRefuses(t *testing.T) {
	t.Parallel()
	locked := &engine.Error{Code: engine.CodeInvalidClient, Description: "locked"}
	for _, tt := range []struct {
		name, callback string
		err            error
		status         int
		code           string
	}{
		{"C40 invalid_client after Basic", "VerifySecret", locked, http.StatusUnauthorized, "invalid_client"},
		{"L18+attack-G12 the user is gone", "CheckUser", model.ErrNoUser, http.StatusBadRequest, "invalid_grant"},
		{"I05 any code", "ValidateScope", &engine.Error{Code: "authorization_pending", Status: http.StatusBadRequest, Description: "Wait."}, http.StatusBadRequest, "authorization_pending"},
	} {
		for _, fl := range tokenFlows()[:2] {
			t.Run(tt.name+", "+fl.name, func(t *testing.T) {
				t.Parallel()
				works := func(string) error { return nil }
				b := &breakable{fail: works}
				f := newFixture(t, b.options)
				send := fl.prepare(t, f)
				b.fail = func(c string) error {
					if c == tt.callback {
						return tt.err
					}
					return nil
				}
				f.do(send()).assertError(t, tt.status, tt.code)
				assert.Empty(t, locked.Header, "an error of the application is not written to")
				b.fail = works
				f.do(send()).tokens(t) // nothing was spent
			})
		}
	}
}
