package engine_test

import (
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

// with changes a request.
func with(r *http.Request, change func(*http.Request)) *http.Request {
	change(r)
	return r
}

func contentType(values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header["Content-Type"] = values }
}

func method(m string) func(*http.Request) { return func(r *http.Request) { r.Method = m } }

func body(s string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, issuer+"/oauth/token", strings.NewReader(s))
	r.Header.Set("Content-Type", formType)
	r.Header.Set("Authorization", basic(conf))
	return r
}

func TestTokenRequestShape(t *testing.T) {
	t.Parallel()
	const grant = "grant_type=client_credentials"
	tests := []struct {
		name    string
		request *http.Request
		status  int
		code    string
	}{
		{"C01+attack-D10+6749-3.2 GET", with(tk(basic(conf)), method(http.MethodGet)), http.StatusMethodNotAllowed, "invalid_request"},
		{"C02 PUT", with(tk(basic(conf)), method(http.MethodPut)), http.StatusMethodNotAllowed, "invalid_request"},
		{"C02 HEAD", with(tk(basic(conf)), method(http.MethodHead)), http.StatusMethodNotAllowed, "invalid_request"},
		{"C03 JSON", with(body(`{"grant_type":"client_credentials"}`), contentType("application/json")), http.StatusBadRequest, "invalid_request"},
		{"C04 no content type", with(tk(basic(conf)), contentType()), http.StatusBadRequest, "invalid_request"},
		{"C05 multipart", with(tk(basic(conf)), contentType("multipart/form-data; boundary=x")), http.StatusBadRequest, "invalid_request"},
		{"C05 two content types", with(tk(basic(conf)), contentType(formType, formType)), http.StatusBadRequest, "invalid_request"},
		{"C06+attack-D12 content type in other letter case, with charset", with(tk(basic(conf)), contentType("Application/X-WWW-Form-Urlencoded; Charset=UTF-8")), http.StatusOK, ""},
		{"C07 a malformed parameter of the content type", with(tk(basic(conf)), contentType(formType+"; foo")), http.StatusOK, ""},
		{"C08 an empty body", body(""), http.StatusBadRequest, "invalid_request"},
		{"C08 no body", with(body(""), func(r *http.Request) { r.Body = nil }), http.StatusBadRequest, "invalid_request"},
		{"C10+6749-5.1 the least there is", body(grant), http.StatusOK, ""},
		{"6749-3.2 unknown parameters are ignored", body(grant + "&foo=bar&constructor=x"), http.StatusOK, ""},
		{"6749-3.2 an unknown parameter twice", body(grant + "&foo=bar&foo=bar"), http.StatusBadRequest, "invalid_request"},
		{"2.1-7.12+6749-10.14 a broken escape", body(grant + "&foo=%zz"), http.StatusBadRequest, "invalid_request"},
		{"2.1-7.12 a semicolon as separator", body(grant + ";foo=bar"), http.StatusBadRequest, "invalid_request"},
		{"2.1-7.12 many parameters", body(grant + "&" + strings.Join(names(100), "&")), http.StatusBadRequest, "invalid_request"},
		{"attack-D06 64 kB", body(grant + "&foo=" + strings.Repeat("x", 65536-len(grant)-5)), http.StatusOK, ""},
		{"attack-D06 more than 64 kB", body(grant + "&foo=" + strings.Repeat("x", 65536-len(grant)-4)), http.StatusRequestEntityTooLarge, "invalid_request"},
		{"attack-D06 1 MB of unknown length", with(body(grant+"&foo="+strings.Repeat("x", 1<<20)), func(r *http.Request) { r.ContentLength = -1 }), http.StatusRequestEntityTooLarge, "invalid_request"},
		{"D01 no grant_type", body("foo=bar"), http.StatusBadRequest, "invalid_request"},
		{"D01+6749-3.2 an empty grant_type", body("grant_type="), http.StatusBadRequest, "invalid_request"},
		{"D02 other characters", tk(basic(conf), "grant_type=~foo~"), http.StatusBadRequest, "unsupported_grant_type"},
		{"D02 a space", tk(basic(conf), "grant_type=client credentials"), http.StatusBadRequest, "unsupported_grant_type"},
		{"D02+attack-A12 NUL", tk(basic(conf), "grant_type=client_credentials\x00"), http.StatusBadRequest, "unsupported_grant_type"},
		{"D03 unknown", tk(basic(conf), "grant_type=foobar"), http.StatusBadRequest, "unsupported_grant_type"},
		{"D03 implicit", tk(basic(conf), "grant_type=implicit"), http.StatusBadRequest, "unsupported_grant_type"},
		{"D03 an inherited name", tk(basic(conf), "grant_type=__proto__"), http.StatusBadRequest, "unsupported_grant_type"},
		{"D03 other letter case", tk(basic(conf), "grant_type=Client_Credentials"), http.StatusBadRequest, "unsupported_grant_type"},
		{"D04+I02 an extension that is not there", tk(basic(conf), "grant_type="+customURN), http.StatusBadRequest, "unsupported_grant_type"},
		{"D05 a client without the password grant", tk(basic("cconly:ccs"), "grant_type=password", "username=alice", "password=wonderland"), http.StatusBadRequest, "unauthorized_client"},
		{"D07 a client without grants", tk(basic("empty:x")), http.StatusBadRequest, "unauthorized_client"},
		{"D08 grant_type in the query", with(body("foo=bar"), func(r *http.Request) { r.URL.RawQuery = grant }), http.StatusBadRequest, "invalid_request"},
		{"D09+attack-D14+6749-3.2 grant_type repeated", body(grant + "&" + grant), http.StatusBadRequest, "invalid_request"},
		{"D10 a wrong secret and an unknown grant_type", tk(basic("conf:no"), "grant_type=foobar"), http.StatusUnauthorized, "invalid_client"},
		{"D10 a wrong secret and no grant_type", tk(basic("conf:no"), "-grant_type"), http.StatusUnauthorized, "invalid_client"},
		{"D11 a client without grants and an unknown grant_type", tk(basic("empty:x"), "grant_type=foobar"), http.StatusBadRequest, "unsupported_grant_type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, withPassword)
			a := f.do(tt.request)
			if tt.status == http.StatusOK {
				a.tokens(t)
				return
			}
			a.assertError(t, tt.status, tt.code)
			assert.Empty(t, f.store.saved)
			allow := []string(nil)
			if tt.status == http.StatusMethodNotAllowed {
				allow = []string{http.MethodPost}
			}
			assert.Equal(t, allow, a.Header().Values("Allow"))
		})
	}
	t.Run("C01+D08+attack-D10 a code in the query is not spent", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t)
		r := httptest.NewRequest(http.MethodGet, issuer+"/oauth/token?grant_type=authorization_code&redirect_uri="+url.QueryEscape(r1)+"&code="+code, nil)
		r.Header.Set("Authorization", basic(conf))
		f.do(r).assertError(t, http.StatusMethodNotAllowed, "invalid_request")
		f.exchange(code).tokens(t)
	})
	t.Run("D06+L17 a client that lost its grants: nothing is touched", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		code := f.code(t)
		c := fixtureClients()[0]
		c.Grants = []string{model.GrantClientCredentials}
		f.store.addRaw(c)
		n := f.store.count("GetAuthorizationCode", "GetRefreshToken")
		f.exchange(code).assertError(t, http.StatusBadRequest, "unauthorized_client")
		f.refresh(refresh).assertError(t, http.StatusBadRequest, "unauthorized_client")
		assert.Equal(t, n, f.store.count("GetAuthorizationCode", "GetRefreshToken"))
		f.store.addRaw(fixtureClients()[0])
		f.exchange(code).tokens(t)
		f.refresh(refresh).tokens(t)
	})
}

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "p" + strings.Repeat("x", i) + "=1"
	}
	return out
}

// A middleware that parsed the form before changes nothing, repeats included.
func TestTokenFormParsedBefore(t *testing.T) {
	t.Parallel()
	for _, parsed := range []bool{false, true} {
		name := "C10 read by the engine"
		if parsed {
			name = "C10 parsed before"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			send := func(r *http.Request) answer {
				if parsed {
					require.NoError(t, r.ParseForm())
				}
				return f.do(r)
			}
			code := f.code(t, withS256, s256)
			exchange := []string{"grant_type=authorization_code", "code=" + code, "redirect_uri=" + r1, "code_verifier=" + verifier}
			send(tk(basic(conf), append(exchange, "+code="+code)...)).assertError(t, http.StatusBadRequest, "invalid_request")
			r := tk(basic(conf), append(exchange, "-redirect_uri")...)
			r.URL.RawQuery = "redirect_uri=" + url.QueryEscape(r1)
			send(r).assertError(t, http.StatusBadRequest, "invalid_grant")
			send(tk(basic(conf), append(exchange, "foo=")...)).tokens(t)
		})
	}
}

// What a token response is made of.
func TestTokenResponse(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *engine.Config) { c.TokenPrefix = "acme_" })
	a := f.exchange(f.code(t))
	t.Run("E01+J14+attack-D16+6749-5.1+2.1-3.2.3 the members and the headers", func(t *testing.T) {
		t.Parallel()
		m := a.json(t)
		assert.Equal(t, "Bearer", m["token_type"])
		assert.InDelta(t, 3600, m["expires_in"], 0)
		assert.Equal(t, "read", m["scope"])
		assert.Len(t, m, 5)
		for _, token := range []string{"access_token", "refresh_token"} {
			assert.Regexp(t, `^acme_[A-Za-z0-9_-]{64}$`, m[token])
		}
		assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
		assert.Equal(t, "no-cache", a.Header().Get("Pragma"))
	})
	t.Run("J13+attack-D16+6749-5.2 an error is not cached either", func(t *testing.T) {
		t.Parallel()
		f.exchange("x").assertError(t, http.StatusBadRequest, "invalid_grant")
	})
}
