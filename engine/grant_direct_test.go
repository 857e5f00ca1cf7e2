package engine_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func noDefaultScope(c *engine.Config) { c.DefaultScope = "" }

// allowScope is a policy that allows this scope to everybody.
func allowScope(scope model.Scope) func(*engine.Config) {
	return func(c *engine.Config) {
		c.ValidateScope = func(context.Context, engine.ScopeRequest) (model.Scope, error) { return scope, nil }
	}
}

func TestClientCredentialsGrant(t *testing.T) {
	t.Parallel()
	lifetime := func(c *engine.Config) { c.AccessTokenLifetime = 10 * time.Second }
	user := func(u *model.User, err error) func(*engine.Config) {
		return func(c *engine.Config) {
			c.ClientUser = func(context.Context, *model.Client) (*model.User, error) { return u, err }
		}
	}
	tests := []struct {
		name    string
		request *http.Request
		option  func(*engine.Config)
		// want is the scope, or the error after "!".
		want      string
		expiresIn float64
		user      string
	}{
		{"G01+attack-F18+6749-4.4.3 default scope, no refresh token", tk(basic(conf)), nil, "read", 3600, ""},
		{"G02 two scopes", tk(basic(conf), "scope=read write"), nil, "read write", 3600, ""},
		{"G03+6749-3.3 more than the client may have", tk(basic(conf), "scope=admin"), nil, "!invalid_scope", 0, ""},
		{"G03 a scope that there is not", tk(basic(conf), "scope=nothing"), nil, "!invalid_scope", 0, ""},
		{"G04+M02 a quote", tk(basic(conf), `scope=re"ad`), nil, "!invalid_scope", 0, ""},
		{"G04+M02 a tab", tk(basic(conf), "scope=read\twrite"), nil, "!invalid_scope", 0, ""},
		{"G04 beyond ASCII", tk(basic(conf), "scope=réad"), nil, "!invalid_scope", 0, ""},
		{"G04+attack-A12 NUL", tk(basic(conf), "scope=read\x00"), nil, "!invalid_scope", 0, ""},
		{"G05+M01+6749-3.2 an empty scope", tk(basic(conf), "scope="), nil, "read", 3600, ""},
		{"G06 spaces only", tk(basic(conf), "scope=   "), nil, "read", 3600, ""},
		{"G07+M03 many spaces", tk(basic(conf), "scope=  read   write "), nil, "read write", 3600, ""},
		{"G08 a scope twice", tk(basic(conf), "scope=read read"), nil, "read", 3600, ""},
		{"G09+6749-3.2 scope repeated", tk(basic(conf), "+scope=read", "+scope=write"), nil, "!invalid_request", 0, ""},
		{"G10+6749-3.3 no scope and no default", tk(basic(conf)), noDefaultScope, "!invalid_scope", 0, ""},
		{"G11 no policy, any scope", tk(basic(conf), "scope=anything goes"), nil, "!invalid_scope", 0, ""},
		{"G12+6749-3.3+6749-5.1 the policy narrows", tk(basic(conf), "scope=read write"), allowScope("read"), "read", 3600, ""},
		{"G12+E24 the policy cannot widen", tk(basic(conf), "scope=read"), allowScope("read write admin"), "read", 3600, ""},
		{"G13+M31 the policy leaves nothing", tk(basic(conf)), allowScope(""), "!invalid_scope", 0, ""},
		{"G15+6749-4.4 nobody to act for", tk(basic(conf)), user(nil, nil), "read", 3600, ""},
		{"G15 no such user", tk(basic(conf)), user(nil, model.ErrNoUser), "read", 3600, ""},
		{"G01 a user to act for", tk(basic(conf)), user(&model.User{ID: "service"}, nil), "read", 3600, "service"},
		{"G18+M30 the client's own lifetime", tk(basic("short:x")), nil, "read", 60, ""},
		{"G19+M30 the server's lifetime", tk(basic(conf)), lifetime, "read", 10, ""},
		{"G18+M30 the client's beats the server's", tk(basic("short:x")), lifetime, "read", 60, ""},
		{"G21+M30 none of its own", tk(basic("cconly:ccs")), nil, "read", 3600, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var options []func(*engine.Config)
			if tt.option != nil {
				options = append(options, tt.option)
			}
			f := newFixture(t, options...)
			a := f.do(tt.request)
			if code, refused := strings.CutPrefix(tt.want, "!"); refused {
				a.assertError(t, http.StatusBadRequest, code)
				assert.Empty(t, f.store.saved)
				return
			}
			access, refresh := a.tokens(t)
			assert.True(t, f.works(access))
			assert.Empty(t, refresh)
			m := a.json(t)
			assert.Equal(t, tt.want, m["scope"])
			assert.InDelta(t, tt.expiresIn, m["expires_in"], 0)
			tok := f.store.lastToken(t)
			assert.Equal(t, tt.user, tok.UserID)
			assert.Zero(t, tok.Refresh)
			assert.Zero(t, tok.RefreshExpiresAt)
			assert.Equal(t, tok.AccessExpiresAt, tok.GrantExpiresAt)
			assert.Equal(t, 1, f.store.count("SaveToken"))
		})
	}
	t.Run("G01 each token has a grant of its own", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.do(tk(basic(conf))).tokens(t)
		f.do(tk(basic(conf))).tokens(t)
		assert.NotEqual(t, f.store.saved[0].GrantID, f.store.saved[1].GrantID)
	})
	t.Run("attack-O06+9700-4.15.1 a client called like a user is none", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		require.NoError(t, f.store.AddClient(model.Client{ID: "alice", Secrets: model.HashSecrets("x"), Grants: []string{model.GrantClientCredentials}, Scope: "read"}))
		f.do(tk(basic("alice:x"))).tokens(t)
		assert.Empty(t, f.store.lastToken(t).UserID)
	})
	t.Run("G12 what the policy is told", func(t *testing.T) {
		t.Parallel()
		var told engine.ScopeRequest
		f := newFixture(t, func(c *engine.Config) {
			c.ValidateScope = func(_ context.Context, r engine.ScopeRequest) (model.Scope, error) { told = r; return r.Scope, nil }
		})
		f.do(tk(basic(conf), "scope=read write")).tokens(t)
		assert.Equal(t, "conf", told.Client.ID)
		assert.Equal(t, engine.ScopeRequest{Client: told.Client, GrantType: "client_credentials", Scope: "read write"}, told)
	})
}

func TestPasswordGrant(t *testing.T) {
	t.Parallel()
	pw := func(authorization string, edits ...string) *http.Request {
		return tk(authorization, append([]string{"grant_type=password", "username=alice", "password=wonderland"}, edits...)...)
	}
	tests := []struct {
		name    string
		request *http.Request
		option  func(*engine.Config)
		want    string
	}{
		{"H01 the scope by default", pw(basic(conf)), nil, "read"},
		{"H02 two scopes", pw(basic(conf), "scope=read write"), nil, "read write"},
		{"H03 no username", pw(basic(conf), "-username"), nil, "!invalid_request"},
		{"H03 an empty username", pw(basic(conf), "username="), nil, "!invalid_request"},
		{"H04 no password", pw(basic(conf), "-password"), nil, "!invalid_request"},
		{"H04 an empty password", pw(basic(conf), "password="), nil, "!invalid_request"},
		{"H05 a line break in the username", pw(basic(conf), "username=alice\r\n"), nil, "!invalid_request"},
		{"H05 a line break in the password", pw(basic(conf), "password=wonder\nland"), nil, "!invalid_request"},
		{"H05+attack-A12 NUL in the username", pw(basic(conf), "username=alice\x00"), nil, "!invalid_request"},
		{"H05 no UTF-8", pw(basic(conf), "username=\xff"), nil, "!invalid_request"},
		{"H06 a username beyond ASCII", pw(basic(conf), "username=ålice€"), nil, "!invalid_grant"},
		{"H07 a username of astral characters", pw(basic(conf), "username=😀😀"), nil, "!invalid_grant"},
		{"H08 a username of both", pw(basic(conf), "username=alice😀"), nil, "!invalid_grant"},
		{"H09+6749-4.3.2 wrong password", pw(basic(conf), "password=x"), nil, "!invalid_grant"},
		{"H10 unknown user", pw(basic(conf), "username=bob"), nil, "!invalid_grant"},
		{"H11 wrong password and malformed scope", pw(basic(conf), "password=x", `scope=a"b`), nil, "!invalid_grant"},
		{"H12 more than the client may have", pw(basic(conf), "scope=admin"), nil, "!invalid_scope"},
		{"H13 credentials in the query", with(pw(basic(conf), "-username", "-password"), func(r *http.Request) { r.URL.RawQuery = "username=alice&password=wonderland" }), nil, "!invalid_request"},
		{"H14 operators", pw(basic(conf), "-username", "username[$ne]=x"), nil, "!invalid_request"},
		{"H17+6749-3.3 no scope and no default", pw(basic(conf)), noDefaultScope, "!invalid_scope"},
		{"H12 the policy leaves nothing", pw(basic(conf)), allowScope("write"), "!invalid_scope"},
		{"H10 a user that is disabled", pw(basic(conf)), func(c *engine.Config) {
			c.CheckUser = func(context.Context, string) error { return model.ErrNoUser }
		}, "!invalid_grant"},
		{"H10 a user without id", pw(basic(conf)), func(c *engine.Config) {
			c.CheckPassword = func(context.Context, *model.Client, string, string) (*model.User, error) { return &model.User{}, nil }
		}, "!invalid_grant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			options := []func(*engine.Config){withPassword}
			if tt.option != nil {
				options = append(options, tt.option)
			}
			f := newFixture(t, options...)
			a := f.do(tt.request)
			if code, refused := strings.CutPrefix(tt.want, "!"); refused {
				a.assertError(t, http.StatusBadRequest, code)
				assert.Empty(t, f.store.saved)
				return
			}
			access, refresh := a.tokens(t)
			assert.True(t, f.works(access))
			assert.NotEmpty(t, refresh)
			assert.Equal(t, tt.want, a.json(t)["scope"])
			assert.Equal(t, "alice", f.store.lastToken(t).UserID)
		})
	}
	t.Run("H09+H10 unknown user and wrong password get one answer", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withPassword)
		wrong, unknown := f.do(pw(basic(conf), "password=x")), f.do(pw(basic(conf), "username=bob"))
		assert.Equal(t, wrong.Code, unknown.Code)
		assert.Equal(t, plainDescription(wrong.json(t)["error_description"]), plainDescription(unknown.json(t)["error_description"]))
	})
	t.Run("H15+F26 no refresh token for a client without the grant", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withPassword)
		_, refresh := f.do(pw(basic("ext:x"))).tokens(t)
		assert.Empty(t, refresh)
	})
	t.Run("H16+M30 the client's own lifetimes", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withPassword)
		a := f.do(pw(basic("short:x")))
		assert.InDelta(t, 60, a.json(t)["expires_in"], 0)
		tok := f.store.lastToken(t)
		assert.Equal(t, fixtureStart.Add(time.Minute), tok.AccessExpiresAt)
		assert.Equal(t, fixtureStart.Add(2*time.Minute), tok.RefreshExpiresAt)
	})
	t.Run("H01 the callback is told all", func(t *testing.T) {
		t.Parallel()
		var told []string
		f := newFixture(t, func(c *engine.Config) {
			c.CheckPassword = func(_ context.Context, c *model.Client, username, password string) (*model.User, error) {
				told = []string{c.ID, username, password}
				return alice(), nil
			}
		})
		f.do(pw(basic(conf), "username=ålice😀")).tokens(t)
		assert.Equal(t, []string{"conf", "ålice😀", "wonderland"}, told)
	})
}
