package engine_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// grant puts a grant into the configuration.
func grant(name string, decide engine.GrantFunc) func(*engine.Config) {
	return func(c *engine.Config) { c.Grants = map[string]engine.Grant{name: decide} }
}

func TestExtensionGrant(t *testing.T) {
	t.Parallel()
	decide := func(d *engine.Decision, err error) func(*engine.Config) {
		return grant(customURN, func(context.Context, *engine.TokenRequest) (*engine.Decision, error) { return d, err })
	}
	custom := func(authorization string, edits ...string) *http.Request {
		return tk(authorization, append([]string{"grant_type=" + customURN}, edits...)...)
	}
	refusal := func(code, description string) error { return &engine.Error{Code: code, Description: description} }
	alices := &engine.Decision{UserID: "alice"}
	tests := []struct {
		name    string
		option  func(*engine.Config)
		request *http.Request
		status  int
		// want is the scope or the error.
		want string
	}{
		{"I01+6749-4.5 the scope of the request", decide(alices, nil), custom(basic("ext:x"), "scope=write"), http.StatusOK, "write"},
		{"I01 the default scope", decide(alices, nil), custom(basic("ext:x")), http.StatusOK, "read"},
		{"I01 the scope of the decision", decide(&engine.Decision{Scope: "write"}, nil), custom(basic("ext:x"), "scope=read"), http.StatusOK, "write"},
		{"I01 a decision of more than the client may have", decide(&engine.Decision{Scope: "admin"}, nil), custom(basic("ext:x")), http.StatusBadRequest, "invalid_scope"},
		{"I01 more than the client may have", decide(alices, nil), custom(basic("ext:x"), "scope=admin"), http.StatusBadRequest, "invalid_scope"},
		{"I02 not registered", func(*engine.Config) {}, custom(basic("ext:x")), http.StatusBadRequest, "unsupported_grant_type"},
		{"I04 a refusal", decide(nil, refusal("invalid_grant", "assertion expired")), custom(basic("ext:x")), http.StatusBadRequest, "invalid_grant"},
		{"I05 a refusal with a code of its own", decide(nil, refusal("authorization_pending", "wait")), custom(basic("ext:x")), http.StatusBadRequest, "authorization_pending"},
		{"I06 a fault", decide(nil, errDown), custom(basic("ext:x")), http.StatusInternalServerError, "server_error"},
		{"I07 neither", decide(nil, nil), custom(basic("ext:x")), http.StatusInternalServerError, "server_error"},
		{"I09 a confidential client without its secret", decide(alices, nil), custom("", "client_id=ext"), http.StatusBadRequest, "invalid_client"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, tt.option)
			a := f.do(tt.request)
			if tt.status != http.StatusOK {
				a.assertError(t, tt.status, tt.want)
				assert.NotContains(t, a.Body.String(), "db-7")
				assert.Empty(t, f.store.saved)
				return
			}
			access, refresh := a.tokens(t)
			assert.True(t, f.works(access))
			assert.Empty(t, refresh, "the client has no refresh_token grant")
			assert.Equal(t, tt.want, a.json(t)["scope"])
		})
	}
	t.Run("I01 what the grant sees", func(t *testing.T) {
		t.Parallel()
		var seen []string
		f := newFixture(t, grant(customURN, func(_ context.Context, r *engine.TokenRequest) (*engine.Decision, error) {
			seen = []string{r.Client.ID, r.GrantType, r.Param("assertion"), r.Param("nothing")}
			return &engine.Decision{UserID: "alice"}, nil
		}))
		f.do(custom(basic("ext:x"), "assertion=a+b")).tokens(t)
		assert.Equal(t, []string{"ext", customURN, "a+b", ""}, seen)
		assert.Equal(t, "alice", f.store.lastToken(t).UserID)
	})
	t.Run("I03 a client without it: the grant is not asked", func(t *testing.T) {
		t.Parallel()
		asked := false
		f := newFixture(t, grant(customURN, func(context.Context, *engine.TokenRequest) (*engine.Decision, error) {
			asked = true
			return nil, errDown
		}))
		f.do(custom(basic(conf))).assertError(t, http.StatusBadRequest, "unauthorized_client")
		assert.False(t, asked)
	})
	t.Run("I08 a built-in grant is replaced", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withPassword, grant(model.GrantPassword, func(context.Context, *engine.TokenRequest) (*engine.Decision, error) {
			return &engine.Decision{UserID: "from the application", NoRefreshToken: true}, nil
		}))
		_, refresh := f.do(tk(basic(conf), "grant_type=password")).tokens(t)
		assert.Empty(t, refresh)
		assert.Equal(t, "from the application", f.store.lastToken(t).UserID)
	})
	t.Run("I01 with a refresh token for a client that may", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, decide(alices, nil))
		c := fixtureClients()[0]
		c.Grants = append(c.Grants, customURN)
		f.store.addRaw(c)
		_, refresh := f.do(custom(basic(conf))).tokens(t)
		f.refresh(refresh).tokens(t)
	})
}
