package engine_test

import (
	"context"
	"errors"
	"fmt"
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

// What clients see at the token endpoint, where adapters of the port got it wrong.
func TestTokenOnTheWire(t *testing.T) {
	t.Parallel()
	tk := func(edit func(*http.Request), form url.Values) *http.Request {
		r := post("/oauth/token", form)
		r.SetBasicAuth("conf", "s3cret")
		if edit != nil {
			edit(r)
		}
		return r
	}
	machine := url.Values{"grant_type": {"client_credentials"}}
	tests := []struct {
		name    string
		request *http.Request
		status  int
		code    string
	}{
		{"K14+6749-5.2 wrong secret", tk(func(r *http.Request) { r.SetBasicAuth("conf", "wrong") }, machine), 401, "invalid_client"},
		{"K15 GET", tk(func(r *http.Request) { r.Method = http.MethodGet }, machine), 405, "invalid_request"},
		{"K15 JSON", tk(func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, machine), 400, "invalid_request"},
		{"K16+6749-3.2 grant_type twice", tk(nil, edit(url.Values{}, "+grant_type=client_credentials", "+grant_type=client_credentials")), 400, "invalid_request"},
		{"K16 scope twice", tk(nil, edit(url.Values{"grant_type": {"client_credentials"}}, "+scope=read", "+scope=read")), 400, "invalid_request"},
		{"K16 client_id twice", tk(nil, edit(url.Values{"grant_type": {"client_credentials"}}, "+client_id=conf", "+client_id=conf")), 400, "invalid_request"},
		{"K16 code twice", tk(nil, edit(url.Values{"grant_type": {"authorization_code"}}, "+code=a", "+code=b")), 400, "invalid_request"},
		{"K18 an operator for a code", tk(nil, url.Values{"grant_type": {"authorization_code"}, "code[$ne]": {"x"}}), 400, "invalid_request"},
		{"K18 an operator for a refresh token", tk(nil, url.Values{"grant_type": {"refresh_token"}, "refresh_token[$ne]": {"x"}}), 400, "invalid_request"},
		{"M11 a verifier means nothing to another grant", tk(nil, edit(url.Values{"grant_type": {"client_credentials"}}, "code_verifier=x")), 200, ""},
		{"9700-2.4 the password grant is off", tk(nil, url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wonderland"}}), 400, "unsupported_grant_type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			a := f.do(tt.request)
			if tt.status == http.StatusOK {
				a.tokens(t)
				return
			}
			a.assertError(t, tt.status, tt.code)
			assert.Equal(t, tt.status == http.StatusUnauthorized, a.Header().Get("WWW-Authenticate") == `Basic realm="oauth"`)
			assert.Empty(t, f.store.saved)
		})
	}
	t.Run("K17 the store fails", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.store.failOn("SaveToken", errors.New("SQL x"))
		a := f.token("conf", "s3cret", "client_credentials")
		a.assertError(t, http.StatusInternalServerError, "server_error")
		assert.NotContains(t, a.Body.String(), "SQL")
	})
}

// An error is a value with its answer prepared, so that an application can look
// at it, log it, and write it as it is or in its own way.
func TestErrorValue(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	t.Run("K19 code, status, headers and redirect are in it", func(t *testing.T) {
		t.Parallel()
		_, err := f.srv.AuthorizeRequest(get(az("response_type=token")))
		var e *engine.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, engine.CodeUnsupportedResponseType, e.Code)
		assert.Equal(t, r1, e.RedirectURI)
		assert.Equal(t, "xyz", e.State)
		_, err = f.srv.Authenticate(rs("Bearer x"))
		require.ErrorAs(t, err, &e)
		assert.Equal(t, http.StatusUnauthorized, e.HTTPStatus())
		assert.NotEmpty(t, e.Header.Get("WWW-Authenticate"))
		assert.Empty(t, e.RedirectURI)
	})
	t.Run("K20 nothing is written before the writer is asked", func(t *testing.T) {
		t.Parallel()
		w := httptest.NewRecorder()
		_, err := f.srv.AuthorizeRequest(get(az("client_id=ghost")))
		require.Error(t, err)
		assert.Empty(t, w.Header())
		f.srv.WriteError(w, get(nil), err)
		assert.Equal(t, http.StatusBadRequest, w.Code)
	})
	t.Run("K21 the token travels in the context", func(t *testing.T) {
		t.Parallel()
		tok := &model.Token{ClientID: "conf"}
		assert.Nil(t, model.TokenFromContext(context.Background()))
		assert.Same(t, tok, model.TokenFromContext(model.ContextWithToken(context.Background(), tok)))
	})
	t.Run("M25 cause and code are kept", func(t *testing.T) {
		t.Parallel()
		cause := errors.New("disk full")
		e := &engine.Error{Code: "server_error", Description: "Sorry.", Cause: cause}
		assert.ErrorIs(t, e, cause)
		assert.EqualError(t, e, "server_error: Sorry.: disk full")
		assert.EqualError(t, &engine.Error{}, "unauthorized")
		assert.Same(t, e, engine.AsError(fmt.Errorf("wrapped: %w", e)))
	})
	t.Run("M25 any other error is a fault", func(t *testing.T) {
		t.Parallel()
		cause := errors.New("disk full")
		e := engine.AsError(cause)
		assert.Equal(t, engine.CodeServerError, e.Code)
		assert.Equal(t, http.StatusInternalServerError, e.HTTPStatus())
		assert.ErrorIs(t, e, cause)
		a := f.writeError(get(nil), cause)
		a.assertError(t, http.StatusInternalServerError, "server_error")
		assert.NotContains(t, a.Body.String(), "disk")
	})
	t.Run("M19 without a redirect URI there is no redirect", func(t *testing.T) {
		t.Parallel()
		f.writeError(get(nil), &engine.Error{Code: "access_denied", Description: "No.", State: "xyz", HasState: true}).assertError(t, http.StatusBadRequest, "access_denied")
	})
}

// Rules about the whole of a flow.
func TestFlowRules(t *testing.T) {
	t.Parallel()
	t.Run("B68+6749-3.3 no scope and no default scope", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) { c.DefaultScope = "" })
		f.authorize("-scope").assertRedirectError(t, r1, "invalid_scope", "xyz")
		f.authorize("scope=").assertRedirectError(t, r1, "invalid_scope", "xyz")
		f.authorize("scope= ").assertRedirectError(t, r1, "invalid_scope", "xyz")
	})
	t.Run("6749-3.3 of the default the client gets what it may have", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) { c.DefaultScope = "admin write" })
		f.code(t, "-scope")
		assert.Equal(t, model.Scope("write"), f.store.lastCode(t).Scope)
	})
	t.Run("6749-3.3+2.1-7.9 a client without scope gets none", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		require.NoError(t, f.store.AddClient(model.Client{ID: "bare", Public: true, RedirectURIs: []string{rp}}))
		for _, scope := range []string{"-scope", "scope=read"} {
			f.authorize(pub("client_id=bare", scope)...).assertRedirectError(t, rp, "invalid_scope", "xyz")
		}
	})
	t.Run("B38 a client without grants has the two of the code flow", func(t *testing.T) {
		t.Parallel()
		newFixture(t).code(t, pub()...)
	})
	t.Run("B53+B54 state where it is required", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) { c.RequireState = true })
		f.authorize("-state").assertRedirectError(t, r1, "invalid_request", "")
		f.authorize("state=").assertRedirectError(t, r1, "invalid_request", "")
		assert.Equal(t, "state_missing", f.lastEvent(t).Reason)
		f.code(t)
	})
	t.Run("6749-3.1.2.2 no code flow without a registered redirect URI", func(t *testing.T) {
		t.Parallel()
		c := model.Client{ID: "x", Public: true, Scope: "read"}
		assert.ErrorContains(t, c.Validate(), "needs RedirectURIs")
	})
	t.Run("attack-C10+6749-10.2+2.1-7.3 consent is skipped only for a client that nobody can pose as", func(t *testing.T) {
		t.Parallel()
		c := model.Client{ID: "x", Public: true, SkipConsent: true, Scope: "read"}
		for uri, ok := range map[string]bool{rp: true, "http://127.0.0.1/cb": false, "com.example.app:/cb": false} {
			c.RedirectURIs = []string{uri}
			assert.Equal(t, ok, c.Validate() == nil, uri)
		}
	})
	t.Run("6749-2.1+2.1-8.1 the type of a client is what was registered", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t, pub()...)
		exchange := []string{"code=" + code, "redirect_uri=" + rp, "code_verifier=" + verifier}
		f.token("pub", "guess", "authorization_code", exchange...).assertError(t, http.StatusUnauthorized, "invalid_client")
		f.token("pub", "", "authorization_code", exchange...).tokens(t)
	})
	t.Run("6749-2.2+6749-2.3 the id of a confidential client proves nothing", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t)
		f.token("conf", "", "authorization_code", "code="+code, "redirect_uri="+r1).assertError(t, http.StatusBadRequest, "invalid_client")
		f.token("conf", "s3cret", "authorization_code", "code="+code, "redirect_uri="+r1).tokens(t)
	})
	t.Run("6750-5.3+9700-2.3 an access token lives an hour", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.tokens(t)
		assert.Equal(t, int64(3600), int64(f.store.lastToken(t).AccessExpiresAt.Sub(fixtureStart).Seconds()))
	})
	t.Run("6750-5.2+6749-10.3+9700-4.9.3 the store sees digests, never a secret", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, refresh := f.tokens(t)
		seen := fmt.Sprintf("%+v %+v", f.store.codes, f.store.saved)
		for _, secret := range append([]string{access, refresh}, f.secrets...) {
			assert.NotContains(t, seen, secret)
			assert.NotContains(t, seen, secret[22:])
		}
		tok := f.store.lastToken(t)
		assert.Equal(t, model.DigestOf(access), tok.Access)
		assert.Equal(t, model.DigestOf(refresh), tok.Refresh)
	})
	t.Run("attack-O04+9700-4.9.3 no secret in the log of a full run", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, refresh := f.tokens(t)
		f.resource(rs("Bearer "+access), "admin")
		f.resource(rs("Bearer x" + access))
		f.token("conf", "wrong-s3cret", "refresh_token", "refresh_token="+refresh)
		f.token("conf2", "s3cret2", "refresh_token", "refresh_token="+refresh)
		f.token("conf", "s3cret", "password", "username=alice", "password=wonderland")
		assert.Contains(t, f.logs.String(), "oauth: issued")
		assert.Contains(t, f.logs.String(), "oauth: refused")
		assert.NotContains(t, strings.ToLower(f.logs.String()), "bearer ")
		assert.GreaterOrEqual(t, len(f.secrets), 3, "the check at the end has something to look for")
	})
}
