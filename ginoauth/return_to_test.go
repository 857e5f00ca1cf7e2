package ginoauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/memstore"
)

// returnServer is a server whose authorization endpoint is at
// /oauth/authorize.
func returnServer(t testing.TB) *ginoauth.Server {
	t.Helper()
	oauth, err := ginoauth.New(engine.Config{
		Model: memstore.New(), Issuer: "https://auth.test", Keys: [][]byte{make([]byte, 32)},
		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read"}},
	}, ginoauth.Options{})
	require.NoError(t, err)
	return oauth
}

// login is the context of a login's POST: with the parameter in the form, the
// query, or both.
func login(form, query url.Values) *gin.Context {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(http.MethodPost, "/login?"+query.Encode(), strings.NewReader(form.Encode()))
	c.Request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c
}

const fallback = "/home"

func TestReturnTo(t *testing.T) {
	t.Parallel()
	oauth := returnServer(t)
	for name, raw := range map[string]string{
		"attack-C02 nothing":                        "",
		"attack-C02 absolute":                       "https://evil.test",
		"attack-C02 absolute with our path":         "https://evil.test/oauth/authorize",
		"attack-C02 absolute, our own host":         "https://auth.test/oauth/authorize",
		"attack-C02 two slashes":                    "//evil.test",
		"attack-C02 two slashes with our path":      "//evil.test/oauth/authorize",
		"attack-C02 three slashes":                  "///evil.test/oauth/authorize",
		"attack-C02 backslash":                      `/\evil.test`,
		"attack-C02 two backslashes":                `\\evil.test`,
		"attack-C02 backslash in the query":         `/oauth/authorize?a=\`,
		"attack-C02 tab":                            "/\t/evil.test",
		"attack-C02 newline":                        "/\n/evil.test",
		"attack-C02 encoded slash":                  "/%2f/evil.test",
		"attack-C02 encoded slash in our path":      "/oauth%2fauthorize",
		"attack-C02 encoded letter in our path":     "/oauth/%61uthorize",
		"attack-C02 at sign":                        "/oauth/authorize@evil.test",
		"attack-C02 user information":               "https://auth.test@evil.test/oauth/authorize",
		"attack-C02 dots":                           "/oauth/authorize/../../x",
		"attack-C02 dots that lead to our path":     "/x/../oauth/authorize",
		"attack-C02 header line":                    "/oauth/authorize?a=b\r\nSet-Cookie: x=y",
		"attack-C02 another page":                   "/logout",
		"attack-C02 longer path":                    "/oauth/authorized",
		"attack-C02 trailing slash":                 "/oauth/authorize/",
		"attack-C02 relative":                       "oauth/authorize",
		"attack-C02 scheme without slashes":         "https:evil.test",
		"attack-C02 scheme without slashes, path":   "https:/oauth/authorize",
		"attack-C02 javascript":                     "javascript:alert(1)",
		"attack-C02 data":                           "data:text/html,x",
		"attack-C02 fragment":                       "/oauth/authorize?a=b#x",
		"attack-C02 empty fragment":                 "/oauth/authorize?a=b#",
		"attack-C02 leading space":                  " /oauth/authorize",
		"attack-C02 NUL":                            "/oauth/authorize?a=\x00",
		"attack-C02 not ASCII":                      "/oauth/authorize?a=é",
		"attack-C02 broken escape":                  "/oauth/authorize?a=%zz",
		"attack-C02 semicolon":                      "/oauth/authorize?a=b;c=d",
		"attack-C02 longer than any request can be": "/oauth/authorize?a=" + strings.Repeat("x", 256<<10),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, fallback, oauth.ReturnTo(login(url.Values{"return_to": {raw}}, nil), fallback))
			assert.Equal(t, fallback, oauth.ReturnTo(login(nil, url.Values{"return_to": {raw}}), fallback))
		})
	}

	const good = "/oauth/authorize?client_id=web&state=a%20b%26c%2Fd%5C%25&login_returned=1"
	for _, tt := range []struct {
		name        string
		form, query url.Values
		want        string
	}{
		{"attack-C02 the real one, unchanged, from the form", url.Values{"return_to": {good}}, nil, good},
		{"attack-C02 the real one, unchanged, from the query", url.Values{"user": {"alice"}}, url.Values{"return_to": {good}}, good},
		{"attack-C02 the form goes before the query", url.Values{"return_to": {good}}, url.Values{"return_to": {"/oauth/authorize?x=1"}}, good},
		{"attack-C02 a bad form is not made up for by the query", url.Values{"return_to": {"//evil.test"}}, url.Values{"return_to": {good}}, fallback},
		{"attack-C02 without a query", url.Values{"return_to": {"/oauth/authorize"}}, nil, "/oauth/authorize"},
		{"attack-C02 a state of 64 kB", url.Values{"return_to": {good + strings.Repeat("x", 64<<10)}}, nil, good + strings.Repeat("x", 64<<10)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, oauth.ReturnTo(login(tt.form, tt.query), fallback))
		})
	}

	t.Run("attack-C02 a login by GET, as an identity provider's callback is", func(t *testing.T) {
		t.Parallel()
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodGet, "/callback?return_to="+url.QueryEscape(good), nil)
		assert.Equal(t, good, oauth.ReturnTo(c, fallback))
	})
	t.Run("attack-C02 a multipart login form, already parsed", func(t *testing.T) {
		t.Parallel()
		c := login(nil, nil)
		c.Request.PostForm = url.Values{"return_to": {good}}
		assert.Equal(t, good, oauth.ReturnTo(c, fallback))
	})
}

// The login of the whole application: whatever it is asked for, the browser
// stays.
func TestLoginStaysLocal(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	for name, evil := range map[string]string{
		"attack-C02 absolute":    "https://evil.test",
		"attack-C02 two slashes": "//evil.test",
		"attack-C02 backslash":   `/\evil.test`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := a.do("POST", "/login?return_to="+url.QueryEscape(evil), url.Values{}, nil)
			assert.Equal(t, "/", res.Header.Get("Location"))
		})
	}
}

// Whatever comes in, what comes out is the fallback or a URL of the
// authorization endpoint on this host, for a browser as for net/url.
func FuzzReturnTo(f *testing.F) {
	for _, seed := range []string{
		"", "/oauth/authorize?client_id=web&state=x", "/oauth/authorize", "//evil.test/oauth/authorize", `/\evil.test`,
		"/\t/evil.test", "/%2f/evil.test", "https:evil.test", "javascript:alert(1)", "/oauth/authorize/../../x",
		"/oauth/authorize?a=b#x", "/oauth/authorize?a=%0d%0aSet-Cookie:x", "/oauth/authorize??", "/oauth/authorize?&&=",
	} {
		f.Add(seed)
	}
	oauth := returnServer(f)
	f.Fuzz(func(t *testing.T, raw string) {
		got := oauth.ReturnTo(login(url.Values{"return_to": {raw}}, nil), fallback)
		if got == fallback {
			return
		}
		path, query, _ := strings.Cut(got, "?")
		require.Equal(t, "/oauth/authorize", path)
		require.NotContains(t, got, "#")
		for i := range len(got) {
			require.True(t, got[i] > 0x20 && got[i] < 0x7f && got[i] != '\\', "byte %x", got[i])
		}
		want, err := url.ParseQuery(strings.TrimPrefix(raw[len(path):], "?"))
		require.NoError(t, err)
		have, err := url.ParseQuery(query)
		require.NoError(t, err)
		require.Equal(t, want, have, "the query is the one that came")

		base := &url.URL{Scheme: "https", Host: "auth.test", Path: "/login"}
		u, err := base.Parse(got)
		require.NoError(t, err)
		require.Equal(t, "auth.test", u.Host)
		require.Equal(t, "https", u.Scheme)
		// Going through it again changes nothing.
		require.Equal(t, got, oauth.ReturnTo(login(url.Values{"return_to": {got}}, nil), fallback))
	})
}
