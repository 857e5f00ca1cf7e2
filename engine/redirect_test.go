package engine_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// odd registers a client for a row about redirect URIs, also for those that
// AddClient refuses.
func (f *fixture) odd(redirectURIs ...string) {
	f.store.addRaw(model.Client{
		ID: "odd", Secrets: model.HashSecrets("x"), Grants: []string{model.GrantAuthorizationCode},
		RedirectURIs: redirectURIs, Scope: "read write", AllowNoPKCE: true,
	})
}

// Registered and sent are compared byte for byte; only the port of a loopback
// URI floats. What does not match is never redirected to, in no case.
func TestRedirectURIMismatch(t *testing.T) {
	t.Parallel()
	const web, loop = "https://client.example/cb", "http://127.0.0.1/cb"
	tests := []struct{ name, registered, sent string }{
		{"B17+9700-2.1+9700-4.1.3 longer path", web, web + "/extra"},
		{"B18 other case of the host", web, "https://CLIENT.example/cb"},
		{"B19+attack-B02 added query", web, web + "?x=1"},
		{"B20 added slash", web, web + "/"},
		{"M33 a prefix of it", web, "https://client.example/c"},
		{"M33 other scheme", web, "http://client.example/cb"},
		{"M33 surrounded by space", web, " " + web},
		{"M33 with a space behind", web, web + " "},
		{"attack-B02 query in another order", web + "?a=1&b=2", web + "?b=2&a=1"},
		{"attack-B02 query left out", web + "?a=1", web},
		{"attack-B04 path parameter", web, web + ";evil=1"},
		{"attack-B06 fragment", web, web + "#frag"},
		{"attack-B06 empty fragment", web, web + "#"},
		{"attack-B06 encoded fragment", web, web + "%23"},
		{"attack-B08 upper case", web, "HTTPS://CLIENT.EXAMPLE/CB"},
		{"attack-B08 upper case scheme", web, "HTTPS://client.example/cb"},
		{"attack-B08 default port", web, "https://client.example:443/cb"},
		{"attack-B08 percent-encoded letter", web, "https://client.example/%63b"},
		{"attack-B08 dot segment", web, "https://client.example/x/../cb"},
		{"attack-B10 backslash", web, `https://client.example\@evil.test`},
		{"attack-B10 user information", web, "https://client.example@evil.test/cb"},
		{"attack-B10 user information before the host", web, "https://evil@client.example/cb"},
		{"attack-B10 tab", web, "https://client.example/\tcb"},
		{"attack-B10 line break", web, "https://client.example/cb\n"},
		{"attack-B10 NUL", web, web + "\x00"},
		{"attack-B12 network path", web, "//client.example/cb"},
		{"attack-B12 path", web, "/cb"},
		{"attack-B12 no slashes", web, "https:client.example/cb"},
		{"attack-B12 no host", web, "https:///cb"},
		{"attack-B14 loopback, other path", loop, "http://127.0.0.1:51004/other"},
		{"attack-B14 loopback, https", loop, "https://127.0.0.1/cb"},
		{"attack-B14 loopback, IPv6 for IPv4", loop, "http://[::1]:1/cb"},
		{"attack-B14 loopback, name for address", loop, "http://localhost:1/cb"},
		{"attack-B14 loopback, another address of it", loop, "http://127.0.0.2/cb"},
		{"attack-B14 loopback, short address", loop, "http://127.1/cb"},
		{"attack-B14 loopback, port out of range", loop, "http://127.0.0.1:65536/cb"},
		{"attack-B14 loopback, port 0", loop, "http://127.0.0.1:0/cb"},
		{"attack-B14 loopback, empty port", loop, "http://127.0.0.1:/cb"},
		{"attack-B14 loopback, user information as a port", loop, "http://127.0.0.1:80@evil.test/cb"},
		{"attack-B14 loopback, longer host", loop, "http://127.0.0.1.evil.test/cb"},
		{"attack-B14 loopback, added query", loop, "http://127.0.0.1:1/cb?x=1"},
		{"B21 the port of another host does not float", web, "https://client.example:8443/cb"},
		{"attack-B16 open bracket", web, "http://[::1"},
		{"attack-B16 not an address in brackets", web, "http://[not-ip]/"},
		{"attack-B16 host of 10 kB", web, "https://" + strings.Repeat("x", 10<<10) + "/cb"},
		{"attack-B18 private scheme, slashes added", "com.example.app:/cb", "com.example.app://cb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.odd(tt.registered)
			a := f.authorize("client_id=odd", "redirect_uri="+tt.sent)
			a.assertError(t, http.StatusBadRequest, "invalid_request")
			ev := f.lastEvent(t)
			assert.Equal(t, "redirect_uri_mismatch", ev.Reason)
			assert.ErrorContains(t, ev.Err, "nearest registered", "the log tells the developer why")
			assert.Zero(t, f.store.count("SaveAuthorizationCode"))
		})
	}
}

func TestRedirectURIMatch(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, registered, sent, location string }{
		{"B21+attack-B14+8252-7.3+9700-2.1+2.1-8.4.2 the loopback port floats", "http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", "http://127.0.0.1:51004/cb?"},
		{"B21 the port floats from a registered one", "http://127.0.0.1:80/cb", "http://127.0.0.1:51004/cb", "http://127.0.0.1:51004/cb?"},
		{"B21 the port may be left out", "http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", "http://127.0.0.1/cb?"},
		{"B21 IPv6", "http://[::1]/cb", "http://[::1]:65535/cb", "http://[::1]:65535/cb?"},
		{"B21 localhost", "http://localhost/cb?x=1", "http://localhost:3000/cb?x=1", "http://localhost:3000/cb?x=1&"},
		{"B22+M18+6749-3.1.2 the query is kept", "https://client.example/cb?tenant=1", "", "https://client.example/cb?tenant=1&"},
		{"B25 the query is kept byte for byte", "https://client.example/cb?a=b+c&d=%2f%2F", "", "https://client.example/cb?a=b+c&d=%2f%2F&"},
		{"B25 a query that ends in a question mark", "https://client.example/cb?a=b?", "", "https://client.example/cb?a=b?&"},
		{"B25 a query that ends in a separator", "https://client.example/cb?a=b&", "", "https://client.example/cb?a=b&"},
		{"B25 an empty query", "https://client.example/cb?", "", "https://client.example/cb?"},
		{"B27 private-use scheme", "com.example.app:/cb", "", "com.example.app:/cb?"},
		{"B30 no path", "https://client.example", "", "https://client.example?"},
		{"B31 a host in punycode", "https://xn--bcher-kva.example/cb", "", "https://xn--bcher-kva.example/cb?"},
		{"M17 plain", "http://localhost/cb", "", "http://localhost/cb?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.odd(tt.registered)
			sent := tt.sent
			if sent == "" {
				sent = tt.registered
			}
			a := f.authorize("client_id=odd", "redirect_uri="+sent)
			a.code(t)
			location := a.Header().Get("Location")
			assert.True(t, strings.HasPrefix(location, tt.location+"code="), location)
			assert.True(t, strings.HasSuffix(location, "&state=xyz&iss=https%3A%2F%2Fas.test"), location)
			assert.Equal(t, sent, f.store.lastCode(t).RedirectURI)
			// Errors go the same way.
			a = f.authorize("client_id=odd", "redirect_uri="+sent, "response_type=token")
			location = a.Header().Get("Location")
			assert.True(t, strings.HasPrefix(location, tt.location+"error=unsupported_response_type&"), location)
			assert.True(t, strings.HasSuffix(location, "&state=xyz&iss=https%3A%2F%2Fas.test"), location)
		})
	}
	t.Run("B23+6749-4.1.2.1 an error keeps the query of the redirect URI", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.odd("https://client.example/cb?tenant=1")
		a := f.authorize("client_id=odd", "redirect_uri=https://client.example/cb?tenant=1", "response_type=token")
		a.assertRedirectError(t, "https://client.example/cb", "unsupported_response_type", "xyz")
		_, q := a.location(t)
		assert.Equal(t, []string{"1"}, q["tenant"])
	})
}

// A store of somebody else, or a policy function, may let through what may not
// be registered. The rules hold all the same, sent or not.
func TestRedirectURIUnsafe(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, uri string }{
		{"B24 a response parameter: code", "https://client.example/cb?code=evil&state=evil"},
		{"B24 a response parameter: iss", "https://client.example/cb?iss=evil"},
		{"B24 a response parameter: error", "https://client.example/cb?x=1&error=access_denied"},
		{"B24 a response parameter, encoded", "https://client.example/cb?%63ode=evil"},
		{"B26+attack-B06+6749-3.1.2 fragment", "https://client.example/cb#frag"},
		{"B26+attack-B06 empty fragment", "https://client.example/cb#"},
		{"B28 urn", "urn:ietf:wg:oauth:2.0:oob"},
		{"B29 javascript", "javascript:alert(1)//"},
		{"B29 javascript, upper case", "JavaScript:alert(1)//"},
		{"B29 data", "data:text/html,x"},
		{"B29 vbscript", "vbscript:x"},
		{"B29 file", "file:///etc/passwd"},
		{"B31 a host beyond ASCII", "https://bücher.example/cb"},
		{"attack-B10 backslash", `https://client.example\@evil.test`},
		{"attack-B10 user information", "https://user:pw@client.example/cb"},
		{"attack-B10 line break", "https://client.example/cb\r\nSet-Cookie: a=b"},
		{"attack-B12 no scheme", "//client.example/cb"},
		{"attack-B12 path", "/cb"},
		{"attack-B12 no host", "https:///cb"},
		{"attack-B16 not an address in brackets", "http://[not-ip]/"},
		{"attack-B18+2.1-2.3.1 private scheme without a dot", "myapp:/cb"},
		{"9700-2.6+2.1-1.5+6749-3.1.2.1 http", "http://client.example/cb"},
		{"9700-2.6 wildcard", "https://*.client.example/cb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := model.Client{ID: "odd", Public: true, RedirectURIs: []string{tt.uri}, Scope: "read"}
			assert.Error(t, c.Validate(), "it may not be registered")
			trusting := newFixture(t, func(c *engine.Config) {
				c.ValidateRedirectURI = func(context.Context, *model.Client, string) (bool, error) { return true, nil }
			})
			trusting.odd(r1)
			careless := newFixture(t)
			careless.odd(tt.uri)
			for _, a := range []answer{
				trusting.authorize("client_id=odd", "redirect_uri="+tt.uri),
				careless.authorize("client_id=odd", "redirect_uri="+tt.uri),
				careless.authorize("client_id=odd", "-redirect_uri"),
			} {
				a.assertError(t, http.StatusBadRequest, "invalid_request")
			}
			assert.Equal(t, "redirect_uri_unsafe", trusting.lastEvent(t).Reason)
			assert.Equal(t, "redirect_uri_unsafe", careless.lastEvent(t).Reason)
		})
	}
}

func TestValidateRedirectURI(t *testing.T) {
	t.Parallel()
	const preview = "https://preview-7.client.example/cb"
	policy := func(ok bool) (*fixture, *[]string) {
		var asked []string
		return newFixture(t, func(c *engine.Config) {
			c.ValidateRedirectURI = func(_ context.Context, c *model.Client, uri string) (bool, error) {
				asked = append(asked, c.ID+" "+uri)
				return ok, nil
			}
		}), &asked
	}
	t.Run("B32 true for one that is not registered", func(t *testing.T) {
		t.Parallel()
		f, asked := policy(true)
		to, _ := f.authorize("redirect_uri=" + preview).location(t)
		assert.Equal(t, preview, to)
		assert.Equal(t, []string{"conf " + preview, "conf " + preview}, *asked, "at the request and at the approval")
	})
	t.Run("B33 false for a registered one", func(t *testing.T) {
		t.Parallel()
		f, _ := policy(false)
		f.authorize().assertError(t, http.StatusBadRequest, "invalid_request")
	})
	t.Run("B34 not asked when none was sent", func(t *testing.T) {
		t.Parallel()
		f, asked := policy(false)
		f.code(t, pub("-redirect_uri")...)
		assert.Empty(t, *asked)
	})
}

// The exchange names the redirect URI that the request named, and no other.
func TestRedirectURIAtExchange(t *testing.T) {
	t.Parallel()
	sent, left := "redirect_uri="+r1, "-redirect_uri"
	tests := []struct {
		name             string
		request, at, fix string
		client           string
	}{
		{"attack-B22+6749-4.1.3+6749-10.6+2.1-10.2 another registered one", sent, "redirect_uri=" + r2, sent, "conf"},
		{"attack-B22+6749-4.1.3 none", sent, left, sent, "conf"},
		{"6749-4.1.3 one that the request did not name", left, sent, left, "strict"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			code := f.code(t, "client_id="+tt.client, tt.request, withS256, s256)
			exchange := func(redirect string) answer {
				return f.token(tt.client, "s3cret", "authorization_code", "code="+code, "code_verifier="+verifier, redirect)
			}
			exchange(tt.at).assertError(t, http.StatusBadRequest, "invalid_grant")
			exchange(tt.fix).tokens(t) // nothing was spent
		})
	}
}

// The writer of errors by itself.
func TestErrorRedirect(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	tests := []struct {
		name, want string
		err        engine.Error
	}{
		{"M20 code and description", "http://example.com/cb?error=invalid_client&error_description=foo%20bar&iss=https%3A%2F%2Fas.test", engine.Error{Code: "invalid_client", Description: "foo bar"}},
		{"M21 no description, none sent", "http://example.com/cb?error=invalid_client&iss=https%3A%2F%2Fas.test", engine.Error{Code: "invalid_client"}},
		{"B76+6749-4.1.2.1 characters of the description", "http://example.com/cb?error=invalid_request&error_description=a%20%27b%27%20%3F%3Fc%3F&iss=https%3A%2F%2Fas.test", engine.Error{Code: "invalid_request", Description: "a \"b\" \\\nc\u00e9"}},
		{"6749-4.1.2.1 no code", "http://example.com/cb?error=server_error&iss=https%3A%2F%2Fas.test", engine.Error{}},
		{"6749-4.1.2.1 characters of the code", "http://example.com/cb?error=a%27b%3Fc&iss=https%3A%2F%2Fas.test", engine.Error{Code: "a\"b\nc"}},
		{"6749-4.1.2 state", "http://example.com/cb?error=x&state=a%20b&iss=https%3A%2F%2Fas.test", engine.Error{Code: "x", State: "a b", HasState: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := tt.err
			e.RedirectURI = "http://example.com/cb"
			a := f.writeError(get(nil), &e)
			assert.Equal(t, http.StatusFound, a.Code)
			assert.Equal(t, tt.want, a.Header().Get("Location"))
		})
	}
}
