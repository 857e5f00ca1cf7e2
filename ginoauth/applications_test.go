package ginoauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const applications = "/oauth/applications"

var asJSON = http.Header{"Accept": {"application/json"}}

// pair is what the client web got for alice.
type pair struct{ access, refresh string }

func (a *app) pair(over ...string) pair {
	a.t.Helper()
	_, m := a.token(exchange(a.code(over...)))
	require.Contains(a.t, m, "refresh_token")
	return pair{m["access_token"].(string), m["refresh_token"].(string)}
}

// alive tells whether both halves work; the refresh token is spent by asking.
func (a *app) alive(p pair) (access, refresh bool) {
	a.t.Helper()
	res, _ := a.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.refresh}})
	return a.do("GET", "/api/any", nil, bearer(p.access)).StatusCode == http.StatusOK, res.StatusCode == http.StatusOK
}

func (a *app) assertAlive(p pair, want bool) {
	a.t.Helper()
	access, refresh := a.alive(p)
	assert.Equal(a.t, want, access, "access token")
	assert.Equal(a.t, want, refresh, "refresh token")
}

// listed gets the list as JSON.
func (a *app) listed() []ginoauth.Application {
	a.t.Helper()
	res := a.do("GET", applications, nil, asJSON)
	require.Equal(a.t, http.StatusOK, res.StatusCode, res.body)
	assert.Contains(a.t, res.Header.Get("Content-Type"), "application/json")
	assert.Equal(a.t, "no-store", res.Header.Get("Cache-Control"))
	assert.Equal(a.t, "Accept", res.Header.Get("Vary"))
	var page struct{ Applications []ginoauth.Application }
	require.NoError(a.t, json.Unmarshal([]byte(res.body), &page))
	return page.Applications
}

func (a *app) sameOrigin() http.Header { return http.Header{"Origin": {a.server.URL}} }

func TestApplicationsPage(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	a.signIn()
	empty := a.do("GET", applications, nil, nil)
	assert.Contains(t, empty.body, "There are none.")
	assert.NotContains(t, empty.body, "<button")
	assert.Empty(t, a.listed())

	a.pair()
	page := a.do("GET", applications, nil, nil)
	assert.Equal(t, http.StatusOK, page.StatusCode)
	assert.Equal(t, "same-origin", page.Header.Get("Referrer-Policy"))
	assert.Contains(t, page.Header.Get("Content-Security-Policy"), "default-src 'none'")
	assert.Equal(t, "DENY", page.Header.Get("X-Frame-Options"))
	for _, want := range []string{"Web App", "Read your notes", "Allowed", "Last used", "Ends", "Remove <bdi>Web App"} {
		assert.Contains(t, page.body, want)
	}
	assert.NotContains(t, page.body, "Remove this one", "the only one goes with its application")

	a.clock.advance(time.Minute)
	a.pair("scope", "read profile", "prompt", "consent")
	page = a.do("GET", applications, nil, nil)
	assert.Len(t, regexp.MustCompile(`Remove this one`).FindAllString(page.body, -1), 2)
	assert.Contains(t, page.body, "See who you are")
	assert.NotContains(t, page.body, "Remove all")
	to, form := a.consentForm(authorizeQuery("client_id", "spa", "redirect_uri", "https://spa.test/cb"))
	a.decide(to, form, "allow")
	assert.Contains(t, a.do("GET", applications, nil, nil).body, "Remove all")
	a.do("POST", applications, url.Values{"client_id": {"spa"}}, a.sameOrigin())

	list := a.listed()
	require.Len(t, list, 1)
	assert.Equal(t, "Web App", list[0].Name)
	require.Len(t, list[0].Grants, 2)
	assert.Equal(t, []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}, {Name: "profile", Title: "See who you are"}}, list[0].Grants[0].Scopes)
	assert.WithinDuration(t, a.clock.read().Add(90*24*time.Hour), list[0].Grants[0].ExpiresAt, time.Second)

	b := a.other()
	b.signIn("bob")
	assert.Empty(t, b.listed(), "2.1-7.9 each sees what is his")
}

// Revoking ends everything at once, and the application has to ask again.
func TestApplicationsRevoke(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		method string
		form   func(a *app) url.Values
		json   bool
	}{
		"attack-C18+2.1-7.9 one, on the page": {"POST", func(a *app) url.Values { return url.Values{"grant": {a.listed()[0].Grants[0].ID}} }, false},
		"attack-C18 an application":           {"POST", func(*app) url.Values { return url.Values{"client_id": {"web"}} }, false},
		"attack-C18 all":                      {"POST", func(*app) url.Values { return url.Values{"all": {"true"}} }, false},
		"attack-C18 one, by a program":        {"DELETE", func(a *app) url.Values { return url.Values{"grant": {a.listed()[0].Grants[0].ID}} }, true},
		"attack-C18 all, by a program":        {"DELETE", func(*app) url.Values { return url.Values{"all": {"true"}} }, true},
		"attack-C18 a form of a program":      {"POST", func(*app) url.Values { return url.Values{"client_id": {"web"}} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			p := a.pair()
			b := a.other()
			b.signIn("bob")
			to, form := b.consentForm(authorizeQuery())
			code := b.decide(to, form, "allow").location(t).Query().Get("code")

			header := a.sameOrigin()
			if tt.json {
				header["Accept"] = asJSON["Accept"]
			}
			path, body := applications, tt.form(a)
			if tt.method == "DELETE" {
				path, body = applications+"?"+body.Encode(), nil
			}
			res := a.do(tt.method, path, body, header)
			if tt.json {
				assert.Equal(t, http.StatusNoContent, res.StatusCode, res.body)
			} else {
				assert.Equal(t, http.StatusSeeOther, res.StatusCode, res.body)
				assert.Equal(t, applications, res.Header.Get("Location"))
			}
			a.assertAlive(p, false)
			assert.Empty(t, a.listed())
			assert.Equal(t, http.StatusOK, a.authorize(authorizeQuery()).StatusCode, "6749-10.2 asked again")
			_, m := b.token(exchange(code))
			assert.Contains(t, m, "access_token", "of another user nothing ends")
		})
	}
}

// A code that is under way ends too.
func TestApplicationsRevokeCode(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	code := a.code()
	assert.Contains(t, a.do("GET", applications, nil, nil).body, "not yet")
	a.do("POST", applications, url.Values{"client_id": {"web"}}, a.sameOrigin())
	res, m := a.token(exchange(code))
	assert.Equal(t, http.StatusBadRequest, res.StatusCode, "attack-C18")
	assert.Equal(t, "invalid_grant", m["error"])
}

func TestApplicationsRefuse(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	p := a.pair()
	id := a.listed()[0].Grants[0].ID
	evil, own := http.Header{"Origin": {"https://evil.test"}}, a.sameOrigin()
	mallory := a.other()
	mallory.signIn("mallory")
	for _, tt := range []struct {
		name         string
		by           *app
		method, path string
		form         url.Values
		header       http.Header
		status       int
	}{
		{"attack-C16 by GET", a, "GET", applications + "?grant=" + id, nil, nil, 405},
		{"attack-C16 all by GET", a, "GET", applications + "?all=true", nil, asJSON, 405},
		{"attack-C16 from another site", a, "POST", applications, url.Values{"grant": {id}}, evil, 403},
		{"attack-C16 from another site, DELETE", a, "DELETE", applications + "?all=true", nil, evil, 403},
		{"attack-C16 from a frame of no origin", a, "POST", applications, url.Values{"all": {"true"}}, http.Header{"Origin": {"null"}}, 403},
		{"attack-C16 a browser that sends no Origin", a, "POST", applications, url.Values{"all": {"true"}}, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"attack-C16 another user's grant", mallory, "POST", applications, url.Values{"grant": {id}}, own, 404},
		{"attack-C16 another user's grant, DELETE", mallory, "DELETE", applications + "?grant=" + id, nil, own, 404},
		{"attack-C16 another user's client is one's own", mallory, "POST", applications, url.Values{"client_id": {"web"}}, own, 303},
		{"attack-C16 all is one's own", mallory, "POST", applications, url.Values{"all": {"true"}}, own, 303},
		{"no grant id", a, "POST", applications, url.Values{"grant": {"x"}}, own, 404},
		{"nothing", a, "POST", applications, url.Values{}, own, 400},
		{"empty", a, "POST", applications, url.Values{"client_id": {""}}, own, 400},
		{"all, but not true", a, "POST", applications, url.Values{"all": {"false"}}, own, 400},
		{"two things", a, "POST", applications, url.Values{"client_id": {"web"}, "grant": {id}}, own, 400},
		{"two of one", a, "POST", applications, url.Values{"client_id": {"web", "web2"}}, own, 400},
		{"in the query of a form", a, "POST", applications + "?all=true", url.Values{}, own, 400},
		{"nothing to DELETE", a, "DELETE", applications, nil, own, 400},
		{"another method", a, "PUT", applications, url.Values{"all": {"true"}}, own, 405},
	} {
		res := tt.by.do(tt.method, tt.path, tt.form, tt.header)
		assert.Equal(t, tt.status, res.StatusCode, "%s: %s", tt.name, res.body)
		if tt.status == 405 {
			assert.NotEmpty(t, res.Header.Get("Allow"), tt.name)
		}
		if res.StatusCode >= 400 {
			assert.Equal(t, "applications", a.events.last().Endpoint, tt.name)
		}
	}
	a.assertAlive(p, true)
	assert.Len(t, a.listed(), 1)
}

// Nobody is sent to the login and comes back; a program is told.
func TestApplicationsSignIn(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	res := a.do("GET", applications, nil, nil)
	assert.Equal(t, http.StatusSeeOther, res.StatusCode)
	login := res.location(t)
	assert.Equal(t, "/login", login.Path)
	res = a.do("GET", applications, nil, asJSON)
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
	assert.Contains(t, res.body, `"login_required"`)
	res = a.do("POST", applications, url.Values{"all": {"true"}}, a.sameOrigin())
	assert.Equal(t, "/login", res.location(t).Path)

	back := a.do("POST", "/login?"+login.RawQuery, url.Values{}, nil).Header.Get("Location")
	assert.Contains(t, a.do("GET", back, nil, nil).body, "Applications with access")
	assert.Equal(t, http.StatusForbidden, a.other().do("GET", back, nil, nil).StatusCode, "a login that signs nobody in is no loop")
}

// Faults are shown as what the request wants, and say nothing of their cause.
func TestApplicationsFaults(t *testing.T) {
	t.Parallel()
	down := errors.New("the database is on fire")
	a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) {
		c.GrantList = brokenList{c.Model.(*memstore.Store)}
	})
	a.signIn()
	for _, tt := range []struct {
		method string
		header http.Header
		want   string
	}{
		{"GET", nil, "Back to the list"},
		{"GET", asJSON, `"server_error"`},
		{"POST", a.sameOrigin(), "Back to the list"},
	} {
		res := a.do(tt.method, applications, url.Values{"all": {"true"}}, tt.header)
		assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
		assert.Contains(t, res.body, tt.want)
		assert.NotContains(t, res.body, "fire")
	}
	a = newApp(t, func(_ *engine.Config, o *ginoauth.Options) {
		o.AuthenticateHandler = func(*gin.Context) (*model.User, error) { return nil, down }
	})
	res := a.do("GET", applications, nil, asJSON)
	assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
	assert.Contains(t, res.body, `"server_error"`)
	assert.Equal(t, "applications", a.events.last().Endpoint)
	a = newApp(t, nil)
	srv, err := ginoauth.Wrap(a.oauth.Engine(), ginoauth.Options{})
	require.NoError(t, err)
	assert.Panics(t, func() { srv.Applications() })
}

type brokenList struct{ model.GrantModel }

func (brokenList) ListGrants(_ context.Context, _ model.GrantFilter, _ time.Time, _ int) ([]model.GrantInfo, error) {
	return nil, errors.New("the database is on fire")
}
func (brokenList) RevokeGrants(context.Context, model.GrantFilter) (int, error) {
	return 0, errors.New("the database is on fire")
}
