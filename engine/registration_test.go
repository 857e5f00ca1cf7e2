package engine_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// withRegistration lets everybody register, for reading.
func withRegistration(changes ...func(*engine.RegistrationPolicy)) func(*engine.Config) {
	return func(c *engine.Config) {
		p := &engine.RegistrationPolicy{AllowOpen: true, Scope: "read"}
		for _, change := range changes {
			change(p)
		}
		c.Registration = p
	}
}

// registration is a request of the registration endpoints; an empty token: none.
func registration(method, path, token, body string) *http.Request {
	r := httptest.NewRequest(method, issuer+"/oauth/register"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func (f *fixture) register(body string) answer {
	return f.do(registration(http.MethodPost, "", "", body))
}

// registered is what a client keeps of its registration.
type registered struct{ id, secret, token, path string }

// registerOK registers a client.
func (f *fixture) registerOK(t *testing.T, body string) (registered, map[string]any) {
	t.Helper()
	a := f.register(body)
	require.Equal(t, http.StatusCreated, a.Code, a.Body)
	m := a.json(t)
	c := registered{id: m["client_id"].(string), token: m["registration_access_token"].(string)}
	c.secret, _ = m["client_secret"].(string)
	c.path = strings.TrimPrefix(m["registration_client_uri"].(string), issuer+"/oauth/register")
	require.Equal(t, "/"+c.id, c.path)
	return c, m
}

const (
	newURI    = "https://new.example/cb"
	newClient = `{"client_name":"New","redirect_uris":["` + newURI + `"],"grant_types":["authorization_code","refresh_token"]}`
)

func TestRegister(t *testing.T) {
	t.Parallel()

	t.Run("7591-3.2.1 the answer has everything as stored, and the secret once", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withRegistration())
		a := f.register(`{"client_name":"New","client_name#de":"Neu","redirect_uris":["` + newURI + `"],"contacts":["a@new.example"],` +
			`"client_uri":"https://new.example/","software_id":null,"unheard_of":{"x":1},"scope":"read write admin","client_id":"mine"}`)
		require.Equal(t, http.StatusCreated, a.Code, a.Body)
		assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
		m := a.json(t)
		id := m["client_id"].(string)
		assert.NotEqual(t, "mine", id, "7591-3.1")
		assert.NotEmpty(t, m["client_secret"])
		assert.NotEmpty(t, m["registration_access_token"])
		delete(m, "client_secret")
		delete(m, "registration_access_token")
		assert.Equal(t, map[string]any{
			"client_id": id, "client_id_issued_at": float64(fixtureStart.Unix()), "client_secret_expires_at": 0.0,
			"client_name": "New", "client_name#de": "Neu", "client_uri": "https://new.example/", "contacts": []any{"a@new.example"},
			"redirect_uris": []any{newURI}, "grant_types": []any{"authorization_code"}, "response_types": []any{"code"},
			"token_endpoint_auth_method": "client_secret_basic", "scope": "read",
			"registration_client_uri": issuer + "/oauth/register/" + id,
		}, m)
	})

	t.Run("7591-3.1 ids are fresh and never look like a URL", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withRegistration())
		seen := map[string]bool{}
		for range 20 {
			c, _ := f.registerOK(t, newClient)
			assert.False(t, seen[c.id])
			assert.Regexp(t, `^[A-Za-z0-9_-]{22}$`, c.id)
			seen[c.id] = true
		}
	})

	t.Run("7591-3.2.1 a registered client goes through the flow", func(t *testing.T) {
		t.Parallel()
		for _, method := range []string{"none", "client_secret_basic"} {
			f := newFixture(t, withRegistration())
			c, _ := f.registerOK(t, strings.Replace(newClient, "{", `{"token_endpoint_auth_method":"`+method+`",`, 1))
			code := f.code(t, "client_id="+c.id, "redirect_uri="+newURI, withS256, s256)
			a := f.token(c.id, c.secret, "authorization_code", "code="+code, "redirect_uri="+newURI, "code_verifier="+verifier)
			access, refresh := a.tokens(t)
			assert.True(t, f.works(access))
			assert.NotEmpty(t, refresh)
		}
	})

	t.Run("7591-3 off by default", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		assert.False(t, f.srv.HasRegistration())
		assert.NotContains(t, string(f.srv.Metadata()), "registration_endpoint")
		assert.Equal(t, http.StatusInternalServerError, f.register(newClient).Code)
		assert.Contains(t, string(newFixture(t, withRegistration()).srv.Metadata()), `"registration_endpoint":"`+issuer+`/oauth/register"`)
	})

	t.Run("7591-3 POST of JSON only", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withRegistration())
		a := f.do(registration(http.MethodGet, "", "", ""))
		assert.Equal(t, http.StatusMethodNotAllowed, a.Code)
		assert.Equal(t, "POST", a.Header().Get("Allow"))
		r := registration(http.MethodPost, "", "", newClient)
		r.Header.Set("Content-Type", formType)
		f.do(r).assertError(t, 400, "invalid_request")
		f.register(`{"client_name":"`+strings.Repeat("x", 65<<10)+`"}`).assertError(t, 413, "invalid_request")
	})
}

func TestRegisterInitialToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withRegistration(func(p *engine.RegistrationPolicy) {
		p.AllowOpen, p.InitialAccessTokens = false, []model.Digest{model.DigestOf("first"), model.DigestOf("second")}
	}))
	for _, row := range []struct {
		name, token string
		status      int
		challenge   string
	}{
		{"7591-3 without token", "", 401, `Bearer realm="oauth"`},
		{"7591-3 wrong token", "third", 401, `error="invalid_token"`},
		{"7591-3 one of the tokens", "second", 201, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := f.do(registration(http.MethodPost, "", row.token, newClient))
			assert.Equal(t, row.status, a.Code, a.Body)
			assert.Contains(t, a.Header().Get("WWW-Authenticate"), row.challenge)
		})
	}
}

func TestRegisterUnused(t *testing.T) {
	t.Parallel()
	lifetime := withRegistration(func(p *engine.RegistrationPolicy) { p.UnusedLifetime = time.Hour })

	t.Run("7591-5 an unused client expires", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, lifetime)
		c, _ := f.registerOK(t, newClient)
		f.clock.Advance(time.Hour)
		f.do(get(az("client_id="+c.id, "redirect_uri="+newURI, withS256, s256))).assertError(t, 400, "invalid_client")
		f.token(c.id, c.secret, "refresh_token", "refresh_token=x").assertError(t, 401, "invalid_client")
		assert.Equal(t, 401, f.do(registration(http.MethodGet, c.path, c.token, "")).Code)
	})

	t.Run("7591-5 its first token lets it live on", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, lifetime)
		c, _ := f.registerOK(t, newClient)
		code := f.code(t, "client_id="+c.id, "redirect_uri="+newURI, withS256, s256)
		_, refresh := f.token(c.id, c.secret, "authorization_code", "code="+code, "redirect_uri="+newURI, "code_verifier="+verifier).tokens(t)
		f.clock.Advance(2 * time.Hour)
		f.token(c.id, c.secret, "refresh_token", "refresh_token="+refresh).tokens(t)
	})

	t.Run("7591-5 a token that the application issued counts too", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, lifetime)
		c, _ := f.registerOK(t, newClient)
		_, err := f.srv.Issue(t.Context(), engine.Issue{ClientID: c.id, UserID: "alice", Scope: "read"})
		require.NoError(t, err)
		f.clock.Advance(2 * time.Hour)
		assert.Equal(t, http.StatusOK, f.manage("GET", c, "").Code)
	})
}
