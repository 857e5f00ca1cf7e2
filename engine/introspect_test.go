package engine_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// introspect asks about a token as a client that authenticates by Basic, or as
// the public one.
func (f *fixture) introspect(clientID, secret, token string, edits ...string) answer {
	form := edit(url.Values{"token": {token}}, edits...)
	if secret == "" {
		form.Set("client_id", clientID)
	}
	r := post("/oauth/introspect", form)
	if secret != "" {
		r.SetBasicAuth(clientID, secret)
	}
	return f.do(r)
}

func (a answer) assertInactive(t *testing.T) {
	t.Helper()
	assert.Equal(t, http.StatusOK, a.Code)
	assert.Equal(t, `{"active":false}`, a.Body.String())
	assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
}

func TestIntrospect(t *testing.T) {
	t.Parallel()
	t.Run("7662-2.2+7662-5+attack-I04+attack-I06 a live access token", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, _ := f.tokens(t)
		now := float64(f.clock.Now().Unix())
		for _, who := range [][2]string{{"conf", "s3cret"}, {"rs", "rss"}} {
			a := f.introspect(who[0], who[1], access)
			assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
			assert.Equal(t, map[string]any{
				"active": true, "sub": "alice", "client_id": "conf", "scope": "read write", "iss": issuer,
				"token_type": "Bearer", "iat": now, "exp": now + 3600,
			}, a.json(t))
		}
	})
	t.Run("7662-2.1 a refresh token, whatever the hint", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		for _, hint := range []string{"", "access_token", "refresh_token", "x"} {
			in := f.introspect("conf", "s3cret", refresh, "token_type_hint="+hint).json(t)
			assert.Equal(t, true, in["active"])
			assert.NotContains(t, in, "token_type")
		}
	})
	t.Run("7662-2.2+attack-I02 another client's token", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, refresh := f.tokens(t)
		f.introspect("conf2", "s3cret2", access).assertInactive(t)
		f.introspect("conf2", "s3cret2", refresh).assertInactive(t)
	})
	t.Run("7662-2.2 a token that a client got for itself has no sub", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		a := f.token("cconly", "ccs", "client_credentials", "scope=read")
		access, _ := a.json(t)["access_token"].(string)
		in := f.introspect("rs", "rss", access).json(t)
		assert.Equal(t, true, in["active"])
		assert.NotContains(t, in, "sub")
	})
	t.Run("7662-4 expired, revoked, spent, unknown", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, refresh := f.tokens(t)
		f.introspect("conf", "s3cret", "nope").assertInactive(t)
		f.clock.Advance(time.Hour)
		f.introspect("rs", "rss", access).assertInactive(t)
		_, next := f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh).tokens(t)
		f.introspect("rs", "rss", refresh).assertInactive(t)
		assert.Equal(t, http.StatusOK, f.revoke("conf", "s3cret", next).Code)
		f.introspect("rs", "rss", next).assertInactive(t)
	})
	t.Run("7662-2.2 the audience", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withResources)
		access, _ := f.tokens(t, "resource="+resourceB)
		assert.Equal(t, []any{resourceB}, f.introspect("rs", "rss", access).json(t)["aud"])
		access, _ = f.tokens(t)
		assert.NotContains(t, f.introspect("rs", "rss", access).json(t), "aud", "it was asked for without a resource")
	})
}

func TestIntrospectRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	access, _ := f.tokens(t)
	t.Run("7662-2.3 a wrong secret", func(t *testing.T) {
		f.introspect("rs", "guess", access).assertError(t, http.StatusUnauthorized, "invalid_client")
	})
	t.Run("7662-2.1 no client", func(t *testing.T) {
		f.do(post("/oauth/introspect", url.Values{"token": {access}})).assertError(t, http.StatusBadRequest, "invalid_client")
	})
	t.Run("7662-2.1 no token", func(t *testing.T) {
		f.introspect("rs", "rss", "").assertError(t, http.StatusBadRequest, "invalid_request")
	})
	t.Run("7662-2.1 the method", func(t *testing.T) {
		r := post("/oauth/introspect", url.Values{"token": {access}})
		r.Method = http.MethodPut
		assert.Equal(t, http.StatusMethodNotAllowed, f.do(r).Code)
	})
	t.Run("7662-2.3 a store that fails is not an inactive token", func(t *testing.T) {
		f.store.failOn("GetAccessToken", errors.New("db down"))
		a := f.introspect("rs", "rss", access)
		a.assertError(t, http.StatusInternalServerError, engine.CodeServerError)
		assert.NotContains(t, a.Body.String(), "db down")
	})
}
