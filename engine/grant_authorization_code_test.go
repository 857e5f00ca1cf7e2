package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestCodeExchange(t *testing.T) {
	t.Parallel()
	t.Run("E01+6749-4.1.3 the answer, the calls and the record", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t)
		before := f.store.count()
		a := f.exchange(code)
		access, refresh := a.tokens(t)
		assert.Equal(t, map[string]any{
			"access_token": access, "token_type": "Bearer", "expires_in": 3600.0, "refresh_token": refresh, "scope": "read",
		}, a.json(t))
		assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
		assert.Equal(t, "no-cache", a.Header().Get("Pragma"))
		assert.Equal(t, 3, f.store.count()-before, "client, code, redeem and nothing else")
		assert.Equal(t, 1, f.store.count("RedeemAuthorizationCode"))
		saved := f.store.lastToken(t)
		assert.Equal(t, model.Token{
			GrantID: f.store.lastCode(t).Key.Grant, ClientID: "conf", UserID: "alice",
			Access: model.DigestOf(access), Refresh: model.DigestOf(refresh), Scope: "read", GrantScope: "read",
			IssuedAt: fixtureStart, AccessExpiresAt: fixtureStart.Add(time.Hour),
			RefreshExpiresAt: fixtureStart.Add(14 * 24 * time.Hour), GrantExpiresAt: fixtureStart.Add(90 * 24 * time.Hour),
		}, saved)
		assert.True(t, f.works(access))
	})
	t.Run("M13 tokens are 64 characters, all different", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		seen := map[string]bool{}
		for range 8 {
			code := f.code(t)
			access, refresh := f.exchange(code).tokens(t)
			for _, s := range []string{code, access, refresh} {
				assert.Regexp(t, `^[A-Za-z0-9_-]{64}$`, s)
				assert.False(t, seen[s])
				seen[s] = true
			}
		}
	})
	t.Run("6749-4.1.3 a public client names itself and proves the rest by PKCE", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t, pub()...)
		form := []string{"code=" + code, "redirect_uri=" + rp, "code_verifier=" + verifier}
		f.token("pub", "", "authorization_code", form...).tokens(t)
	})
	t.Run("E08+6749-4.1.2 the last moment of a code", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t)
		f.clock.Advance(time.Minute - time.Millisecond)
		f.exchange(code).tokens(t)
	})
}

// exchangeRow is an exchange that is refused. The code was requested by AZ with
// the edits of request; after the refusal the same code goes through with the
// parameters of then.
type exchangeRow struct {
	name          string
	request, form []string
	status        int
	code          string
	reason        string
	then          []string
}

func (row exchangeRow) run(t *testing.T, f *fixture) {
	t.Helper()
	code := f.code(t, row.request...)
	f.exchange(code, row.form...).assertError(t, row.status, row.code)
	assert.Equal(t, row.reason, f.lastEvent(t).Reason)
	assert.Zero(t, f.store.count("RedeemAuthorizationCode", "RevokeGrant"), "a refused request spends nothing")
	assert.Empty(t, f.store.saved)
	f.exchange(code, row.then...).tokens(t)
}

func TestCodeExchangeRefused(t *testing.T) {
	t.Parallel()
	rows := []exchangeRow{
		{"E02 no code", nil, []string{"-code"}, 400, "invalid_request", "code_missing", nil},
		{"E02+attack-D06 empty code", nil, []string{"code="}, 400, "invalid_request", "code_missing", nil},
		{"E03 not printable", nil, []string{"code=øå€"}, 400, "invalid_request", "code_malformed", nil},
		{"E04 no code at all", nil, []string{"code=ghost"}, 400, "invalid_grant", "code_unknown", nil},
		{"E04 one that nobody issued", nil, []string{"code=" + strings.Repeat("A1b2", 16)}, 400, "invalid_grant", "code_unknown", nil},
		{"E05 repeated", nil, []string{"+code=ghost"}, 400, "invalid_request", "repeated_parameter", nil},
		{"E11+6749-5.2+6749-10.6 redirect URI left out", nil, []string{"-redirect_uri"}, 400, "invalid_grant", "redirect_uri_mismatch", nil},
		{"E12 redirect URI that is none", nil, []string{"redirect_uri=foobar"}, 400, "invalid_grant", "redirect_uri_mismatch", nil},
		{"E13+attack-B22+6749-10.6+2.1-10.2 another registered redirect URI", nil, []string{"redirect_uri=" + r2}, 400, "invalid_grant", "redirect_uri_mismatch", nil},
		{"E14+6749-4.1.3 one slash more", nil, []string{"redirect_uri=" + r1 + "/"}, 400, "invalid_grant", "redirect_uri_mismatch", nil},
		{"E14 other letter case", nil, []string{"redirect_uri=" + strings.ToUpper(r1)}, 400, "invalid_grant", "redirect_uri_mismatch", nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.run(t, newFixture(t))
		})
	}
	for _, row := range []struct {
		name, left, query, reason, code string
	}{
		{"E06+6749-3.2 code in the query only", "-code", "code", "code_missing", "invalid_request"},
		{"E15+6749-3.2 redirect URI in the query only", "-redirect_uri", "redirect_uri", "redirect_uri_mismatch", "invalid_grant"},
		{"E35+6749-3.2 verifier in the query only", "-code_verifier", "code_verifier", "verifier_missing", "invalid_grant"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			form := url.Values{"grant_type": {"authorization_code"}, "code": {f.code(t, withS256, s256)}, "redirect_uri": {r1}, "code_verifier": {verifier}}
			query := url.Values{row.query: {form.Get(row.query)}}
			r := post("/oauth/token?"+query.Encode(), edit(form, row.left))
			r.SetBasicAuth("conf", "s3cret")
			f.do(r).assertError(t, 400, row.code)
			assert.Equal(t, row.reason, f.lastEvent(t).Reason)
			assert.Zero(t, f.store.count("RedeemAuthorizationCode"))
		})
	}
	t.Run("E07+6749-4.1.2+6749-4.1.3+6749-10.5 the code of another client", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		to := "redirect_uri=https://client2.example/cb"
		code := f.code(t, "client_id=conf2", to)
		foreign, unknown := f.exchange(code, to), f.exchange("ghost")
		foreign.assertError(t, 400, "invalid_grant")
		assert.Equal(t, unknown.Body.String(), foreign.Body.String(), "a thief learns nothing")
		f.token("conf2", "s3cret2", "authorization_code", "code="+code, to).tokens(t)
	})
	t.Run("E08+6749-4.1.2+6749-10.5 expired", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t)
		f.clock.Advance(time.Minute)
		f.exchange(code).assertError(t, 400, "invalid_grant")
		assert.Equal(t, "code_expired", f.lastEvent(t).Reason)
		assert.Zero(t, f.store.count("RedeemAuthorizationCode", "RevokeGrant"))
	})
	t.Run("6749-4.1.3+6749-10.5+2.1-10.2 a confidential client must authenticate", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t)
		form := []string{"code=" + code, "redirect_uri=" + r1}
		f.token("conf", "", "authorization_code", form...).assertError(t, 400, "invalid_client")
		f.token("conf", "wrong", "authorization_code", form...).assertError(t, 401, "invalid_client")
		assert.Zero(t, f.store.count("GetAuthorizationCode"), "the code was not looked at")
		f.exchange(code).tokens(t)
	})
}

// Whether the redirect URI is repeated depends on the request alone.
func TestCodeExchangeWithoutRedirectURI(t *testing.T) {
	t.Parallel()
	exchange := func(f *fixture, code string, edits ...string) answer {
		return f.token("conf2", "s3cret2", "authorization_code", append([]string{"code=" + code}, edits...)...)
	}
	t.Run("E16+6749-4.1.3 not named, not repeated", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		exchange(f, f.code(t, "client_id=conf2", "-redirect_uri")).tokens(t)
	})
	t.Run("E17 not named, another one sent", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t, "client_id=conf2", "-redirect_uri")
		exchange(f, code, "redirect_uri=https://evil.example/").assertError(t, 400, "invalid_grant")
		exchange(f, code).tokens(t)
	})
}

func TestCodeExchangeScope(t *testing.T) {
	t.Parallel()
	for name, scope := range map[string]string{
		"E20+attack-D08 wider": "scope=read write",
		"E20 another":          "scope=write",
		"E21 not a scope":      `scope=a"b`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			assert.Equal(t, "read", f.exchange(f.code(t), scope).json(t)["scope"])
			assert.Equal(t, model.Scope("read"), f.store.lastToken(t).GrantScope)
		})
	}
	t.Run("E22 the default scope of a request without one", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		assert.Equal(t, "read", f.exchange(f.code(t, "-scope")).json(t)["scope"])
	})
	// policy answers at the exchange, not at the approval.
	policy := func(exchange *atomic.Bool, scope model.Scope, err error) func(*engine.Config) {
		return func(c *engine.Config) {
			c.ValidateScope = func(_ context.Context, req engine.ScopeRequest) (model.Scope, error) {
				if exchange.Load() {
					return scope, err
				}
				return req.Scope, nil
			}
		}
	}
	tests := []struct {
		name  string
		scope model.Scope
		err   error
		code  string
		got   string
	}{
		{"E23 policy refuses", "", &engine.Error{Code: "invalid_scope", Description: "Not today."}, "invalid_scope", ""},
		{"E23+M31 policy returns nothing", "", nil, "invalid_scope", ""},
		{"E23 policy returns something else", "admin", nil, "invalid_scope", ""},
		{"E24+6749-10.3 policy widens", "read write admin", nil, "", "read write"},
		{"E24 policy narrows", "write", nil, "", "write"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var on atomic.Bool
			f := newFixture(t, policy(&on, tt.scope, tt.err))
			code := f.code(t, "scope=read write")
			on.Store(true)
			a := f.exchange(code)
			if tt.code == "" {
				assert.Equal(t, tt.got, a.json(t)["scope"])
				return
			}
			a.assertError(t, 400, tt.code)
			assert.Zero(t, f.store.count("RedeemAuthorizationCode"))
			on.Store(false)
			f.exchange(code).tokens(t)
		})
	}
	t.Run("attack-D08 the client lost a scope since", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		both, write := f.code(t, "scope=read write"), f.code(t, "scope=write")
		c := fixtureClients()[0]
		c.Scope = "read"
		f.store.addRaw(c)
		assert.Equal(t, "read", f.exchange(both).json(t)["scope"])
		f.exchange(write).assertError(t, 400, "invalid_scope")
	})
}

// What the store says when the code is spent is what counts.
func TestCodeExchangeOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		err    error
		status int
		code   string
		revoke int
	}{
		{"E18+M32 gone", model.ErrNotFound, 400, "invalid_grant", 0},
		{"E18+M32 revoked", model.ErrRevoked, 400, "invalid_grant", 0},
		{"E18+M32+9700-4.2.4 spent by another request", model.ErrSpent, 400, "invalid_grant", 1},
		{"E19+E25 a fault", errors.New("pq: the database is on fire"), 500, "server_error", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			code := f.code(t)
			f.store.failOn("RedeemAuthorizationCode", tt.err)
			a := f.exchange(code)
			a.assertError(t, tt.status, tt.code)
			assert.NotContains(t, a.Body.String(), "fire")
			assert.Empty(t, f.store.saved)
			assert.Equal(t, tt.revoke, f.store.count("RevokeGrant"))
			f.store.setHook(nil)
			if tt.revoke == 0 {
				f.exchange(code).tokens(t) // E25: not lost
			}
		})
	}
}

func TestCodeMangled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	code := f.code(t)
	mangled := map[string]string{
		"truncated":         code[:63],
		"truncated at left": code[1:],
		"extended":          code + "A",
		"extended at left":  "A" + code,
		"padding":           code + "==",
		"standard base64":   "+/" + code[2:],
		"5 kB":              strings.Repeat("A", 5000) + code,
		"grant of zeros":    strings.Repeat("A", 22) + code[22:],
	}
	for i := range code {
		flipped := byte('A')
		if code[i] == 'A' {
			flipped = 'B'
		}
		mangled[fmt.Sprintf("flipped at %d", i)] = code[:i] + string(flipped) + code[i+1:]
	}
	want := f.exchange("ghost").Body.String()
	for name, text := range mangled {
		a := f.exchange(text)
		assert.Equal(t, http.StatusBadRequest, a.Code, "attack-D06 %s", name)
		assert.Equal(t, want, a.Body.String(), "attack-D06 %s: all look alike", name)
	}
	t.Run("attack-D06 asked for as little as possible", func(t *testing.T) {
		before := f.store.count("GetAuthorizationCode")
		for _, name := range []string{"truncated", "truncated at left", "padding", "standard base64", "5 kB", "grant of zeros"} {
			f.exchange(mangled[name])
		}
		assert.Equal(t, before, f.store.count("GetAuthorizationCode"))
	})
	t.Run("attack-D06 a line break", func(t *testing.T) {
		f.exchange(code[:40]+"\n"+code[41:]).assertError(t, 400, "invalid_request")
	})
	t.Run("attack-D06 1 MB", func(t *testing.T) {
		f.exchange(strings.Repeat("A", 1<<20)).assertError(t, http.StatusRequestEntityTooLarge, "invalid_request")
	})
	t.Run("attack-D06+6749-10.10 the code itself is unharmed", func(t *testing.T) {
		assert.Zero(t, f.store.count("RedeemAuthorizationCode", "RevokeGrant"))
		f.exchange(code).tokens(t)
	})
}

func TestCodeExchangeClientGone(t *testing.T) {
	t.Parallel()
	change := func(edit func(*model.Client)) func(*fixture) {
		return func(f *fixture) {
			c := fixtureClients()[0]
			edit(&c)
			f.store.addRaw(c)
		}
	}
	tests := []struct {
		name   string
		change func(*fixture)
		status int
		code   string
	}{
		{"attack-D18 disabled", change(func(c *model.Client) { c.Disabled = true }), 401, "invalid_client"},
		{"attack-D18 deleted", func(f *fixture) { f.store.failOn("GetClient", model.ErrNotFound) }, 401, "invalid_client"},
		{"L17 lost the grant", change(func(c *model.Client) { c.Grants = []string{model.GrantClientCredentials} }), 400, "unauthorized_client"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			code := f.code(t)
			tt.change(f)
			f.exchange(code).assertError(t, tt.status, tt.code)
			assert.Zero(t, f.store.count("GetAuthorizationCode", "RedeemAuthorizationCode"), "the code is untouched")
			assert.Empty(t, f.store.saved)
		})
	}
	t.Run("attack-D18 enabled again", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t)
		change(func(c *model.Client) { c.Disabled = true })(f)
		f.exchange(code).assertError(t, 401, "invalid_client")
		change(func(*model.Client) {})(f)
		_, refresh := f.exchange(code).tokens(t)
		require.NotEmpty(t, refresh)
	})
}
