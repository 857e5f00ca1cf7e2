package engine_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestApprove(t *testing.T) {
	t.Parallel()
	narrow := func(scope model.Scope) func(*engine.Config) {
		return func(c *engine.Config) {
			c.ValidateScope = func(context.Context, engine.ScopeRequest) (model.Scope, error) { return scope, nil }
		}
	}
	single := []string{"client_id=pub", "-redirect_uri", withS256, s256}
	tests := []struct {
		name    string
		edits   []string
		option  func(*engine.Config)
		to      string
		state   string // empty: none
		changed func(code *model.AuthorizationCode)
	}{
		{"B01+K01+attack-A16+9207-2 code, state and issuer", nil, nil, r1, "xyz", nil},
		{"B07 another registered redirect_uri", []string{"redirect_uri=" + r2}, nil, r2, "xyz", func(c *model.AuthorizationCode) { c.RedirectURI = r2 }},
		{"B09 the one registered redirect_uri, not sent", single, nil, rp, "xyz", func(c *model.AuthorizationCode) {
			c.ClientID, c.RedirectURI, c.RedirectURISent = "pub", rp, false
			c.Challenge, c.HasChallenge = challengeBytes(), true
		}},
		{"B55+B53 no state", []string{"-state"}, nil, r1, "", nil},
		{"B56+B54+attack-A14+6749-3.1 an empty state is none", []string{"state="}, nil, r1, "", nil},
		{"B57+6749-4.1.2 state beyond ASCII", []string{"state=øå€"}, nil, r1, "øå€", nil},
		{"B58 state of reserved characters", []string{"state=a b&c=d#e+f%"}, nil, r1, "a b&c=d#e+f%", nil},
		{"B57 state that is not UTF-8", []string{"state=\xff\xfe\x00"}, nil, r1, "\xff\xfe\x00", nil},
		{"attack-A10+6749-10.14+2.1-7.12 hostile state", []string{"state=" + hostileState()}, nil, r1, hostileState(), nil},
		{"B67+B69+attack-A14 an empty scope is the default", []string{"scope="}, nil, r1, "xyz", nil},
		{"B67+M01+6749-3.3 no scope is the default", []string{"-scope"}, nil, r1, "xyz", nil},
		{"B70+M02 a scope of spaces is the default", []string{"scope=   "}, nil, r1, "xyz", nil},
		{"M04+K18 a list is no scope, but an unknown parameter", []string{"-scope", "scope[]=admin", "scope[0]=write"}, nil, r1, "xyz", nil},
		{"M03 spaces in the scope do not count", []string{"scope=  read     write "}, nil, r1, "xyz", func(c *model.AuthorizationCode) { c.Scope = "read write" }},
		{"M03 repeats in the scope do not count", []string{"scope=write read write"}, nil, r1, "xyz", func(c *model.AuthorizationCode) { c.Scope = "write read" }},
		{"B71 the policy narrows the scope", []string{"scope=read write"}, narrow("read"), r1, "xyz", nil},
		{"B71 the policy cannot widen the scope", []string{"scope=read"}, narrow("read write admin"), r1, "xyz", nil},
		{"B91 lifetime", nil, func(c *engine.Config) { c.CodeLifetime = 5 * time.Minute }, r1, "xyz", func(c *model.AuthorizationCode) { c.ExpiresAt = fixtureStart.Add(5 * time.Minute) }},
		{"B92+6749-2.3.1 a client_secret in the query proves nothing and harms nothing", []string{"client_secret=wrong"}, nil, r1, "xyz", nil},
		{"B93+6749-3.1 unknown parameters", []string{"prompt=none", "nonce=1", "constructor=1"}, nil, r1, "xyz", nil},
		{"9700-4.17 response_mode does not matter", []string{"response_mode=web_message"}, nil, r1, "xyz", nil},
		{"9700-2.1.2 never in a fragment", []string{"response_mode=fragment"}, nil, r1, "xyz", nil},
		{"8707-2 resource may repeat", []string{"+resource=https://a.example", "+resource=https://b.example"}, nil, r1, "xyz", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if tt.option != nil {
				f = newFixture(t, tt.option)
			}
			a := f.authorize(tt.edits...)
			require.Equal(t, http.StatusSeeOther, a.Code, a.Body)
			to, q := a.location(t)
			assert.Equal(t, tt.to, to)
			assert.Equal(t, []string{issuer}, q["iss"])
			assert.Len(t, q["code"], 1)
			if tt.state == "" {
				assert.False(t, q.Has("state"))
			} else {
				assert.Equal(t, []string{tt.state}, q["state"])
			}
			assert.Empty(t, q["error"])
			want := model.AuthorizationCode{
				ClientID: "conf", UserID: "alice", Scope: "read", RedirectURI: r1, RedirectURISent: true,
				IssuedAt: fixtureStart, ExpiresAt: fixtureStart.Add(time.Minute), RetainUntil: fixtureStart.Add(10 * time.Minute),
			}
			if tt.changed != nil {
				tt.changed(&want)
			}
			got := f.store.lastCode(t)
			assert.Equal(t, model.DigestOf(q.Get("code")), got.Key.Digest)
			assert.False(t, got.Key.Grant.IsZero())
			got.Key = model.Key{}
			assert.Equal(t, want, got)
			assert.Equal(t, engine.EventAuthorized, f.lastEvent(t).Type)
		})
	}
}

// hostileState is 8 kB of everything that could break out of a Location.
func hostileState() string {
	const part = "<script>\"'\\\r\nSet-Cookie: a=b\r\n\r\n\t&code=evil&iss=evil&state=evil#x?\u2028é"
	return strings.Repeat(part, 8192/len(part))
}

func TestApproveHeaders(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.authorize("state=" + hostileState())
	t.Run("B94+attack-A18+9700-4.2.4 nothing is cached and no referrer leaks", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
		assert.Equal(t, "no-referrer", a.Header().Get("Referrer-Policy"))
		assert.Empty(t, a.Body.String())
	})
	t.Run("attack-A10 the Location is of URI characters", func(t *testing.T) {
		t.Parallel()
		for _, r := range a.Header().Get("Location") {
			assert.True(t, r > 0x20 && r < 0x7f && !strings.ContainsRune("\"<>\\^`{|}#", r), "%q", r)
		}
	})
	t.Run("B94+9700-2.6+2.1-3.1 no CORS at the authorization endpoint", func(t *testing.T) {
		t.Parallel()
		assert.Empty(t, a.Header().Get("Access-Control-Allow-Origin"))
	})
	t.Run("B02+9700-4.12+2.1-7.5.3 303 after a POST, never 307", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, http.StatusSeeOther, a.Code)
	})
	t.Run("K01 302 after a GET", func(t *testing.T) {
		t.Parallel()
		req, err := f.srv.AuthorizeRequest(get(az()))
		require.NoError(t, err)
		res, err := f.srv.Approve(context.Background(), req, alice(), "read")
		require.NoError(t, err)
		w := f.write(get(az()), res)
		assert.Equal(t, http.StatusFound, w.Code)
		assert.Equal(t, res.Location, w.Header().Get("Location"))
	})
	t.Run("B86+M13+6749-10.10+2.1-1.4.2+2.1-7.7 a code is a prefix and 64 characters, never the same", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) { c.TokenPrefix = "app_" })
		one, two := f.code(t), f.code(t)
		assert.Regexp(t, `^app_[A-Za-z0-9_-]{64}$`, one)
		assert.NotEqual(t, one[26:], two[26:])
		assert.NotEqual(t, one[4:26], two[4:26], "the grants differ too")
	})
}

// Only the user's decision, made on a page that was shown, is an approval.
func TestApprovalIsExplicit(t *testing.T) {
	t.Parallel()
	for _, allowed := range []string{"true", "false", "FALSE", "0", "no", "1", ""} {
		t.Run("B49+B50+6749-10.12 a GET with allowed="+allowed+" decides nothing", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.page(t, "allowed="+allowed, "decision=allow")
			assert.Zero(t, f.store.count("SaveAuthorizationCode"))
		})
	}
	for _, decision := range []string{"deny", "FALSE", "no", "Allow", ""} {
		t.Run("B47+B48+K02+attack-C08 decision "+decision+" denies", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			a := f.decide(f.page(t), decision)
			a.assertRedirectError(t, r1, "access_denied", "xyz")
			assert.Equal(t, http.StatusSeeOther, a.Code)
			assert.Equal(t, 1, f.store.count(), "the client was read and nothing stored")
			ev := f.lastEvent(t)
			assert.Equal(t, engine.EventDenied, ev.Type)
			assert.Equal(t, "alice", ev.UserID)
		})
	}
	t.Run("B51 denied without state", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.decide(f.page(t, "-state"), "deny").assertRedirectError(t, r1, "access_denied", "")
	})
	t.Run("B40+B44+K06+K07+6749-3.1+9700-4.11.2 nobody is signed in", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.user = nil
		to, _ := f.authorize().location(t)
		assert.Equal(t, "/login", to)
		req, err := f.srv.AuthorizeRequest(get(az()))
		require.NoError(t, err)
		for _, nobody := range []*model.User{nil, {}, {Name: "No ID"}} {
			_, err = f.srv.Approve(context.Background(), req, nobody, "read")
			require.Error(t, err)
			_, err = f.srv.Seal(req, nobody)
			require.Error(t, err)
			_, err = f.srv.Open(context.Background(), "x", nobody)
			require.Error(t, err)
		}
		assert.Zero(t, f.store.count("SaveAuthorizationCode"))
	})
	t.Run("B43+B45 an access token signs nobody in", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, _ := f.tokens(t)
		f.user = nil
		r := get(az())
		r.Header.Set("Authorization", "Bearer "+access)
		to, _ := f.do(r).location(t)
		assert.Equal(t, "/login", to)
	})
	t.Run("B40 a request that was not validated cannot be approved", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, err := f.srv.Approve(context.Background(), &engine.AuthorizeRequest{ClientID: "conf", RedirectURI: r1, Scope: "read"}, alice(), "read")
		require.Error(t, err)
	})
}

// What the application itself refuses goes the way of the request.
func TestRefuse(t *testing.T) {
	t.Parallel()
	down := errors.New("session store down")
	denied := &engine.Error{Code: engine.CodeAccessDenied, Description: "Blocked."}
	tests := []struct {
		name    string
		err     error
		request bool
		status  int
		code    string
	}{
		{"B41 a fault before the request is known", down, false, 500, "server_error"},
		{"B41+6749-4.1.2.1 a fault of a validated request", down, true, 0, "server_error"},
		{"B42+6749-4.1.2.1 the login denies access", denied, true, 0, "access_denied"},
		{"B42 the login denies access before the request is known", denied, false, 400, "access_denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			var req *engine.AuthorizeRequest
			if tt.request {
				var err error
				req, err = f.srv.AuthorizeRequest(get(az()))
				require.NoError(t, err)
			}
			a := f.writeError(get(az()), f.srv.Refuse(context.Background(), req, tt.err))
			assert.NotContains(t, a.Body.String()+a.Header().Get("Location"), "session")
			if tt.request {
				a.assertRedirectError(t, r1, tt.code, "xyz")
			} else {
				a.assertError(t, tt.status, tt.code)
			}
		})
	}
	assert.Empty(t, denied.RedirectURI, "an error of the application is not changed")
}

func TestApproveScope(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, asked, approved, got string
	}{
		{"6749-10.2 all that was asked", "read write", "read write", "read write"},
		{"6749-3.3+9700-2.3 the user narrows", "read write", "write", "write"},
		{"6749-10.12 nothing approved", "read write", "", ""},
		{"6749-10.12 more than was asked", "read", "read write", ""},
		{"6749-10.12 something else", "read", "write", ""},
		{"6749-10.12 nothing but spaces", "read", "   ", ""},
		{"6749-10.12 not a scope", "read", "read\t", ""},
		{"6749-3.3 not in normal form", "read write", " write  write", "write"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			a := f.decide(f.page(t, "scope="+tt.asked), "allow", "scope="+tt.approved)
			if tt.got == "" {
				a.assertRedirectError(t, r1, "invalid_scope", "xyz")
				assert.Zero(t, f.store.count("SaveAuthorizationCode"))
				return
			}
			a.code(t)
			assert.Equal(t, model.Scope(tt.got), f.store.lastCode(t).Scope)
		})
	}
}
