package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	apiV1 = "https://api.test/v1"
	apiV2 = "https://api.test/v2"
)

// consentFixture has clients of each kind, and resources.
func consentFixture(t *testing.T, options ...func(*engine.Config)) *fixture {
	t.Helper()
	f := newFixture(t, append([]func(*engine.Config){func(c *engine.Config) { c.Resources = []string{apiV1, apiV2} }}, options...)...)
	require.NoError(t, f.store.AddClient(model.Client{ID: "mixed", Public: true, RedirectURIs: []string{rp, "http://127.0.0.1/cb"}, Scope: "read write"}))
	require.NoError(t, f.store.AddClient(model.Client{ID: "own", Secrets: model.HashSecrets("s3cret"), SkipConsent: true, RedirectURIs: []string{r1}, Scope: "read write"}))
	return f
}

// remembered asks the engine about AZ with edits, as alice.
func (f *fixture) remembered(t *testing.T, edits ...string) (bool, model.Scope) {
	t.Helper()
	req, err := f.srv.AuthorizeRequest(get(az(edits...)))
	require.NoError(t, err)
	return f.srv.Remembered(t.Context(), req, f.user)
}

func TestRemembered(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		approved, asked []string
		after           time.Duration
		all             bool
		before          model.Scope
	}{
		{"6749-10.2+attack-C10+2.1-7.3 a confidential client is not asked the same again", nil, nil, 0, true, "read"},
		{"attack-C10 nor for less", []string{"scope=read write"}, []string{"scope=write"}, 0, true, "write"},
		{"attack-C10 a wider scope is asked, and what is new is told", nil, []string{"scope=read write"}, 0, false, "read"},
		{"attack-C10 another scope is asked", nil, []string{"scope=write"}, 0, false, ""},
		{"attack-C10 another redirect URI of the client is the same client", nil, []string{"redirect_uri=" + r2}, 0, true, "read"},
		{"6749-10.2 another client is asked", nil, []string{"client_id=conf2", "redirect_uri=https://client2.example/cb"}, 0, false, ""},
		{"8707-2 another resource is asked", []string{"resource=" + apiV1}, []string{"resource=" + apiV2}, 0, false, ""},
		{"8707-2 a resource is not the server's own", []string{"resource=" + apiV1}, nil, 0, false, ""},
		{"8707-2 one of two resources is asked", []string{"resource=" + apiV1}, []string{"resource=" + apiV1, "+resource=" + apiV2}, 0, false, ""},
		{"8707-2 each of two resources was allowed", []string{"resource=" + apiV1, "+resource=" + apiV2}, []string{"resource=" + apiV2}, 0, true, "read"},
		{"2.1-7.3 prompt=consent asks in any case", nil, []string{"prompt=consent"}, 0, false, "read"},
		{"2.1-7.3 among other values too", nil, []string{"prompt=login consent"}, 0, false, "read"},
		{"2.1-7.3 another prompt means nothing", nil, []string{"prompt=login"}, 0, true, "read"},
		{"2.1-7.3 a consent lasts", nil, nil, 90*24*time.Hour - time.Millisecond, true, "read"},
		{"2.1-7.3 and ends", nil, nil, 90 * 24 * time.Hour, false, ""},
		{"6749-10.2+2.1-7.3 a public client with https redirect URIs only is not asked again", pub(), pub(), 0, true, "read"},
		{"6749-10.2+2.1-7.3 a public client with another redirect URI is", pub("client_id=mixed"), pub("client_id=mixed"), 0, false, ""},
		{"6749-10.2+2.1-7.3 a native client is", pub("client_id=native", "redirect_uri=http://127.0.0.1:5000/cb"), pub("client_id=native", "redirect_uri=http://127.0.0.1:5000/cb"), 0, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := consentFixture(t)
			all, before := f.remembered(t, tt.approved...)
			require.False(t, all)
			require.Empty(t, before)
			f.code(t, tt.approved...)
			f.clock.Advance(tt.after)
			all, before = f.remembered(t, tt.asked...)
			assert.Equal(t, tt.all, all)
			assert.Equal(t, tt.before, before)
			f.user.ID = "bob"
			all, before = f.remembered(t, tt.approved...)
			assert.False(t, all, "of another user nothing is remembered")
			assert.Empty(t, before)
		})
	}
}

func TestConsentIsAdded(t *testing.T) {
	t.Parallel()
	f := consentFixture(t)
	f.code(t, "scope=read")
	f.clock.Advance(60 * 24 * time.Hour)
	f.code(t, "scope=write")
	all, before := f.remembered(t, "scope=write read")
	assert.True(t, all, "two pages, one consent")
	assert.Equal(t, model.Scope("write read"), before)
	f.clock.Advance(60 * 24 * time.Hour)
	all, _ = f.remembered(t, "scope=write read")
	assert.True(t, all, "the later page renews it")
}

func TestWhatIsNotRemembered(t *testing.T) {
	t.Parallel()
	approve := func(t *testing.T, f *fixture, req *engine.AuthorizeRequest) {
		t.Helper()
		_, err := f.srv.Approve(t.Context(), req, f.user, req.Scope)
		require.NoError(t, err)
	}
	for name, tt := range map[string]struct {
		do    func(t *testing.T, f *fixture)
		edits []string
		cfg   func(*engine.Config)
	}{
		"2.1-7.3 a denial": {do: func(t *testing.T, f *fixture) { f.decide(f.page(t), "deny") }},
		"2.1-7.3 an approval without a page": {do: func(t *testing.T, f *fixture) {
			req, err := f.srv.AuthorizeRequest(get(az()))
			require.NoError(t, err)
			approve(t, f, req)
		}},
		"2.1-7.3 a first-party client": {do: func(t *testing.T, f *fixture) { f.code(t, "client_id=own", withS256, s256) }, edits: []string{"client_id=own", withS256, s256}},
		"2.1-7.3 what was asked and not approved": {do: func(t *testing.T, f *fixture) {
			f.decide(f.page(t, "scope=read write"), "allow", "scope=read").code(t)
		}, edits: []string{"scope=write"}},
		"2.1-7.3 an approval that failed": {do: func(_ *testing.T, f *fixture) {
			f.store.failOn("SaveAuthorizationCode", errors.New("disk full"))
			f.authorize()
			f.store.setHook(nil)
		}},
		"2.1-7.3 with a negative ConsentLifetime": {do: func(t *testing.T, f *fixture) { f.code(t) }, cfg: func(c *engine.Config) { c.ConsentLifetime = -1 }},
		"2.1-7.3 with a store that has no place for it": {do: func(t *testing.T, f *fixture) { f.code(t) }, cfg: func(c *engine.Config) {
			c.Model = struct{ model.Model }{c.Model}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var options []func(*engine.Config)
			if tt.cfg != nil {
				options = append(options, tt.cfg)
			}
			f := consentFixture(t, options...)
			tt.do(t, f)
			all, before := f.remembered(t, tt.edits...)
			assert.False(t, all)
			assert.Empty(t, before)
		})
	}
}

// A page that was answered before adds nothing when it is sent again.
func TestStalePageIsNotRemembered(t *testing.T) {
	t.Parallel()
	f := consentFixture(t)
	form := f.page(t)
	f.decide(form, "allow").code(t)
	_, err := f.srv.RevokeApplication(t.Context(), "alice", "conf")
	require.NoError(t, err)
	f.decide(form, "allow").assertError(t, 400, "invalid_request")
	all, _ := f.remembered(t)
	assert.False(t, all)
}

// The store of consents may fail: the user is asked, and gets what was approved.
func TestConsentStoreFails(t *testing.T) {
	t.Parallel()
	f := consentFixture(t, func(c *engine.Config) { c.Consents = brokenConsents{} })
	f.code(t)
	all, before := f.remembered(t)
	assert.False(t, all)
	assert.Empty(t, before)
	assert.Equal(t, 2+1, f.countEvents(engine.EventFault)+f.countEvents(engine.EventAuthorized))
	assert.NotContains(t, f.logs.String(), "consent_remembered")
}

type brokenConsents struct{ model.ConsentModel }

var errBroken = errors.New("consents are broken")

func (brokenConsents) ListConsents(context.Context, string, string) ([]model.Consent, error) {
	return nil, errBroken
}
func (brokenConsents) AddConsent(context.Context, *model.Consent) error { return errBroken }
func (brokenConsents) DeleteConsents(context.Context, model.GrantFilter) error {
	return errBroken
}

func TestConsentEvents(t *testing.T) {
	t.Parallel()
	f := consentFixture(t)
	f.code(t)
	require.Equal(t, 1, f.countEvents(engine.EventConsentRemembered))
	req, err := f.srv.AuthorizeRequest(get(az()))
	require.NoError(t, err)
	all, _ := f.srv.Remembered(t.Context(), req, f.user)
	require.True(t, all)
	_, err = f.srv.Approve(t.Context(), req, f.user, req.Scope)
	require.NoError(t, err)
	ev := f.lastEvent(t)
	assert.Equal(t, engine.EventAuthorized, ev.Type)
	assert.Equal(t, "consent_remembered", ev.Reason, "nobody was asked, and the log says why")
	assert.Equal(t, 1, f.countEvents(engine.EventConsentRemembered), "a remembered consent is not renewed by being used")
}

// Access that is taken back while a request passes by without a page stays so.
func TestConsentTakenBackMeanwhile(t *testing.T) {
	t.Parallel()
	f := consentFixture(t)
	f.authorize()
	req, err := f.srv.AuthorizeRequest(get(az()))
	require.NoError(t, err)
	all, _ := f.srv.Remembered(t.Context(), req, alice())
	require.True(t, all)
	_, err = f.srv.RevokeApplications(t.Context(), "alice")
	require.NoError(t, err)
	_, err = f.srv.Approve(t.Context(), req, alice(), req.Scope)
	require.Equal(t, engine.ReasonStalePage, engine.AsError(err).Reason)
	grants, err := f.srv.ListGrants(t.Context(), model.GrantFilter{UserID: "alice"}, 0)
	require.NoError(t, err)
	assert.Empty(t, grants)
}
