package browser

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// connect takes the demo's own client through the request, and allows it where the server asks.
func (p *tab) connect(w *world, scopes ...string) (asked bool) {
	p.t.Helper()
	p.open(w.demo.URL + "/client")
	if p.has(".foot form[action='/client/sign-out'] button") {
		p.click(".foot form[action='/client/sign-out'] button")
	}
	for _, scope := range []string{"profile", "read", "write"} {
		if box := query("input[name=scope][value=" + scope + "]"); !slices.Contains(scopes, scope) {
			require.NoError(p.t, chromedp.Do(p.ctx, chromedp.Evaluate[chromedp.Void](box+".checked = false")), scope)
		}
	}
	p.click("form[action='/client/start'] button")
	p.click("a[href*='/oauth/authorize?']")
	if p.url().Path == "/login" {
		p.signIn("wonderland")
	}
	if asked = p.has(allow); asked {
		p.photograph("consent-" + scopes[len(scopes)-1])
		p.click(allow)
	}
	require.Equal(p.t, "/client", p.url().Path, p.text())
	return asked
}

// TestApplications takes access back in a real browser: for itself, and at another site's wish.
func TestApplications(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newTab(w.chromium, t)
	assert.True(t, p.connect(w, "read"))
	assert.False(t, p.connect(w, "read"), "a yes is remembered")
	assert.True(t, p.connect(w, "read", "write"), "a wider request is asked")

	require.Equal(t, http.StatusOK, p.click("nav a[href='/oauth/applications']"))
	p.photograph("applications")
	for _, part := range []string{"Applications with access", "Demo client", "Read your notes", "Add notes for you", "Last used"} {
		assert.Contains(t, p.text(), part)
	}

	_, _, console := p.seen()
	assert.Empty(t, console, "a policy is in the way of the pages")

	p.open(w.strange("/form", url.Values{"action": {w.demo.URL + "/oauth/applications"}, "all": {"true"}}))
	assert.Equal(t, http.StatusForbidden, p.click("button"))
	p.photograph("foreign-applications")

	p.open(w.demo.URL + "/oauth/applications")
	require.True(t, p.has("button[name=client_id][value=demo]"), "nothing was taken back")
	require.Equal(t, http.StatusOK, p.click("button[name=client_id][value=demo]"))
	assert.Equal(t, "/oauth/applications", p.url().Path)
	assert.Contains(t, p.text(), "There are none.")
	p.photograph("applications-none")

	require.Equal(t, http.StatusOK, p.click("a[href='/']"))
	p.open(w.demo.URL + "/client")
	p.click("button[name=call][value=notes]")
	assert.Contains(t, p.text(), "invalid_token", "the access token ended at once")
	assert.True(t, p.connect(w, "read"), "and the client has to ask again")
}
