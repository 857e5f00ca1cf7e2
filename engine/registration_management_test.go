package engine_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func (f *fixture) manage(method string, c registered, body string) answer {
	return f.do(registration(method, c.path, c.token, body))
}

// tokensOf lets alice approve a registered client and exchanges the code.
func (f *fixture) tokensOf(t *testing.T, c registered) (access, refresh string) {
	t.Helper()
	code := f.code(t, "client_id="+c.id, "redirect_uri="+newURI, withS256, s256)
	return f.token(c.id, c.secret, "authorization_code", "code="+code, "redirect_uri="+newURI, "code_verifier="+verifier).tokens(t)
}

func TestManageClientAccess(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withRegistration())
	mine, _ := f.registerOK(t, newClient)
	other, _ := f.registerOK(t, newClient)
	off, _ := f.registerOK(t, newClient)
	require.NoError(t, f.srv.DisableClient(t.Context(), off.id))
	for _, row := range []struct{ name, path, token string }{
		{"7592-2 no token", mine.path, ""},
		{"7592-2 another client's token", mine.path, other.token},
		{"7592-2 the client's secret", mine.path, mine.secret},
		{"7592-2 no such client", "/ghost", mine.token},
		{"7592-2 no client", "/", mine.token},
		{"7592-2 a client that did not register itself", "/conf", mine.token},
		{"7592-2 a disabled client", off.path, off.token},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "PUT", "DELETE"} {
				a := f.do(registration(method, row.path, row.token, ""))
				assert.Equal(t, http.StatusUnauthorized, a.Code, method)
				assert.Contains(t, a.Header().Get("WWW-Authenticate"), `Bearer realm="oauth"`)
				assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
			}
		})
	}
	t.Run("7592-2 other methods", func(t *testing.T) {
		t.Parallel()
		for _, method := range []string{"POST", "PATCH", "HEAD"} {
			a := f.manage(method, mine, "")
			assert.Equal(t, http.StatusMethodNotAllowed, a.Code)
			assert.Equal(t, "GET, PUT, DELETE", a.Header().Get("Allow"))
		}
	})
}

func TestReadClient(t *testing.T) {
	t.Parallel()
	t.Run("7592-2 GET shows all but the secret", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withRegistration())
		c, want := f.registerOK(t, newClient)
		a := f.manage("GET", c, "")
		require.Equal(t, http.StatusOK, a.Code)
		assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
		delete(want, "client_secret")
		delete(want, "client_secret_expires_at")
		assert.Equal(t, want, a.json(t))
	})
}

func TestReplaceClient(t *testing.T) {
	t.Parallel()
	put := func(c registered, members string) string { return `{"client_id":"` + c.id + `",` + members + `}` }
	const uris = `"redirect_uris":["https://next.example/cb"]`

	t.Run("7592-2 PUT replaces all", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withRegistration())
		c, _ := f.registerOK(t, strings.Replace(newClient, "{", `{"contacts":["a"],`, 1))
		a := f.manage("PUT", c, put(c, uris+`,"client_secret":"`+c.secret+`"`))
		require.Equal(t, http.StatusOK, a.Code, a.Body)
		m := a.json(t)
		assert.Equal(t, []any{"https://next.example/cb"}, m["redirect_uris"])
		assert.Equal(t, []any{"authorization_code"}, m["grant_types"])
		for _, gone := range []string{"client_name", "contacts", "client_secret"} {
			assert.NotContains(t, m, gone)
		}
		assert.Equal(t, m, f.manage("GET", c, "").json(t))
		f.do(get(az("client_id="+c.id, "redirect_uri="+newURI, withS256, s256))).assertError(t, 400, "invalid_request")
		f.token(c.id, c.secret, "authorization_code", "code=x", "code_verifier="+verifier).assertError(t, 400, "invalid_grant")
	})

	t.Run("7592-2 a client that becomes confidential gets a secret, and loses it", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withRegistration())
		c, _ := f.registerOK(t, strings.Replace(newClient, "{", `{"token_endpoint_auth_method":"none",`, 1))
		m := f.manage("PUT", c, put(c, uris)).json(t)
		secret, _ := m["client_secret"].(string)
		require.NotEmpty(t, secret)
		f.token(c.id, secret, "authorization_code", "code=x", "code_verifier="+verifier).assertError(t, 400, "invalid_grant")
		f.manage("PUT", c, put(c, uris+`,"token_endpoint_auth_method":"none"`))
		f.token(c.id, secret, "authorization_code", "code=x", "code_verifier="+verifier).assertError(t, 401, "invalid_client")
	})

	t.Run("7592-2 the user is asked again", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withRegistration())
		c, _ := f.registerOK(t, newClient)
		f.tokensOf(t, c)
		consents, err := f.store.ListConsents(t.Context(), "alice", c.id)
		require.NoError(t, err)
		require.NotEmpty(t, consents)
		require.Equal(t, 200, f.manage("PUT", c, put(c, uris)).Code)
		consents, err = f.store.ListConsents(t.Context(), "alice", c.id)
		require.NoError(t, err)
		assert.Empty(t, consents)
	})

	t.Run("7592-2 the user is asked again, also if the client hangs up", func(t *testing.T) {
		t.Parallel()
		var hangUp context.CancelFunc
		f := newFixture(t, withRegistration(), func(c *engine.Config) {
			c.Clients = hangingUp{c.Model.(model.ClientModel), func() { hangUp() }}
		})
		c, _ := f.registerOK(t, newClient)
		hangUp = func() {}
		f.tokensOf(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		hangUp = cancel
		f.do(registration("PUT", c.path, c.token, put(c, uris)).WithContext(ctx))
		require.Error(t, ctx.Err())
		consents, err := f.store.ListConsents(t.Context(), "alice", c.id)
		require.NoError(t, err)
		assert.Empty(t, consents)
	})

	t.Run("7592-2 a store that cannot forget consents loses no secret", func(t *testing.T) {
		t.Parallel()
		consents := &forgetful{}
		f := newFixture(t, withRegistration(), func(c *engine.Config) {
			consents.ConsentModel = c.Model.(model.ConsentModel)
			c.Consents = consents
		})
		public := strings.Replace(newClient, "{", `{"token_endpoint_auth_method":"none",`, 1)
		c, _ := f.registerOK(t, public)
		consents.failAt(1)
		a := f.manage("PUT", c, put(c, uris))
		assert.Equal(t, http.StatusServiceUnavailable, a.Code)
		assert.Equal(t, "none", f.manage("GET", c, "").json(t)["token_endpoint_auth_method"], "nothing was changed")
		consents.failAt(2) // the first is before the change
		a = f.manage("PUT", c, put(c, uris))
		require.Equal(t, http.StatusOK, a.Code)
		assert.NotEmpty(t, a.json(t)["client_secret"])
		assert.Equal(t, 1, f.countEvents(engine.EventClientChanged))
		consents.failAt(1) // no secret is at stake
		assert.Equal(t, http.StatusServiceUnavailable, f.manage("PUT", c, put(c, uris)).Code)
	})

	f := newFixture(t, withRegistration())
	c, before := f.registerOK(t, newClient)
	adopted, _ := f.registerOK(t, newClient)
	require.NoError(t, f.store.UpdateClient(t.Context(), adopted.id, func(c *model.Client) error { c.SelfRegistered = false; return nil }))
	for _, row := range []struct {
		name, body string
		client     registered
		status     int
		code       string
	}{
		{"7592-2 no client_id", `{` + uris + `}`, c, 400, "invalid_request"},
		{"7592-2 another client_id", put(adopted, uris), c, 400, "invalid_request"},
		{"7592-2 a secret of its own choice", put(c, uris+`,"client_secret":"mine"`), c, 400, "invalid_request"},
		{"7592-2 the server's members", put(c, uris+`,"registration_access_token":"x"`), c, 400, "invalid_request"},
		{"7592-2 the same rules as at first", put(c, `"redirect_uris":["http://x.example/"]`), c, 400, "invalid_redirect_uri"},
		{"7592-2 no JSON", `x`, c, 400, "invalid_client_metadata"},
		{"7592-2 a client that an administrator vouches for", put(adopted, uris), adopted, 403, "access_denied"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f.manage("PUT", row.client, row.body).assertError(t, row.status, row.code)
			assert.Equal(t, before["redirect_uris"], f.manage("GET", c, "").json(t)["redirect_uris"])
		})
	}
}

func TestDeleteClient(t *testing.T) {
	t.Parallel()
	t.Run("attack-K08+7592-2 grants, tokens and codes end", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withRegistration())
		c, _ := f.registerOK(t, newClient)
		other, _ := f.registerOK(t, newClient)
		access, refresh := f.tokensOf(t, c)
		code := f.code(t, "client_id="+c.id, "redirect_uri="+newURI, withS256, s256)
		otherAccess, _ := f.tokensOf(t, other)

		a := f.manage("DELETE", c, "")
		assert.Equal(t, http.StatusNoContent, a.Code)
		assert.Empty(t, a.Body.String())
		assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))

		assert.False(t, f.works(access))
		assert.True(t, f.works(otherAccess))
		f.token(c.id, c.secret, "refresh_token", "refresh_token="+refresh).assertError(t, 401, "invalid_client")
		f.token(c.id, c.secret, "authorization_code", "code="+code, "redirect_uri="+newURI, "code_verifier="+verifier).assertError(t, 401, "invalid_client")
		assert.Equal(t, http.StatusUnauthorized, f.manage("GET", c, "").Code)
		assert.Equal(t, http.StatusUnauthorized, f.manage("DELETE", c, "").Code)
		grants, err := f.srv.ListGrants(t.Context(), model.GrantFilter{ClientID: c.id}, 0)
		require.NoError(t, err)
		assert.Empty(t, grants)
	})

	t.Run("7592-2 a client that an administrator vouches for stays", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withRegistration())
		c, _ := f.registerOK(t, newClient)
		access, _ := f.tokensOf(t, c)
		require.NoError(t, f.store.UpdateClient(t.Context(), c.id, func(c *model.Client) error { c.SelfRegistered = false; return nil }))
		f.manage("DELETE", c, "").assertError(t, 403, "access_denied")
		assert.True(t, f.works(access))
		assert.Equal(t, http.StatusOK, f.manage("GET", c, "").Code)
	})

	t.Run("attack-K08 a store that fails is never a success", func(t *testing.T) {
		t.Parallel()
		for _, broken := range []func(*engine.Config){
			func(c *engine.Config) { c.GrantList = failingGrants{c.Model.(model.GrantModel)} },
			func(c *engine.Config) { c.Clients = failingClients{c.Model.(model.ClientModel)} },
		} {
			f := newFixture(t, withRegistration(), broken)
			c, _ := f.registerOK(t, newClient)
			a := f.manage("DELETE", c, "")
			assert.Equal(t, http.StatusServiceUnavailable, a.Code)
			assert.NotEmpty(t, a.Header().Get("Retry-After"))
			assert.Equal(t, http.StatusOK, f.manage("GET", c, "").Code, "it can ask again")
		}
	})
}

// forgetful fails one of the next attempts to forget.
type forgetful struct {
	model.ConsentModel
	calls, failing int
}

func (f *forgetful) failAt(call int) { f.calls, f.failing = 0, call }

func (f *forgetful) DeleteConsents(ctx context.Context, filter model.GrantFilter) error {
	if f.calls++; f.calls == f.failing {
		return errors.New("db down")
	}
	return f.ConsentModel.DeleteConsents(ctx, filter)
}

type failingGrants struct{ model.GrantModel }

func (failingGrants) RevokeGrants(context.Context, model.GrantFilter) (int, error) {
	return 0, errors.New("db down")
}

type failingClients struct{ model.ClientModel }

func (failingClients) DeleteClient(context.Context, string) error { return errors.New("db down") }

// hangingUp is a client that closes the connection once its change is stored.
type hangingUp struct {
	model.ClientModel
	hangUp func()
}

func (h hangingUp) UpdateClient(ctx context.Context, id string, change func(*model.Client) error) error {
	err := h.ClientModel.UpdateClient(ctx, id, change)
	h.hangUp()
	return err
}
