package engine_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// revoke sends a revocation of a client that authenticates by Basic, or of the
// public one.
func (f *fixture) revoke(clientID, secret, token string, edits ...string) answer {
	form := edit(url.Values{"token": {token}}, edits...)
	if secret == "" {
		form.Set("client_id", clientID)
	}
	r := post("/oauth/revoke", form)
	if secret != "" {
		r.SetBasicAuth(clientID, secret)
	}
	return f.do(r)
}

// refreshes reports whether a refresh token of conf still gets a pair.
func (f *fixture) refreshes(refresh string) bool {
	return f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh).Code == http.StatusOK
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	t.Run("7009-2.1+attack-H06 a refresh token ends the grant at once", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, refresh := f.tokens(t)
		a := f.revoke("conf", "s3cret", refresh)
		assert.Equal(t, http.StatusOK, a.Code)
		assert.Empty(t, a.Body.String())
		assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
		assert.Equal(t, engine.EventRevoked, f.lastEvent(t).Type)
		assert.False(t, f.works(access))
		assert.False(t, f.refreshes(refresh))
	})
	t.Run("7009-2 an access token ends by itself", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, refresh := f.tokens(t)
		assert.Equal(t, http.StatusOK, f.revoke("conf", "s3cret", access).Code)
		assert.False(t, f.works(access))
		assert.True(t, f.refreshes(refresh))
	})
	t.Run("7009-2.1 whatever the hint says", func(t *testing.T) {
		t.Parallel()
		for _, hint := range []string{"access_token", "refresh_token", "nonsense", ""} {
			f := newFixture(t)
			access, refresh := f.tokens(t)
			assert.Equal(t, http.StatusOK, f.revoke("conf", "s3cret", access, "token_type_hint="+hint).Code)
			assert.False(t, f.works(access), hint)
			assert.Equal(t, http.StatusOK, f.revoke("conf", "s3cret", refresh, "token_type_hint="+hint).Code)
			assert.False(t, f.refreshes(refresh), hint)
		}
	})
	t.Run("7009-2.2+attack-H04 an unknown token is no error", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, refresh := f.tokens(t)
		for _, token := range []string{"nope", access[:63] + "A", "x" + refresh} {
			assert.Equal(t, http.StatusOK, f.revoke("conf", "s3cret", token).Code)
		}
		assert.Equal(t, http.StatusOK, f.revoke("conf", "s3cret", refresh).Code)
		assert.Equal(t, http.StatusOK, f.revoke("conf", "s3cret", refresh).Code, "twice")
	})
	t.Run("7009-2.1 another client's token is refused and lives", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, refresh := f.tokens(t)
		f.revoke("conf2", "s3cret2", access).assertError(t, http.StatusBadRequest, "invalid_grant")
		f.revoke("conf2", "s3cret2", refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.True(t, f.works(access))
		assert.True(t, f.refreshes(refresh))
	})
	t.Run("attack-H02 a public client revokes its own token", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t, pub()...)
		access, refresh := f.token("pub", "", "authorization_code", "code="+code, "redirect_uri="+rp, "code_verifier="+verifier).tokens(t)
		assert.Equal(t, http.StatusOK, f.revoke("pub", "", refresh).Code)
		assert.False(t, f.works(access))
	})
	t.Run("attack-H08 the refresh token of an expired access token", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		f.clock.Advance(2 * f.srv.Config().AccessTokenLifetime)
		assert.Equal(t, http.StatusOK, f.revoke("conf", "s3cret", refresh).Code)
		assert.False(t, f.refreshes(refresh))
	})
	t.Run("7009-2.1 a spent refresh token ends the grant too", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		access, _ := f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh).tokens(t)
		assert.Equal(t, http.StatusOK, f.revoke("conf", "s3cret", refresh).Code)
		assert.False(t, f.works(access))
	})
}

func TestRevokeRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	access, refresh := f.tokens(t)
	form := func(values url.Values) *http.Request {
		r := post("/oauth/revoke", values)
		r.SetBasicAuth("conf", "s3cret")
		return r
	}
	for _, tc := range []struct {
		name   string
		r      *http.Request
		status int
		code   string
	}{
		{"7009-2.1 no token", form(url.Values{}), 400, "invalid_request"},
		{"7009-2.1 an empty token", form(url.Values{"token": {""}}), 400, "invalid_request"},
		{"7009-2.1 a token twice", form(url.Values{"token": {access, refresh}}), 400, "invalid_request"},
		{"7009-2.1 characters that no token has", form(url.Values{"token": {"a\x00b"}}), 400, "invalid_request"},
		{"7009-2.1 no client", post("/oauth/revoke", url.Values{"token": {access}}), 400, "invalid_client"},
		{"7009-2.1 a confidential client without its secret", post("/oauth/revoke", url.Values{"token": {access}, "client_id": {"conf"}}), 400, "invalid_client"},
	} {
		t.Run(tc.name, func(t *testing.T) { f.do(tc.r).assertError(t, tc.status, tc.code) })
	}
	t.Run("7009-5 a wrong secret", func(t *testing.T) {
		a := f.revoke("conf", "guess", access)
		a.assertError(t, http.StatusUnauthorized, "invalid_client")
		assert.Contains(t, a.Header().Get("WWW-Authenticate"), "Basic")
	})
	t.Run("7009-2.1 the method", func(t *testing.T) {
		r := form(url.Values{"token": {access}})
		r.Method = http.MethodGet
		a := f.do(r)
		assert.Equal(t, http.StatusMethodNotAllowed, a.Code)
		assert.Equal(t, "POST", a.Header().Get("Allow"))
	})
	assert.True(t, f.works(access), "no refused request revokes")
	assert.True(t, f.refreshes(refresh))
}

// A store that fails must never look like success: the token may be alive.
func TestRevokeFault(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"GetAccessToken", "GetRefreshToken", "RevokeGrant", "RevokeAccessToken", "GetClient"} {
		t.Run("7009-2.2.1 "+verb, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			access, refresh := f.tokens(t)
			f.store.failOn(verb, errors.New("db down"))
			token := refresh
			if verb == "RevokeAccessToken" {
				token = access
			}
			a := f.revoke("conf", "s3cret", token)
			require.GreaterOrEqual(t, a.Code, 500)
			assert.NotContains(t, a.Body.String(), "db down")
			if verb != "GetClient" {
				assert.Equal(t, http.StatusServiceUnavailable, a.Code)
				assert.NotEmpty(t, a.Header().Get("Retry-After"))
			}
		})
	}
}

// A client that is being closed sends its token and does not wait.
func TestRevokeOfAClientThatHangsUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	access, refresh := f.tokens(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.store.setHook(func(_ context.Context, verb string, do func() error) error {
		err := do()
		if verb == "GetRefreshToken" {
			cancel()
		}
		return err
	})
	r := post("/oauth/revoke", url.Values{"token": {refresh}, "token_type_hint": {"refresh_token"}})
	r.SetBasicAuth("conf", "s3cret")
	f.do(r.WithContext(ctx))
	f.store.setHook(nil)
	require.Error(t, ctx.Err())
	f.assertDead(t, access, refresh)
}
