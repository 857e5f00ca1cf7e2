package main

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// begin makes the demo client's request and returns the authorize URL.
func (b *browser) begin(t *testing.T, scopes ...string) string {
	t.Helper()
	form := url.Values{"scope": scopes}
	require.Equal(t, "/client#step-1", b.sent(b.do(http.MethodPost, "/client/start", form)))
	page := b.get("/client")
	b.sees(page, http.StatusOK, "Go to the server", "code_challenge")
	_, after, ok := strings.Cut(page.body, `<a class="button primary" href="`)
	require.True(t, ok)
	link, _, _ := strings.Cut(after, `"`)
	return htmlText(link)
}

// decide goes through login, if there is one, and consent. It returns the address
// that the server sends the browser to.
func (b *browser) decide(t *testing.T, authorize, decision string) string {
	t.Helper()
	r := b.get(authorize)
	if r.StatusCode != http.StatusOK {
		login := b.sent(r)
		require.Contains(t, login, "/login?return_to=")
		page := b.get(login)
		b.sees(page, http.StatusOK, "An application asks")
		wrong := b.post("/login", "username", "alice", "password", "no", "return_to", hiddenInput(t, page.body, "return_to"))
		b.sees(wrong, http.StatusForbidden)
		authorize = b.sent(b.post("/login", "username", "alice", "password", "wonderland", "return_to", hiddenInput(t, wrong.body, "return_to")))
		r = b.get(authorize)
	}
	require.Equal(t, http.StatusOK, r.StatusCode, r.body)
	assert.Contains(t, r.body, "Demo client")
	return b.sent(b.post(authorize, "consent_request", hiddenInput(t, r.body, "consent_request"), "decision", decision))
}

// walkTo goes through the whole flow up to the tokens.
func (b *browser) walkTo(t *testing.T, scopes ...string) {
	t.Helper()
	back := b.decide(t, b.begin(t, scopes...), "allow")
	require.True(t, strings.HasPrefix(back, b.base+callbackPath+"?code="), back)
	require.Equal(t, "/client#step-3", b.sent(b.get(back)))
}

func TestWalkThrough(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	b.sees(b.get("/client"), http.StatusOK, "Make the request")
	b.walkTo(t, "profile", "read", "write")
	page := b.get("/client")
	b.sees(page, http.StatusOK, "POST /oauth/token HTTP/1.1", "Authorization: Basic "+hidden, "code_verifier", "&#34;token_type&#34;: &#34;Bearer&#34;", "profile read write")

	for call, want := range map[string]string{"me": "&#34;user_id&#34;: &#34;alice&#34;", "notes": "Follow the white rabbit"} {
		assert.Equal(t, "/client#step-4", b.sent(b.post("/client/call", "call", call)))
		b.sees(b.get("/client"), http.StatusOK, want)
	}
	b.sent(b.post("/client/call", "call", "add", "text", "Drink <me>"))
	b.sees(b.get("/client"), http.StatusOK, "201 Created", `Drink \u003cme\u003e`)

	b.sent(b.post("/client/replay", "what", "refresh")) // nothing to repeat yet
	assert.Equal(t, "/client#step-5", b.sent(b.post("/client/refresh")))
	b.sees(b.get("/client"), http.StatusOK, "Both tokens are new")
	assert.Equal(t, "/client#step-6", b.sent(b.post("/client/replay", "what", "refresh")))
	b.sees(b.get("/client"), http.StatusOK, "The same two tokens once more")
	b.sent(b.post("/client/call", "call", "me"))
	assert.NotContains(t, b.get("/client").body, "401 Unauthorized")

	b.sent(b.post("/client/replay", "what", "code"))
	b.sees(b.get("/client"), http.StatusOK, "the whole grant is revoked")
	b.sent(b.post("/client/call", "call", "me"))
	b.sees(b.get("/client"), http.StatusOK, "401 Unauthorized")
	b.sent(b.post("/client/refresh"))
	b.sees(b.get("/client"), http.StatusOK, "is not taken any more")

	assert.Equal(t, "/client", b.sent(b.post("/client/sign-out")))
	b.sees(b.get("/client"), http.StatusOK, "given its tokens back", "POST /oauth/revoke HTTP/1.1", "Make the request")
	b.sent(b.post("/client/sign-out"))
	b.sees(b.get("/client"), http.StatusOK, "forgotten everything")
}

func TestSignOutEndsTheGrant(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	b.walkTo(t, "read")
	b.sent(b.post("/client/call", "call", "notes"))
	_, after, ok := strings.Cut(b.get("/client").body, "Authorization: Bearer ")
	require.True(t, ok)
	token, _, _ := strings.Cut(after, "\n")
	token, _, _ = strings.Cut(token, "<")
	require.Equal(t, http.StatusOK, b.api(http.MethodGet, "/api/notes", token, "", "").StatusCode)
	b.sent(b.post("/client/sign-out"))
	assert.Equal(t, http.StatusUnauthorized, b.api(http.MethodGet, "/api/notes", token, "", "").StatusCode)
}

func TestWalkThroughReplayWithoutGrace(t *testing.T) {
	t.Parallel()
	b := startDemo(t, func(c *config) { c.refreshTokenGrace = 0 })
	b.walkTo(t, "read")
	b.sent(b.post("/client/refresh"))
	b.sent(b.post("/client/replay", "what", "refresh"))
	b.sees(b.get("/client"), http.StatusOK, "the whole grant is revoked")
}

func TestWalkThroughNarrowScope(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	b.walkTo(t, "read")
	b.sent(b.post("/client/call", "call", "me"))
	b.sees(b.get("/client"), http.StatusOK, "403 Forbidden", "insufficient_scope")
}

func TestWalkThroughDenied(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	back := b.decide(t, b.begin(t, "read"), "deny")
	assert.Equal(t, "/client#step-2", b.sent(b.get(back)))
	b.sees(b.get("/client"), http.StatusOK, "access_denied", "Start over")
	assert.Equal(t, "/client", b.sent(b.post("/client/call", "call", "me"))) // no tokens, no call
}

func TestStrayAnswers(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	b.sees(b.get(callbackPath+"?code=x&state=y"), http.StatusBadRequest, "Nobody waits")
	authorize := b.begin(t, "read")
	for _, query := range []string{"", "?code=x", "?code=x&state=", "?code=x&state=other"} {
		b.sees(b.get(callbackPath+query), http.StatusBadRequest, "Nobody waits")
	}
	u, err := url.Parse(authorize)
	require.NoError(t, err)
	state := u.Query().Get("state")
	b.sees(b.get(callbackPath+"?code=x&state="+state+"&iss=https://other.test"), http.StatusBadRequest, "another server")

	back := b.decide(t, authorize, "allow")
	newBrowser(t, b.base).sees(b.get("/client"), http.StatusOK)
	other := newBrowser(t, b.base)
	other.sees(other.get(back), http.StatusBadRequest, "Nobody waits") // the code of one browser in another
	b.sent(b.get(back))
	b.sees(b.get(back), http.StatusBadRequest, "Nobody waits") // an answer is taken once
}

func TestStartNeedsScope(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	b.sees(b.post("/client/start", "scope", "everything"), http.StatusBadRequest, "at least one scope")
}

func TestStartIsLimited(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	start := func() reply { return b.post("/client/start", "scope", "read") }
	for range startBurst {
		b.sent(start())
	}
	b.sees(start(), http.StatusTooManyRequests, "Too many at once")
}

func TestFlows(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	d := newMemoryDrawer(func() time.Time { return now })
	fs, err := newFlows(d, testKey.bytes, true)
	require.NoError(t, err)
	assert.Equal(t, "__Host-demo_client", fs.cookie.Name)
	begin := func(cookie string) (key string) {
		c, w := testContext(t, cookie)
		require.NoError(t, fs.begin(c, &flow{Access: "an-access-token"}))
		return w.Result().Cookies()[0].Value
	}
	read := func(fs *flows, key string) *flow {
		c, _ := testContext(t, fs.cookie.Name+"="+key)
		f, err := fs.read(c)
		require.NoError(t, err)
		return f
	}
	first := begin("")
	require.NotNil(t, read(fs, first))
	for name, k := range d.kept {
		assert.NotContains(t, name, first)
		assert.NotContains(t, string(k.value), "an-access-token", "sealed")
	}
	other, err := newFlows(d, bytes.Repeat([]byte{1}, keySize), true)
	require.NoError(t, err)
	assert.Nil(t, read(other, first), "of another key")

	second := begin(fs.cookie.Name + "=" + first)
	assert.Nil(t, read(fs, first), "a browser has one")
	assert.NotNil(t, read(fs, second))
	now = now.Add(flowLifetime + time.Second)
	assert.Nil(t, read(fs, second), "none is kept for ever")
}

func TestFlowKeepsFewExchanges(t *testing.T) {
	t.Parallel()
	f := &flow{}
	for range maxExchanges + 3 {
		f.keep(&f.Calls, &exchange{})
	}
	require.Len(t, f.Calls, maxExchanges)
	assert.True(t, f.Calls[0].Latest)
	assert.False(t, f.Calls[1].Latest)
}
