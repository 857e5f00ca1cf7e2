package engine_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// rawToken is a token request of conf with this body and content type, sent as
// it stands; an empty content type leaves the header out.
func rawToken(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, issuer+"/oauth/token", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.SetBasicAuth("conf", "s3cret")
	return r
}

// What a token request must look like before anybody asks who sent it.
func TestTokenShape(t *testing.T) {
	t.Parallel()
	const machine = "grant_type=client_credentials"
	big := machine + "&x=" + strings.Repeat("a", 64<<10)
	many := machine
	for i := range 64 {
		many += "&p" + string(rune('0'+i/10)) + string(rune('0'+i%10)) + "=1"
	}
	tests := []struct {
		name              string
		contentType, body string
		status            int
		code              string
	}{
		{"C03+6749-3.2 JSON", "application/json", `{"grant_type":"client_credentials"}`, 400, "invalid_request"},
		{"C04 no content type", "", machine, 400, "invalid_request"},
		{"C05 multipart", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n--x--\r\n", 400, "invalid_request"},
		{"C06+attack-D12+M16 letter case and charset of the content type", "Application/X-WWW-Form-Urlencoded; Charset=UTF-8", machine, 200, ""},
		{"attack-D12 charset", formType + "; charset=utf-8", machine, 200, ""},
		{"C07 a malformed parameter of the content type", formType + "; foo", machine, 200, ""},
		{"M16 another media type that begins alike", formType + "x", machine, 400, "invalid_request"},
		{"C08+D01 empty body", formType, "", 400, "invalid_request"},
		{"C10 well formed", formType, machine, 200, ""},
		{"D01 no grant_type", formType, "scope=read", 400, "invalid_request"},
		{"D01+6749-3.2 empty grant_type is none", formType, "grant_type=&scope=read", 400, "invalid_request"},
		{"D09+attack-D14+6749-3.2 grant_type twice", formType, machine + "&" + machine, 400, "invalid_request"},
		{"attack-D14 a parameter twice, once empty", formType, machine + "&scope=&scope=read", 400, "invalid_request"},
		{"attack-D14 an unknown parameter twice", formType, machine + "&x=1&x=2", 400, "invalid_request"},
		{"6749-3.2 unknown parameters are ignored", formType, machine + "&foo=bar&scope%5B%5D=admin", 200, ""},
		{"6749-3.2 empty parameters are none", formType, machine + "&client_id=&client_secret=&scope=&code=", 200, ""},
		{"broken escape", formType, machine + "&x=%zz", 400, "invalid_request"},
		{"semicolons do not separate", formType, "scope=read;" + machine, 400, "invalid_request"},
		{"too large", formType, big, 413, "invalid_request"},
		{"too many parameters", formType, many, 400, "invalid_request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			a := f.do(rawToken(tt.contentType, tt.body))
			if tt.status == http.StatusOK {
				a.tokens(t)
				return
			}
			a.assertError(t, tt.status, tt.code)
			assert.Empty(t, a.Header().Get("WWW-Authenticate"))
			assert.Zero(t, f.store.count("SaveToken"))
		})
	}
}

// Only POST asks for tokens; anything else is told so and touches nothing.
func TestTokenMethods(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, method string }{
		{"C01+6749-3.2 GET", http.MethodGet},
		{"C02 PUT", http.MethodPut},
		{"C01 HEAD", http.MethodHead},
		{"C02 DELETE", http.MethodDelete},
		{"C02 no name for a method has lower case", "post"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r := rawToken(formType, "grant_type=client_credentials")
			r.Method = tt.method
			a := f.do(r)
			a.assertError(t, http.StatusMethodNotAllowed, "invalid_request")
			assert.Equal(t, "POST", a.Header().Get("Allow"))
			assert.Zero(t, f.store.count(), "the store was asked")
		})
	}
	t.Run("attack-D10 GET with a code spends nothing", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		form := url.Values{"grant_type": {"authorization_code"}, "code": {f.code(t)}, "redirect_uri": {r1}}
		r := httptest.NewRequest(http.MethodGet, issuer+"/oauth/token?"+form.Encode(), nil)
		r.SetBasicAuth("conf", "s3cret")
		f.do(r).assertError(t, http.StatusMethodNotAllowed, "invalid_request")
		r = post("/oauth/token", form)
		r.SetBasicAuth("conf", "s3cret")
		f.do(r).tokens(t)
	})
	t.Run("C09 the error is a value with the answer's status", func(t *testing.T) {
		t.Parallel()
		_, err := newFixture(t).srv.Token(httptest.NewRequest(http.MethodGet, issuer+"/oauth/token", nil))
		e := engine.AsError(err)
		assert.Equal(t, engine.CodeInvalidRequest, e.Code)
		assert.Equal(t, http.StatusMethodNotAllowed, e.HTTPStatus())
		assert.Equal(t, "POST", e.Header.Get("Allow"))
	})
}

// The query of a token request is not read: it ends up in logs.
func TestTokenQueryIsIgnored(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		query, body string
		user        string
		status      int
		code        string
	}{
		{"D08 grant_type", "grant_type=client_credentials", "", "conf", 400, "invalid_request"},
		{"C15+attack-F16+6749-2.3.1+2.1-2.4.1 credentials", "client_id=post&client_secret=s3cret", "grant_type=client_credentials", "", 400, "invalid_client"},
		{"attack-F16 the secret alone", "client_secret=s3cret", "grant_type=client_credentials&client_id=post", "", 400, "invalid_client"},
		{"what stands there does not count as a repeat", "grant_type=password&scope=admin", "grant_type=client_credentials", "conf", 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r := httptest.NewRequest(http.MethodPost, issuer+"/oauth/token?"+tt.query, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", formType)
			if tt.user != "" {
				r.SetBasicAuth(tt.user, "s3cret")
			}
			a := f.do(r)
			if tt.status == http.StatusOK {
				a.tokens(t)
				assert.Equal(t, "read", string(f.store.lastToken(t).Scope))
				return
			}
			a.assertError(t, tt.status, tt.code)
			assert.Zero(t, f.store.count("SaveToken"))
		})
	}
}

// A middleware that parsed the form first changes nothing.
func TestTokenOfParsedForm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, query, body string
		status            int
		code              string
	}{
		{"C10 well formed", "", "grant_type=client_credentials", 200, ""},
		{"D09+attack-D14 a repeat", "", "grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"},
		{"D08 only in the query", "grant_type=client_credentials", "", 400, "invalid_request"},
		{"C36 brackets are part of a name", "", "grant_type=client_credentials&client_id[$ne]=x&client_secret[$ne]=y", 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r := rawToken(formType, tt.body)
			r.URL.RawQuery = tt.query
			assert.NoError(t, r.ParseForm())
			a := f.do(r)
			if tt.status == http.StatusOK {
				a.tokens(t)
				return
			}
			a.assertError(t, tt.status, tt.code)
		})
	}
}
