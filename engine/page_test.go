package engine_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// assertStale checks the answer to a page that can no longer be approved: shown
// to the user, not sent to the client, and nothing issued.
func (f *fixture) assertStale(t *testing.T, a answer) {
	t.Helper()
	a.assertError(t, http.StatusBadRequest, "invalid_request")
	assert.Equal(t, engine.ReasonStalePage, f.lastEvent(t).Reason)
}

// Between the page and the answer things change: what was shown must still hold.
func TestPageNoLongerValid(t *testing.T) {
	t.Parallel()
	change := func(edit func(*model.Client)) func(*testing.T, *fixture) {
		return func(t *testing.T, f *fixture) {
			c, err := f.store.GetClient(context.Background(), "conf")
			require.NoError(t, err)
			changed := c.Clone()
			edit(changed)
			require.NoError(t, f.store.AddClient(*changed))
		}
	}
	tests := []struct {
		name   string
		change func(*testing.T, *fixture)
	}{
		{"6749-10.2 the client was removed", func(_ *testing.T, f *fixture) { f.store.RemoveClient("conf") }},
		{"6749-10.2 the client was disabled", change(func(c *model.Client) { c.Disabled = true })},
		{"6749-10.6 the client lost the redirect URI", change(func(c *model.Client) { c.RedirectURIs = []string{r2} })},
		{"6749-10.2 the client lost the grant", change(func(c *model.Client) { c.Grants = []string{model.GrantClientCredentials} })},
		{"6749-10.2 the client lost the scope", change(func(c *model.Client) { c.Scope = "write" })},
		{"9700-2.1.1 the client must use PKCE now", change(func(c *model.Client) { c.AllowNoPKCE = false })},
		{"attack-C14 the user signed out and in again", func(_ *testing.T, f *fixture) { f.user.SessionID = "session-2" }},
		{"attack-C14 another user is signed in", func(_ *testing.T, f *fixture) { f.user = &model.User{ID: "mallory", SessionID: "session-1"} }},
		{"6749-10.12 ten minutes went by", func(_ *testing.T, f *fixture) { f.clock.Advance(10 * time.Minute) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			form := f.page(t)
			tt.change(t, f)
			f.assertStale(t, f.decide(form, "allow"))
			assert.Zero(t, f.store.count("SaveAuthorizationCode"))
		})
	}
	t.Run("6749-10.12 a page is good until just before", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		form := f.page(t)
		f.clock.Advance(10*time.Minute - time.Millisecond)
		f.decide(form, "allow").code(t)
	})
	t.Run("B32 a redirect URI that ValidateRedirectURI takes back", func(t *testing.T) {
		t.Parallel()
		allowed := true
		f := newFixture(t, func(c *engine.Config) {
			c.ValidateRedirectURI = func(context.Context, *model.Client, string) (bool, error) { return allowed, nil }
		})
		form := f.page(t, "redirect_uri=https://preview.example/cb")
		allowed = false
		f.assertStale(t, f.decide(form, "allow"))
	})
	t.Run("B34 ValidateRedirectURI is not asked about one that was not sent", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) {
			c.ValidateRedirectURI = func(context.Context, *model.Client, string) (bool, error) { return false, errors.New("asked") }
		})
		f.code(t, pub("-redirect_uri")...)
	})
}

func TestPageIsApprovedOnce(t *testing.T) {
	t.Parallel()
	t.Run("attack-C06+9700-2.1 a second approval", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		form := f.page(t)
		code := f.decide(form, "allow").code(t)
		f.assertStale(t, f.decide(form, "allow"))
		// What the first one issued is not harmed.
		f.token("conf", "s3cret", "authorization_code", "code="+code, "redirect_uri="+r1).tokens(t)
		f.assertStale(t, f.decide(form, "allow"))
		assert.Len(t, f.store.codes, 1)
	})
	t.Run("attack-C06 an approval after the grant was revoked", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		form := f.page(t)
		f.decide(form, "allow").code(t)
		require.NoError(t, f.store.RevokeGrant(context.Background(), f.store.lastCode(t).Key.Grant))
		f.assertStale(t, f.decide(form, "allow"))
	})
	t.Run("attack-C06 where no page is shown", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		req, err := f.srv.AuthorizeRequest(get(az()))
		require.NoError(t, err)
		_, err = f.srv.Approve(context.Background(), req, alice(), "read")
		require.NoError(t, err)
		_, err = f.srv.Approve(context.Background(), req, alice(), "read")
		f.assertStale(t, f.writeError(get(az()), err))
	})
	t.Run("attack-C06+attack-O08 64 approvals of one page arrive together", func(t *testing.T) {
		t.Parallel()
		// Two instances: same keys, same store.
		f := newFixture(t)
		g := newFixture(t, func(c *engine.Config) { c.Model = f.store })
		form := f.page(t)
		answers := make([]answer, 64)
		var start, done sync.WaitGroup
		start.Add(1)
		for i := range answers {
			done.Go(func() {
				start.Wait()
				answers[i] = []*fixture{f, g}[i%2].decide(form, "allow")
			})
		}
		start.Done()
		done.Wait()
		codes := 0
		for _, a := range answers {
			if a.Code == http.StatusSeeOther {
				a.code(t)
				codes++
				continue
			}
			a.assertError(t, http.StatusBadRequest, "invalid_request")
		}
		assert.Equal(t, 1, codes)
		assert.Len(t, f.store.codes, 1)
		assert.Equal(t, 1, f.countEvents(engine.EventAuthorized)+g.countEvents(engine.EventAuthorized))
	})
	t.Run("attack-A24+attack-C06 two tabs: each page approves what it showed", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		first := f.page(t, "state=first")
		second := f.page(t, "client_id=conf2", "redirect_uri=https://client2.example/cb", "scope=write", "state=second")
		to, q := f.decide(first, "allow").location(t)
		assert.Equal(t, r1, to)
		assert.Equal(t, "first", q.Get("state"))
		assert.Equal(t, "conf", f.store.lastCode(t).ClientID)
		assert.Equal(t, model.Scope("read"), f.store.lastCode(t).Scope)
		to, q = f.decide(second, "allow").location(t)
		assert.Equal(t, "https://client2.example/cb", to)
		assert.Equal(t, "second", q.Get("state"))
		assert.Equal(t, "conf2", f.store.lastCode(t).ClientID)
	})
	t.Run("attack-C08 denied and then approved", func(t *testing.T) {
		t.Parallel()
		// To say no stores nothing, so a user who went back may still say yes.
		f := newFixture(t)
		form := f.page(t)
		f.decide(form, "deny").assertRedirectError(t, r1, "access_denied", "xyz")
		f.decide(form, "allow").code(t)
	})
}

// The store and the policies have their say at approval.
func TestApproveFaults(t *testing.T) {
	t.Parallel()
	down := errors.New("db down at 10.0.0.1")
	checkUser := func(err error) func(*engine.Config) {
		return func(c *engine.Config) { c.CheckUser = func(context.Context, string) error { return err } }
	}
	validateScope := func(scope model.Scope, err error) func(*engine.Config) {
		return func(c *engine.Config) {
			c.ValidateScope = func(context.Context, engine.ScopeRequest) (model.Scope, error) { return scope, err }
		}
	}
	tests := []struct {
		name   string
		verb   string
		err    error
		option func(*engine.Config)
		code   string
	}{
		{"B87 SaveAuthorizationCode fails", "SaveAuthorizationCode", down, nil, "server_error"},
		{"B88 SaveAuthorizationCode denies access", "SaveAuthorizationCode", &engine.Error{Code: "access_denied", Description: "nope"}, nil, "access_denied"},
		{"B89 SaveAuthorizationCode is busy", "SaveAuthorizationCode", &engine.Error{Code: "temporarily_unavailable", Description: "Later.", Status: 503}, nil, "temporarily_unavailable"},
		{"attack-C14 the user is disabled", "", nil, checkUser(model.ErrNoUser), "access_denied"},
		{"attack-C14 nobody can tell about the user", "", nil, checkUser(down), "server_error"},
		{"M31+B66 the policy allows nothing", "", nil, validateScope("", nil), "invalid_scope"},
		{"M31 the policy allows something else", "", nil, validateScope("write", nil), "invalid_scope"},
		{"M31 the policy fails", "", nil, validateScope("read", down), "server_error"},
		{"M31 the policy denies access", "", nil, validateScope("", &engine.Error{Code: "access_denied", Description: "nope"}), "access_denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if tt.option != nil {
				f = newFixture(t, tt.option)
			}
			form := f.page(t)
			if tt.verb != "" {
				f.store.failOn(tt.verb, tt.err)
			}
			a := f.decide(form, "allow")
			a.assertRedirectError(t, r1, tt.code, "xyz")
			assert.NotContains(t, a.Header().Get("Location"), "down")
			assert.Empty(t, f.store.codes)
		})
	}
	t.Run("B39 GetClient fails at approval", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		form := f.page(t)
		f.store.failOn("GetClient", down)
		f.decide(form, "allow").assertError(t, http.StatusInternalServerError, "server_error")
	})
	t.Run("B87 the code was saved and the store says that it failed", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		form := f.page(t)
		f.store.setHook(func(_ context.Context, verb string, do func() error) error {
			if err := do(); verb != "SaveAuthorizationCode" || err != nil {
				return err
			}
			return down
		})
		// Nobody learns the code, and the page cannot issue another.
		f.decide(form, "allow").assertRedirectError(t, r1, "server_error", "xyz")
		f.assertStale(t, f.decide(form, "allow"))
	})
	t.Run("B87 the browser is gone", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		req, err := f.srv.AuthorizeRequest(get(az()))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err = f.srv.Approve(ctx, req, alice(), "read")
		require.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, f.store.codes)
	})
	t.Run("attack-O02 a policy panics at approval", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) {
			c.CheckUser = func(context.Context, string) error { panic("boom") }
		})
		a := f.authorize()
		a.assertError(t, http.StatusInternalServerError, "server_error")
		assert.NotContains(t, a.Body.String(), "boom")
		assert.Empty(t, f.store.codes)
	})
}
