package ginoauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestConsentDecision(t *testing.T) {
	t.Parallel()

	t.Run("attack-C08+adapter-Z8 denied", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		to, form := a.consentForm(authorizeQuery())
		res := a.decide(to, form, "deny")
		assert.Equal(t, http.StatusSeeOther, res.StatusCode)
		assert.True(t, strings.HasPrefix(res.Header.Get("Location"), callback+"?error=access_denied&"))
		q := res.location(t).Query()
		assert.Equal(t, []string{"xyz"}, q["state"])
		assert.Equal(t, []string{a.server.URL}, q["iss"])
		assert.False(t, q.Has("code"))
		assert.Zero(t, a.events.count(engine.EventAuthorized))
		assert.Equal(t, 1, a.events.count(engine.EventDenied))
		// Nothing is remembered of it: the next request asks again.
		assert.Equal(t, http.StatusOK, a.authorize(authorizeQuery()).StatusCode)
	})

	t.Run("8707-2 the page names what the access is for", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.Resources = []string{"https://notes.test/api"} })
		a.signIn()
		q := authorizeQuery()
		assert.NotContains(t, a.authorize(q).body, "For <code>")
		q.Set("resource", "https://notes.test/api")
		assert.Contains(t, a.authorize(q).body, "For <code>https://notes.test/api</code>")
	})

	// Anything but an explicit yes is a no.
	for name, decision := range map[string][]string{
		"attack-C08 no button":     nil,
		"attack-C08 empty":         {""},
		"attack-C08 other word":    {"Allow"},
		"attack-C08 both buttons":  {"allow", "deny"},
		"attack-C08 twice allowed": {"allow", "allow"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			a.signIn()
			to, form := a.consentForm(authorizeQuery())
			form["decision"] = decision
			res := a.do("POST", to, form, http.Header{"Origin": {a.server.URL}})
			assert.Equal(t, "access_denied", res.location(t).Query().Get("error"))
			assert.Zero(t, a.events.count(engine.EventAuthorized))
		})
	}
}

// Only a page of this origin can decide.
func TestConsentIsSameOrigin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"attack-C04 Origin of another site", http.Header{"Origin": {"https://evil.test"}}, 403},
		{"attack-C04 Origin null", http.Header{"Origin": {"null"}}, 403},
		{"attack-C04 Origin with another port", http.Header{"Origin": {"http://localhost:1"}}, 403},
		{"attack-C04 Sec-Fetch-Site cross-site", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"attack-C04 Sec-Fetch-Site same-site", http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		{"attack-C04 cross-site, with an Origin that lies", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.test"}}, 403},
		{"attack-C04 Sec-Fetch-Site same-origin", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 303},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			a.signIn()
			to, form := a.consentForm(authorizeQuery())
			form.Set("decision", "allow")
			res := a.do("POST", to, form, tt.header)
			assert.Equal(t, tt.status, res.StatusCode)
			if tt.status == http.StatusForbidden {
				assert.Empty(t, res.Header.Get("Location"))
				assert.Zero(t, a.events.count(engine.EventAuthorized))
				assert.Contains(t, res.body, "This form came from another site.")
			}
		})
	}

	t.Run("attack-C04 the public origin counts behind a proxy that rewrites Host", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.Issuer = "https://auth.test" })
		a.signIn()
		to, form := a.consentForm(authorizeQuery())
		form.Set("decision", "allow")
		res := a.do("POST", to, form, http.Header{"Origin": {"https://auth.test"}})
		assert.Equal(t, http.StatusSeeOther, res.StatusCode)
	})
}

// A form is good for the page it was made for: that user, that request, once,
// for ten minutes.
func TestConsentFormIsBound(t *testing.T) {
	t.Parallel()
	stale := func(t *testing.T, res answer) {
		t.Helper()
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.Empty(t, res.Header.Get("Location"))
		assert.Contains(t, res.body, "This page has expired or was answered before.")
		assert.NotContains(t, res.body, "Nothing was shared")
		// The way on is the same request afresh.
		assert.Contains(t, res.body, `href="?response_type=code&amp;client_id=web&amp;`)
		assert.Contains(t, res.body, "Start again")
	}

	t.Run("attack-C06 answered twice", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		to, form := a.consentForm(authorizeQuery())
		require.True(t, a.decide(to, form, "allow").location(t).Query().Has("code"))
		stale(t, a.decide(to, form, "allow"))
		assert.Equal(t, 1, a.events.count(engine.EventAuthorized))
	})

	t.Run("attack-C06 answered after ten minutes", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		to, form := a.consentForm(authorizeQuery())
		a.clock.advance(10 * time.Minute)
		stale(t, a.decide(to, form, "allow"))
	})

	t.Run("attack-C06 altered or invented", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		to, form := a.consentForm(authorizeQuery())
		good := form.Get("consent_request")
		for _, bad := range []string{"", "x", "%%%", good[1:], good[:len(good)-2], "A" + good[1:len(good)-4] + "AAAA"} {
			stale(t, a.decide(to, url.Values{"consent_request": {bad}}, "allow"))
		}
		// A form that says nothing of where it came from leads nowhere.
		res := a.decide("/oauth/authorize?client_id=nobody", url.Values{"consent_request": {"x"}}, "allow")
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.NotContains(t, res.body, "Start again")
		assert.Zero(t, a.events.count(engine.EventAuthorized))
	})

	t.Run("attack-A24 two tabs: each form approves what its page showed", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		to1, form1 := a.consentForm(authorizeQuery("state", "one"))
		to2, form2 := a.consentForm(authorizeQuery("client_id", "web2", "redirect_uri", "https://web2.test/cb", "state", "two"))
		got := a.decide(to1, form1, "allow").location(t)
		assert.Equal(t, "web.test", got.Host)
		assert.Equal(t, "one", got.Query().Get("state"))
		got = a.decide(to2, form2, "allow").location(t)
		assert.Equal(t, "web2.test", got.Host)
		assert.Equal(t, "two", got.Query().Get("state"))
	})

	t.Run("attack-A24 the URL of another request changes nothing", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		_, form1 := a.consentForm(authorizeQuery("state", "one"))
		to2, _ := a.consentForm(authorizeQuery("client_id", "web2", "redirect_uri", "https://web2.test/cb", "scope", "write"))
		got := a.decide(to2, form1, "allow").location(t)
		assert.Equal(t, "web.test", got.Host)
		assert.Equal(t, "one", got.Query().Get("state"))
	})

	t.Run("attack-C14 another user signed in meanwhile", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		to, form := a.consentForm(authorizeQuery())
		a.signIn("mallory")
		stale(t, a.decide(to, form, "allow"))
		b := a.other()
		b.signIn("mallory")
		stale(t, b.decide(to, form, "allow"))
	})

	t.Run("attack-C14 signed out: to the login, and back to the same request", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		to, form := a.consentForm(authorizeQuery())
		a.do("POST", "/logout", url.Values{}, nil)
		res := a.decide(to, form, "allow")
		require.Equal(t, http.StatusSeeOther, res.StatusCode)
		require.Equal(t, "/login", res.location(t).Path)
		res = a.do("POST", "/login", url.Values{"return_to": {res.location(t).Query().Get("return_to")}}, nil)
		back := res.location(t).Query()
		back.Del("login_returned")
		assert.Equal(t, authorizeQuery(), back)
		assert.Zero(t, a.events.count(engine.EventAuthorized))

		a.do("POST", "/logout", url.Values{}, nil)
		res = a.decide("/oauth/authorize", form, "allow")
		assert.Equal(t, "/login", res.Header.Get("Location"), "without a request in the URL there is no way back")
	})

	t.Run("attack-C14 disabled meanwhile", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) {
			c.CheckUser = func(_ context.Context, id string) error {
				if id == "mallory" {
					return model.ErrNoUser
				}
				return nil
			}
		})
		a.signIn("mallory")
		to, form := a.consentForm(authorizeQuery())
		res := a.decide(to, form, "allow")
		assert.Equal(t, "access_denied", res.location(t).Query().Get("error"))
		assert.Zero(t, a.events.count(engine.EventAuthorized))
	})

	t.Run("attack-C14 the client is removed meanwhile", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		to, form := a.consentForm(authorizeQuery())
		a.store.RemoveClient("web")
		res := a.decide(to, form, "allow")
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.Empty(t, res.Header.Get("Location"))
		assert.NotContains(t, res.body, "Start again", "there is nothing to start")
	})
}

// A double click, sixty-four times over.
func TestConsentInParallel(t *testing.T) {
	t.Parallel()
	t.Run("attack-C06+attack-O08 64 approvals of one page are one code", func(t *testing.T) {
		t.Parallel()
		const n = 64
		a := newApp(t, nil)
		a.signIn()
		to, form := a.consentForm(authorizeQuery())
		answers := make([]answer, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { answers[i] = a.decide(to, form, "allow") })
		}
		wg.Wait()
		codes := 0
		for _, res := range answers {
			if res.Header.Get("Location") == "" {
				assert.Equal(t, http.StatusBadRequest, res.StatusCode)
				continue
			}
			codes++
			tok, _ := a.token(exchange(res.location(t).Query().Get("code")))
			assert.Equal(t, http.StatusOK, tok.StatusCode)
		}
		assert.Equal(t, 1, codes)
		assert.Equal(t, 1, a.events.count(engine.EventAuthorized))
	})
}

// A store that fails while a code is saved: the client is told, in fixed words.
func TestConsentSaveFails(t *testing.T) {
	t.Parallel()
	t.Run("adapter-Z11 the save fails", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) {
			c.Model = faulty{c.Model, func(verb string) error {
				if verb == "SaveAuthorizationCode" {
					return errors.New("marker-77ab")
				}
				return nil
			}}
		})
		a.signIn()
		to, form := a.consentForm(authorizeQuery())
		res := a.decide(to, form, "allow")
		q := res.location(t).Query()
		assert.Equal(t, "server_error", q.Get("error"))
		assert.Equal(t, "xyz", q.Get("state"))
		assert.NotContains(t, res.Header.Get("Location")+res.body, "marker-77ab")
	})
}

// Nothing of a pending request is kept in the session, which may be a cookie.
func TestConsentLeavesTheSessionAlone(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	a.signIn()
	assert.Empty(t, a.authorize(authorizeQuery()).Header.Values("Set-Cookie"))
	to, form := a.consentForm(authorizeQuery())
	assert.Empty(t, a.decide(to, form, "allow").Header.Values("Set-Cookie"))
}
