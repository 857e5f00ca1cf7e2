package engine_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// plant saves a pair that no flow would make, for conf and alice, and returns
// its texts. The edit changes the record before it is saved.
func (f *fixture) plant(t *testing.T, change func(*model.Token)) (access, refresh string) {
	t.Helper()
	var raw [3][]byte
	for i, n := range []int{16, 32, 32} {
		raw[i] = make([]byte, n)
		_, err := rand.Read(raw[i])
		require.NoError(t, err)
	}
	text := func(secret []byte) string { return base64URL(append(append([]byte(nil), raw[0]...), secret...)) }
	access, refresh = text(raw[1]), text(raw[2])
	now := f.clock.Now()
	token := model.Token{
		GrantID: model.GrantID(raw[0]), ClientID: "conf", UserID: "alice",
		Access: model.DigestOf(access), Refresh: model.DigestOf(refresh), Scope: "read write", GrantScope: "read write",
		IssuedAt: now, AccessExpiresAt: now.Add(time.Hour), RefreshExpiresAt: now.Add(14 * 24 * time.Hour), GrantExpiresAt: now.Add(90 * 24 * time.Hour),
	}
	change(&token)
	require.NoError(t, f.store.SaveToken(t.Context(), &token))
	return access, refresh
}

// setScope changes what conf may ask for.
func (f *fixture) setScope(scope model.Scope) {
	c := fixtureClients()[0]
	c.Scope = scope
	f.store.addRaw(c)
}

// assertUnspent checks that a refresh token is as good as new.
func (f *fixture) assertUnspent(t *testing.T, refresh string) {
	t.Helper()
	assert.Zero(t, f.store.count("RotateRefreshToken", "RevokeGrant"), "something was spent or revoked")
	f.refresh(refresh).tokens(t)
}

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]string{
		"F01+6749-10.4+9700-2.2.2 without scope":     nil,
		"F02+6749-6 with the scope that was granted": {"scope=read write"},
		"F06 an empty scope is as none":              {"scope="},
		"F25 a code verifier is ignored":             {"code_verifier=" + verifier},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			access, refresh := f.tokens(t)
			grant := f.store.lastToken(t).GrantID
			f.clock.Advance(10 * time.Second)
			a := f.refresh(refresh, edits...)
			access2, refresh2 := a.tokens(t)
			m := a.json(t)
			assert.Equal(t, "read write", m["scope"])
			assert.Equal(t, "Bearer", m["token_type"])
			assert.InDelta(t, 3600, m["expires_in"], 0)
			assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
			assert.NotEqual(t, access, access2)
			assert.NotEqual(t, refresh, refresh2)
			assert.Equal(t, 1, f.store.count("RotateRefreshToken"))
			assert.Zero(t, f.store.count("SaveToken", "RevokeGrant"))
			assert.True(t, f.works(access), "the old access token runs to its own expiry")
			assert.True(t, f.works(access2))
			saved := f.store.lastToken(t)
			assert.Equal(t, grant, saved.GrantID, "the family keeps its grant")
			assert.Equal(t, "alice", saved.UserID)
			assert.Equal(t, fixtureStart.Add(10*time.Second+14*24*time.Hour), saved.RefreshExpiresAt)
			assert.Equal(t, fixtureStart.Add(90*24*time.Hour), saved.GrantExpiresAt, "the absolute limit does not move")
			assert.Equal(t, engine.EventIssued, f.lastEvent(t).Type)
		})
	}
}

func TestRefreshScope(t *testing.T) {
	t.Parallel()
	t.Run("F03+attack-G08+6749-6+2.1-4.3.1 a narrowed access token leaves the grant as wide as it was", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		a := f.refresh(refresh, "scope=read")
		access, refresh2 := a.tokens(t)
		assert.Equal(t, "read", a.json(t)["scope"])
		saved := f.store.lastToken(t)
		assert.Equal(t, model.Scope("read"), saved.Scope)
		assert.Equal(t, model.Scope("read write"), saved.GrantScope)
		assert.Equal(t, http.StatusForbidden, f.resource(rs("Bearer "+access), "write").Code)
		a = f.refresh(refresh2)
		_, _ = a.tokens(t)
		assert.Equal(t, "read write", a.json(t)["scope"])
	})
	for name, scope := range map[string]string{
		"F04+6749-6+2.1-4.3.1 more than was granted": "read write admin",
		"F05 not of the allowed characters":          `a"b`,
		"F24 part of a scope's name":                 "rea",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			_, refresh := f.tokens(t)
			f.refresh(refresh, "scope="+scope).assertError(t, http.StatusBadRequest, "invalid_scope")
			f.assertUnspent(t, refresh)
		})
	}
	t.Run("F04 what the client may have is not what was granted", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t, "scope=read")
		f.refresh(refresh, "scope=write").assertError(t, http.StatusBadRequest, "invalid_scope")
		f.assertUnspent(t, refresh)
	})
	t.Run("F07+F08 a grant without scope", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.plant(t, func(r *model.Token) { r.Scope, r.GrantScope = "", "" })
		f.refresh(refresh, "scope=read").assertError(t, http.StatusBadRequest, "invalid_scope")
		a := f.refresh(refresh)
		a.tokens(t)
		assert.NotContains(t, a.json(t), "scope")
	})
	t.Run("F19 the client lost one scope: the rest", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		f.setScope("read")
		f.refresh(refresh, "scope=read write").assertError(t, http.StatusBadRequest, "invalid_scope")
		a := f.refresh(refresh)
		a.tokens(t)
		assert.Equal(t, "read", a.json(t)["scope"])
	})
	t.Run("F19 the client lost all scopes", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		f.setScope("admin")
		f.refresh(refresh).assertError(t, http.StatusBadRequest, "invalid_scope")
		f.setScope("read write")
		f.assertUnspent(t, refresh)
	})
	t.Run("F19 the policy is asked, and narrows", func(t *testing.T) {
		t.Parallel()
		var asked []engine.ScopeRequest
		f := newFixture(t, func(c *engine.Config) {
			c.ValidateScope = func(_ context.Context, req engine.ScopeRequest) (model.Scope, error) {
				if req.GrantType != model.GrantRefreshToken {
					return req.Scope, nil
				}
				asked = append(asked, req)
				return "read admin", nil
			}
		})
		_, refresh := f.tokens(t)
		a := f.refresh(refresh)
		a.tokens(t)
		assert.Equal(t, "read", a.json(t)["scope"])
		require.Len(t, asked, 1)
		assert.Equal(t, "alice", asked[0].UserID)
		assert.Equal(t, "conf", asked[0].Client.ID)
		assert.Equal(t, model.Scope("read write"), asked[0].Scope)
		assert.Equal(t, model.Scope("read write"), f.store.lastToken(t).GrantScope)
	})
}

// RF that is refused spends nothing, and revokes nothing.
func TestRefreshRefused(t *testing.T) {
	t.Parallel()
	foreign := func(f *fixture, refresh string) answer {
		return f.token("conf2", "s3cret2", "refresh_token", "refresh_token="+refresh)
	}
	for _, row := range []struct {
		name, code string
		send       func(f *fixture, refresh string) answer
	}{
		{"F09 no refresh token", "invalid_request", func(f *fixture, _ string) answer { return f.refresh("", "-refresh_token") }},
		{"F09 an empty refresh token", "invalid_request", func(f *fixture, _ string) answer { return f.refresh("") }},
		{"F10 other characters", "invalid_request", func(f *fixture, _ string) answer { return f.refresh("øå€") }},
		{"F11 an unknown token", "invalid_grant", func(f *fixture, _ string) answer { return f.refresh("ghost") }},
		{"F11 an unknown token of the right form", "invalid_grant", func(f *fixture, refresh string) answer { return f.refresh(refresh[:63] + flip(refresh[63])) }},
		{"F11 a prefix that was not issued", "invalid_grant", func(f *fixture, refresh string) answer { return f.refresh("x" + refresh) }},
		{"F12+6749-6+6749-10.4+2.1-4.3.1 another client", "invalid_grant", foreign},
		{"F21 in the query only", "invalid_request", func(f *fixture, refresh string) answer {
			r := post("/oauth/token", edit(az(), "-response_type", "-client_id", "-scope", "grant_type=refresh_token"))
			r.URL.RawQuery = "refresh_token=" + refresh
			r.SetBasicAuth("conf", "s3cret")
			return f.do(r)
		}},
		{"F22 twice", "invalid_request", func(f *fixture, refresh string) answer { return f.refresh(refresh, "+refresh_token="+refresh) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			_, refresh := f.tokens(t)
			row.send(f, refresh).assertError(t, http.StatusBadRequest, row.code)
			f.assertUnspent(t, refresh)
		})
	}
	t.Run("F12 nobody learns that it exists", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		assert.Equal(t, f.refresh("ghost").Body.String(), foreign(f, refresh).Body.String())
	})
	t.Run("2.1-4.3.1+6749-6 wrong client secret", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		f.token("conf", "wrong", "refresh_token", "refresh_token="+refresh).assertError(t, http.StatusUnauthorized, "invalid_client")
		f.assertUnspent(t, refresh)
	})
	t.Run("F12 an access token is no refresh token", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, refresh := f.tokens(t)
		f.refresh(access).assertError(t, http.StatusBadRequest, "invalid_grant")
		f.assertUnspent(t, refresh)
	})
	t.Run("F16 revoked between reading and rotating", func(t *testing.T) {
		t.Parallel()
		for _, outcome := range []error{model.ErrRevoked, model.ErrNotFound} {
			f := newFixture(t)
			_, refresh := f.tokens(t)
			f.store.failOn("RotateRefreshToken", outcome)
			f.refresh(refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
			f.store.setHook(nil)
			assert.Zero(t, f.store.count("RevokeGrant"))
			f.refresh(refresh).tokens(t)
		}
	})
	t.Run("F23 a fault of the store loses nothing", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		f.store.failOn("RotateRefreshToken", errors.New("disk full"))
		a := f.refresh(refresh)
		a.assertError(t, http.StatusInternalServerError, "server_error")
		assert.NotContains(t, a.Body.String(), "disk full")
		f.store.setHook(nil)
		f.refresh(refresh).tokens(t)
	})
	t.Run("F23 a fault after the rotation: the answer is given all the same", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		f.store.setHook(func(_ context.Context, verb string, do func() error) error {
			if err := do(); err != nil || verb != "RotateRefreshToken" {
				return err
			}
			return errors.New("connection lost")
		})
		access, refresh2 := f.refresh(refresh).tokens(t)
		assert.True(t, f.works(access))
		f.refresh(refresh2).tokens(t)
	})
	t.Run("F23 a fault of the read", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		f.store.failOn("GetRefreshToken", errors.New("disk full"))
		f.refresh(refresh).assertError(t, http.StatusInternalServerError, "server_error")
		f.store.setHook(nil)
		f.assertUnspent(t, refresh)
	})
}

// flip returns another character whose lowest bit is the other one, as base64url
// counts.
func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}
