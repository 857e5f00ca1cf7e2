package engine_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// What is wrong before client and redirect URI are trusted is told to the user
// and never sent anywhere.
func TestAuthorizeRefusedDirectly(t *testing.T) {
	t.Parallel()
	const unread = "the store is not asked"
	tests := []struct {
		name   string
		edits  []string
		code   string
		reason string
		note   string
	}{
		{"B10+attack-A02+6749-4.1.2.1 no client_id", []string{"-client_id"}, "invalid_request", "client_id_missing", unread},
		{"B11+6749-3.1 an empty client_id is none", []string{"client_id="}, "invalid_request", "client_id_missing", unread},
		{"B12 client_id outside of VSCHAR", []string{"client_id=øå€"}, "invalid_request", "client_id_malformed", unread},
		{"attack-A12 NUL in client_id", []string{"client_id=conf\x00"}, "invalid_request", "client_id_malformed", unread},
		{"6749-10.14 client_id with a line break", []string{"client_id=conf\r\nx"}, "invalid_request", "client_id_malformed", unread},
		{"6749-10.14 client_id of 3 kB", []string{"client_id=" + strings.Repeat("x", 3000)}, "invalid_request", "client_id_malformed", unread},
		{"B13+K04+6749-3.1.2.4 unknown client", []string{"client_id=ghost"}, "invalid_client", "client_unknown", ""},
		{"B13 client_id is case-sensitive", []string{"client_id=CONF"}, "invalid_client", "client_unknown", ""},
		{"B13 disabled client", []string{"client_id=off"}, "invalid_client", "client_disabled", ""},
		{"B14 redirect_uri is no URI", []string{"redirect_uri=foobar"}, "invalid_request", "redirect_uri_mismatch", ""},
		{"B15 neither client nor redirect_uri exist", []string{"redirect_uri=foobar", "client_id=ghost"}, "invalid_client", "client_unknown", ""},
		{"B16+K04+6749-10.6+2.1-7.13.2 foreign redirect_uri", []string{"redirect_uri=https://evil.example/cb"}, "invalid_request", "redirect_uri_mismatch", ""},
		{"B08+6749-3.1.2.3 no redirect_uri where several are registered", []string{"-redirect_uri"}, "invalid_request", "redirect_uri_missing", ""},
		{"B08+6749-3.1 an empty redirect_uri is none", []string{"redirect_uri="}, "invalid_request", "redirect_uri_missing", ""},
		{"B37 no redirect_uri where none is registered", []string{"client_id=nouris", "-redirect_uri"}, "invalid_request", "redirect_uri_missing", ""},
		{"B37+attack-B20 redirect_uri where none is registered", []string{"client_id=nouris"}, "invalid_request", "redirect_uri_mismatch", ""},
		{"B52 denied by an unknown client", []string{"allowed=false", "client_id=ghost"}, "invalid_client", "client_unknown", ""},
		{"B60+attack-A08+6749-3.1 client_id twice", []string{"+client_id=conf"}, "invalid_request", "repeated_parameter", unread},
		{"B60+attack-A08+6749-3.1 redirect_uri twice", []string{"+redirect_uri=" + r2}, "invalid_request", "repeated_parameter", unread},
		{"attack-A06 nobody is signed in, bad redirect_uri, prompt=none", []string{"redirect_uri=https://evil.example/cb", "prompt=none"}, "invalid_request", "redirect_uri_mismatch", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.store.addRaw(model.Client{ID: "nouris", Secrets: model.HashSecrets("x"), Scope: "read"})
			if strings.HasPrefix(tt.name, "attack-A06") {
				f.user = nil
			}
			f.authorize(tt.edits...).assertError(t, http.StatusBadRequest, tt.code)
			assert.Equal(t, tt.reason, f.lastEvent(t).Reason)
			assert.Zero(t, f.store.count("SaveAuthorizationCode"))
			if tt.note == unread {
				assert.Zero(t, f.store.count())
			}
		})
	}
}

// What is wrong with the rest goes to the client, with its state and the issuer.
func TestAuthorizeRefusedByRedirect(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		edits  []string
		code   string
		reason string
		state  string
	}{
		{"B35+6749-4.1.2.1 the client has no grant of use here", []string{"client_id=empty", "redirect_uri=https://c.example/cb"}, "unauthorized_client", "client_grant", "xyz"},
		{"B36 the client has another grant", []string{"client_id=cconly", "redirect_uri=https://cc.example/cb"}, "unauthorized_client", "client_grant", "xyz"},
		{"B59+attack-A08 state twice", []string{"+state=b"}, "invalid_request", "repeated_parameter", ""},
		{"B61+attack-A08 scope twice", []string{"+scope=write"}, "invalid_request", "repeated_parameter", "xyz"},
		{"B62+attack-A08 response_type twice", []string{"+response_type=code"}, "invalid_request", "repeated_parameter", "xyz"},
		{"attack-A08 code_challenge twice", []string{withS256, s256, "+" + withS256}, "invalid_request", "repeated_parameter", "xyz"},
		{"6749-3.1 an unknown parameter twice", []string{"nonce=1", "+nonce=1"}, "invalid_request", "repeated_parameter", "xyz"},
		{"6749-3.1 an empty repeat is a repeat", []string{"+scope="}, "invalid_request", "repeated_parameter", "xyz"},
		{"B63+K03+6749-3.1.1 no response_type", []string{"-response_type"}, "invalid_request", "response_type_missing", "xyz"},
		{"B63 empty response_type", []string{"response_type="}, "invalid_request", "response_type_missing", "xyz"},
		{"B64+attack-A04+9700-2.1.2 response_type=token", []string{"response_type=token"}, "unsupported_response_type", "response_type", "xyz"},
		{"B64+attack-A04 response_type=id_token", []string{"response_type=id_token"}, "unsupported_response_type", "response_type", "xyz"},
		{"B64+attack-A04 response_type=code token", []string{"response_type=code token"}, "unsupported_response_type", "response_type", "xyz"},
		{"B64 response_type=CODE", []string{"response_type=CODE"}, "unsupported_response_type", "response_type", "xyz"},
		{"B64+M34 response_type=constructor", []string{"response_type=constructor"}, "unsupported_response_type", "response_type", "xyz"},
		{"M34 response_type=toString", []string{"response_type=toString"}, "unsupported_response_type", "response_type", "xyz"},
		{"M34 response_type=__proto__", []string{"response_type=__proto__"}, "unsupported_response_type", "response_type", "xyz"},
		{"B65 scope with a quote", []string{`scope=a"b`}, "invalid_scope", "scope_malformed", "xyz"},
		{"attack-A12 scope with NUL", []string{"scope=read\x00"}, "invalid_scope", "scope_malformed", "xyz"},
		{"M02 scope of a line break", []string{"scope=\n"}, "invalid_scope", "scope_malformed", "xyz"},
		{"M02 scope of a tab", []string{"scope=\t"}, "invalid_scope", "scope_malformed", "xyz"},
		{"M02 scope of a carriage return", []string{"scope=\r"}, "invalid_scope", "scope_malformed", "xyz"},
		{"B66 scope that the vocabulary lacks", []string{"scope=delete"}, "invalid_scope", "scope_unknown", "xyz"},
		{"B66+2.1-7.9 scope beyond the client's", []string{"scope=read admin"}, "invalid_scope", "scope_client", "xyz"},
		{"B66 scope is case-sensitive", []string{"scope=READ"}, "invalid_scope", "scope_unknown", "xyz"},
		{"B72 no state and a bad scope", []string{"-state", "scope=delete"}, "invalid_scope", "scope_unknown", ""},
		{"B73 bad scope and response_type: the latter is told", []string{"scope=delete", "response_type=token"}, "unsupported_response_type", "response_type", "xyz"},
		{"attack-A22 request object", []string{"request=eyJhbGciOiJub25lIn0.e30."}, "request_not_supported", "request_object", "xyz"},
		{"attack-A22 request_uri", []string{"request_uri=https://evil.example/r"}, "request_uri_not_supported", "request_uri", "xyz"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			a := f.authorize(tt.edits...)
			a.assertRedirectError(t, az(tt.edits...).Get("redirect_uri"), tt.code, tt.state)
			assert.Equal(t, http.StatusFound, a.Code)
			assert.NotContains(t, a.Header().Get("Location"), "#", "an answer in a fragment")
			assert.Equal(t, tt.reason, f.lastEvent(t).Reason)
			assert.Equal(t, 1, f.store.count(), "only the client is read")
		})
	}
}

func TestAuthorizeMethods(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPut, http.MethodHead, http.MethodDelete, http.MethodPatch, http.MethodOptions} {
		t.Run("B05+K08+6749-3.1 "+method+" has no effects", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r := get(az())
			r.Method = method
			a := f.do(r)
			a.assertError(t, http.StatusMethodNotAllowed, "invalid_request")
			assert.Equal(t, "GET, POST", a.Header().Get("Allow"))
			assert.Zero(t, f.store.count())
		})
	}
}

// A POST may carry the request as a form. Both ways in: from the body, and from
// a form that a middleware parsed before.
func TestAuthorizePost(t *testing.T) {
	t.Parallel()
	json := func() *http.Request {
		r := httptest.NewRequest(http.MethodPost, issuer+"/oauth/authorize", strings.NewReader(`{"client_id":"conf","response_type":"code"}`))
		r.Header.Set("Content-Type", "application/json")
		return r
	}
	tests := []struct {
		name    string
		request func() *http.Request
		reason  string // empty: the request is good
	}{
		{"B02+attack-A20+6749-3.1 the form is the request", func() *http.Request { return post("/oauth/authorize", az()) }, ""},
		{"B02 the endpoint's own query does not matter", func() *http.Request { return post("/oauth/authorize?tenant=1", az()) }, ""},
		{"B03 a parameter in body and query", func() *http.Request { return post("/oauth/authorize?state=Q", az()) }, "repeated_parameter"},
		{"B03 client_id in body and query", func() *http.Request { return post("/oauth/authorize?client_id=pub", az()) }, "repeated_parameter"},
		{"B04 parameters split between query and body", func() *http.Request { return post("/oauth/authorize?client_id=conf", az("-client_id")) }, "client_id_missing"},
		{"B06 JSON", json, "content_type"},
		{"B60 client_id twice in the form", func() *http.Request { return post("/oauth/authorize", az("+client_id=conf")) }, "repeated_parameter"},
		{"B61 scope twice in the form", func() *http.Request { return post("/oauth/authorize", az("+scope=read")) }, "repeated_parameter"},
	}
	for _, tt := range tests {
		for _, parsed := range []bool{false, true} {
			name := tt.name
			if parsed {
				name += ", parsed before"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				r := tt.request()
				if parsed {
					_ = r.ParseForm()
				}
				req, err := f.srv.AuthorizeRequest(r)
				if tt.reason != "" {
					var e *engine.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, tt.reason, e.Reason)
					assert.Equal(t, http.StatusBadRequest, e.HTTPStatus())
					return
				}
				require.NoError(t, err)
				q, err := url.ParseQuery(req.Query())
				require.NoError(t, err)
				assert.Equal(t, az(), q, "the way back is the same request as a GET")
				assert.Zero(t, f.store.count("SaveAuthorizationCode"))
			})
		}
	}
	t.Run("B02+9700-4.12 a POST is followed by a GET", func(t *testing.T) {
		t.Parallel()
		a := newFixture(t).do(post("/oauth/authorize", az()))
		assert.Equal(t, http.StatusSeeOther, a.Code)
		_, q := a.location(t)
		assert.Equal(t, az(), q)
	})
}

// The way back after a login carries the checked parameters and no others.
func TestAuthorizeQuery(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	sent := az(pub("state=a b&c=d#e+f%\xff", "prompt=login", "code_challenge_method=S256")...)
	req, err := f.srv.AuthorizeRequest(get(sent))
	require.NoError(t, err)
	q, err := url.ParseQuery(req.Query())
	require.NoError(t, err)
	sent.Del("prompt")
	assert.Equal(t, sent, q)
	again, err := f.srv.AuthorizeRequest(httptest.NewRequest(http.MethodGet, "/?"+req.Query(), nil))
	require.NoError(t, err)
	assert.NotEqual(t, req.GrantID, again.GrantID, "each request opens a grant of its own")
}

// Text that is no form is refused as a whole; nothing is dropped from it.
func TestAuthorizeMalformedQuery(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"6749-10.14 broken escape":         "&x=%zz",
		"6749-10.14 escape cut off":        "&x=%4",
		"6749-10.14 semicolon":             "&x=1;y=2",
		"6749-10.14 more than 64 of them":  "&" + strings.Repeat("x=1&", 64),
		"6749-10.14 broken escape in name": "&%=1",
	}
	for name, query := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r := get(az())
			r.URL.RawQuery += query
			f.do(r).assertError(t, http.StatusBadRequest, "invalid_request")
			assert.Equal(t, "malformed_form", f.lastEvent(t).Reason)
			assert.Zero(t, f.store.count())
		})
	}
}

// Faults of the store and of policy functions: a fixed text, nothing leaks.
func TestAuthorizeFaults(t *testing.T) {
	t.Parallel()
	down := errors.New("db down at 10.0.0.1")
	t.Run("B39+K05 GetClient fails", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.store.failOn("GetClient", down)
		a := f.authorize()
		a.assertError(t, http.StatusInternalServerError, "server_error")
		assert.NotContains(t, a.Body.String(), "down")
		ev := f.lastEvent(t)
		assert.Equal(t, engine.EventFault, ev.Type)
		assert.ErrorIs(t, ev.Err, down)
		assert.Contains(t, f.logs.String(), "db down")
	})
	t.Run("B39 GetClient returns an *Error of its own", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.store.failOn("GetClient", &engine.Error{Code: engine.CodeTemporarilyUnavailable, Description: "Later."})
		f.authorize().assertError(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	})
	t.Run("attack-O02 GetClient panics", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.store.setHook(func(context.Context, string, func() error) error { panic("boom") })
		a := f.authorize()
		a.assertError(t, http.StatusInternalServerError, "server_error")
		assert.NotContains(t, a.Body.String(), "boom")
		assert.NotContains(t, a.Body.String(), "goroutine")
		assert.Equal(t, "panic", f.lastEvent(t).Reason)
	})
	t.Run("attack-O02 http.ErrAbortHandler goes on", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.store.setHook(func(context.Context, string, func() error) error { panic(http.ErrAbortHandler) })
		assert.PanicsWithValue(t, http.ErrAbortHandler, func() { f.authorize() })
	})
	t.Run("B39 ValidateRedirectURI fails", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) {
			c.ValidateRedirectURI = func(context.Context, *model.Client, string) (bool, error) { return true, down }
		})
		f.authorize().assertError(t, http.StatusInternalServerError, "server_error")
	})
	t.Run("B90 no random bytes", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) { c.Random = strings.NewReader("") })
		f.authorize().assertRedirectError(t, r1, "server_error", "xyz")
		assert.Zero(t, f.store.count("SaveAuthorizationCode"))
	})
}
