// Package browser is a user of the demo with a real browser: what only a browser does, such as cookies between sites, the
// policies that a page is sent with, frames and the back button, is tried with one.
package browser

import (
	"context"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

func TestMain(m *testing.M) { demo.Main(m) }

// A world is a demo, a browser, and two other sites: a client's and a stranger's.
type world struct {
	chromium context.Context
	demo     *demo.Server
	client   *httptest.Server // on 127.0.0.1, which to a browser is another site than localhost
	stranger *httptest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{chromium: startChromium(t), demo: demo.Start(t, nil)}
	w.client = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte("<!DOCTYPE html><title>Client</title><p>Back at the client."))
	}))
	t.Cleanup(w.client.Close)
	w.stranger = httptest.NewServer(http.HandlerFunc(stranger))
	t.Cleanup(w.stranger.Close)
	return w
}

var (
	// strangeForm sends what it is told to, to where it is told to.
	strangeForm = template.Must(template.New("").Parse(`<!DOCTYPE html><title>Win a prize</title>
<form method="post" action="{{.Get "action"}}">{{range $name, $values := .}}{{if ne $name "action"}}<input type="hidden" name="{{$name}}" value="{{index $values 0}}">{{end}}{{end}}
<button>Win</button></form>`))
	strangeFrame = template.Must(template.New("").Parse(`<!DOCTYPE html><title>Win a prize</title><iframe src="{{.Get "src"}}" width="600" height="600"></iframe>`))
)

func stranger(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	switch r.URL.Path {
	case "/form":
		_ = strangeForm.Execute(w, r.URL.Query())
	case "/frame":
		_ = strangeFrame.Execute(w, r.URL.Query())
	default:
		_, _ = w.Write([]byte("<!DOCTYPE html><title>Stranger</title><p>Anybody may frame this."))
	}
}

// strange is a page of the stranger's.
func (w *world) strange(path string, query url.Values) string {
	return w.stranger.URL + path + "?" + query.Encode()
}

// request is the client's authorization request.
func (w *world) request() string {
	c := oauth2.Config{
		ClientID: "cli", RedirectURL: w.client.URL + "/callback", Scopes: []string{"profile", "read"},
		Endpoint: oauth2.Endpoint{AuthURL: w.demo.URL + "/oauth/authorize"},
	}
	return c.AuthCodeURL("the-state", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
}

// atConsent opens the client's request and signs in.
func (w *world) atConsent(t *testing.T) *tab {
	t.Helper()
	p := newTab(w.chromium, t)
	require.Equal(t, http.StatusOK, p.open(w.request()))
	require.Equal(t, http.StatusOK, p.signIn("wonderland"))
	require.True(t, p.has(allow), p.text())
	return p
}

const (
	allow = "button[name=decision][value=allow]"
	deny  = "button[name=decision][value=deny]"
)

func TestBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, test := range map[string]func(*testing.T, *world){
		"allow":                  testAllow,
		"deny":                   testDeny,
		"wrong password":         testWrongPassword,
		"expired session":        testExpiredSession,
		"back button":            testBackButton,
		"error page":             testErrorPage,
		"foreign consent":        testForeignConsent,
		"foreign login":          testForeignLogin,
		"foreign logout":         testForeignLogout,
		"framing":                testFraming,
		"the demo's own client":  testDemoClient,
		"nothing from elsewhere": testNothingFromElsewhere,
		"device":                 testDevice,
		"link of a device":       testDeviceLink,
		"foreign device":         testForeignDevice,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

// assertAnswered checks that the browser is back at the client and returns what it brought.
func assertAnswered(t *testing.T, w *world, p *tab) url.Values {
	t.Helper()
	u := p.url()
	require.Equal(t, w.client.URL+"/callback", u.Scheme+"://"+u.Host+u.Path, p.text())
	assert.Equal(t, "the-state", u.Query().Get("state"))
	assert.Equal(t, w.demo.URL, u.Query().Get("iss"))
	return u.Query()
}

// testAllow is also the test that no form-action is in the way: Chromium holds the redirects that follow a form to it, too.
func testAllow(t *testing.T, w *world) {
	p := newTab(w.chromium, t)
	p.open(w.request())
	require.Equal(t, "/login", p.url().Path)
	p.photograph("login")
	p.signIn("wonderland")
	text := p.text()
	for _, part := range []string{"Terminal", "Alice", "Read your notes", "127.0.0.1"} {
		assert.Contains(t, text, part)
	}
	p.photograph("consent")
	require.Equal(t, http.StatusOK, p.click(allow))
	assert.NotEmpty(t, assertAnswered(t, w, p).Get("code"))
	_, _, console := p.seen()
	assert.Empty(t, console, "a policy is in the way of the pages")
}

func testDeny(t *testing.T, w *world) {
	p := w.atConsent(t)
	p.click(deny)
	q := assertAnswered(t, w, p)
	assert.Equal(t, "access_denied", q.Get("error"))
	assert.Empty(t, q.Get("code"))
}

func testWrongPassword(t *testing.T, w *world) {
	p := newTab(w.chromium, t)
	p.open(w.request())
	p.signIn("looking-glass")
	require.True(t, p.has("input[name=password]"), p.text())
	assert.True(t, p.has("[role=alert]"))
	p.photograph("login-failed")
	p.signIn("wonderland")
	p.click(allow)
	assert.NotEmpty(t, assertAnswered(t, w, p).Get("code"), "the request survives a wrong password")
}

// testExpiredSession lets the session end while the consent page is open.
func testExpiredSession(t *testing.T, w *world) {
	p := w.atConsent(t)
	_, err := chromedp.Call(p.ctx, network.ClearBrowserCookies, cdp.Empty{})
	require.NoError(t, err)
	p.click(allow)
	require.Equal(t, w.demo.URL, "http://"+p.url().Host, "nobody is signed in, so nothing is allowed")
	p.photograph("expired")
	if p.url().Path != "/login" {
		p.click("a.button")
	}
	p.signIn("wonderland")
	p.click(allow)
	assert.NotEmpty(t, assertAnswered(t, w, p).Get("code"))
}

// testBackButton goes back after the decision and decides again: a page is approved once.
func testBackButton(t *testing.T, w *world) {
	p := w.atConsent(t)
	page := p.url().String()
	const field = "input[type=hidden]"
	value := p.attribute(field, "value")
	p.click(allow)
	first := assertAnswered(t, w, p).Get("code")

	// A page sent with no-store is fetched anew, and is then another page. The one that was approved is brought back by hand.
	require.Equal(t, http.StatusOK, p.open(page))
	require.NoError(t, chromedp.Do(p.ctx, chromedp.SetAttributeValue(chromedp.CSS(field), "value", value)))
	assert.Equal(t, http.StatusBadRequest, p.click(allow))
	require.Equal(t, w.demo.URL, "http://"+p.url().Host)
	p.photograph("approved-twice")
	p.click("a.button")
	p.click(allow)
	second := assertAnswered(t, w, p).Get("code")
	assert.NotEmpty(t, second)
	assert.NotEqual(t, first, second)
}

func testErrorPage(t *testing.T, w *world) {
	p := newTab(w.chromium, t)
	assert.Equal(t, http.StatusBadRequest, p.open(strings.Replace(w.request(), "%2Fcallback", "%2Felsewhere", 1)))
	assert.Equal(t, "/oauth/authorize", p.url().Path)
	p.photograph("error")
}

// testForeignConsent lets another site send the very form that the user has before them.
func testForeignConsent(t *testing.T, w *world) {
	p := w.atConsent(t)
	form := url.Values{
		"action":   {p.url().String()},
		"decision": {"allow"},
		p.attribute("input[type=hidden]", "name"): {p.attribute("input[type=hidden]", "value")},
	}
	p.open(w.strange("/form", form))
	assert.Equal(t, http.StatusForbidden, p.click("button"))
	assert.Equal(t, w.demo.URL, "http://"+p.url().Host)
	p.photograph("foreign-consent")
}

// testForeignLogin lets another site sign the user in as somebody else.
func testForeignLogin(t *testing.T, w *world) {
	p := newTab(w.chromium, t)
	p.open(w.strange("/form", url.Values{"action": {w.demo.URL + "/login"}, "username": {"alice"}, "password": {"wonderland"}}))
	assert.Equal(t, http.StatusForbidden, p.click("button"))
	p.photograph("foreign-login")
	p.open(w.request())
	assert.Equal(t, "/login", p.url().Path, "nobody is signed in")
}

func testForeignLogout(t *testing.T, w *world) {
	p := w.atConsent(t)
	p.open(w.strange("/form", url.Values{"action": {w.demo.URL + "/logout"}}))
	assert.Equal(t, http.StatusForbidden, p.click("button"))
	p.open(w.request())
	assert.True(t, p.has(allow), "alice is still signed in")
}

func testFraming(t *testing.T, w *world) {
	for _, target := range []string{w.request(), w.demo.URL + "/login", w.demo.URL + "/logout"} {
		p := w.atConsent(t)
		_, before, _ := p.seen()
		p.open(w.strange("/frame", url.Values{"src": {target}}))
		_, after, _ := p.seen()
		assert.Greater(t, len(after), len(before), "%s is in a frame", target)
	}
	p := w.atConsent(t)
	_, before, _ := p.seen()
	p.open(w.strange("/frame", url.Values{"src": {w.stranger.URL + "/"}}))
	_, after, _ := p.seen()
	assert.Equal(t, before, after, "what may be in a frame is")
}

// testNothingFromElsewhere walks over all pages: they load nothing from another host, and no policy is in their way.
func testNothingFromElsewhere(t *testing.T, w *world) {
	p := w.atConsent(t)
	for name, path := range map[string]string{"home": "/", "sign-in-again": "/login", "sign-out": "/logout", "client-0": "/client"} {
		assert.Equal(t, http.StatusOK, p.open(w.demo.URL+path), path)
		p.photograph(name)
	}
	requests, _, console := p.seen()
	for _, r := range requests {
		assert.True(t, strings.HasPrefix(r, w.demo.URL+"/") || strings.HasPrefix(r, "data:"), r)
	}
	assert.Empty(t, console)
}

func testDemoClient(t *testing.T, w *world) {
	p := newTab(w.chromium, t)
	require.Equal(t, http.StatusOK, p.open(w.demo.URL+"/client"))
	p.click("form[action='/client/start'] button")
	p.photograph("client-1-asking")
	p.click("a[href*='/oauth/authorize?']")
	p.signIn("wonderland")
	p.click(allow)
	require.Equal(t, w.demo.URL, "http://"+p.url().Host)
	p.photograph("client-2-connected")
	p.click("button[name=call][value=notes]")
	p.click("button[name=call][value=me]")
	p.click("button[name=call][value=add]")
	assert.Contains(t, p.text(), "Eat me")
	p.click("form[action='/client/refresh'] button")
	p.click("button[name=what][value=refresh]")
	p.photograph("client-3-used")
	p.click("button[name=what][value=code]")
	p.photograph("client-4-revoked")
	p.click("button[name=call][value=notes]")
	assert.Contains(t, p.text(), "invalid_token")
	p.click(".foot form[action='/client/sign-out'] button")
	_, _, console := p.seen()
	assert.Empty(t, console)
}
