package engine_test

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// attributes adds these members to the token response.
func attributes(m map[string]any) func(*engine.Config) {
	return func(c *engine.Config) {
		c.TokenAttributes = func(context.Context, *model.Token) (map[string]any, error) { return m, nil }
	}
}

func TestTokenAttributes(t *testing.T) {
	t.Parallel()
	t.Run("J01+M22+M24 off", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		assert.Len(t, f.do(tk(basic(conf))).json(t), 4)
		assert.Empty(t, f.store.lastToken(t).Extra)
	})
	t.Run("J02+M22+M24 on", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, attributes(map[string]any{"foo": "bar", "n": 1.5, "list": []string{`"<`}}))
		a := f.do(tk(basic(conf)))
		m := a.json(t)
		assert.Len(t, m, 7)
		assert.Equal(t, "bar", m["foo"])
		assert.InDelta(t, 1.5, m["n"], 0)
		assert.Equal(t, []any{`"<`}, m["list"])
		assert.True(t, json.Valid(f.store.lastToken(t).Extra))
	})
	t.Run("J02 none this time", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, attributes(map[string]any{}))
		assert.Len(t, f.do(tk(basic(conf))).json(t), 4)
	})
	for _, name := range []string{"access_token", "token_type", "expires_in", "refresh_token", "scope", "error", "error_description", "error_uri"} {
		t.Run("J03 the standard member "+name+" cannot be replaced", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, attributes(map[string]any{name: "evil"}))
			a := f.do(tk(basic(conf)))
			a.assertFault(t)
			assert.NotContains(t, a.Body.String(), "evil")
			assert.Empty(t, f.store.saved)
		})
	}
	t.Run("J02 what is no JSON", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, attributes(map[string]any{"foo": math.NaN()}))
		f.do(tk(basic(conf))).assertFault(t)
		assert.Empty(t, f.store.saved)
	})
	t.Run("J04 the callback sees no secret to leak", func(t *testing.T) {
		t.Parallel()
		var seen string
		f := newFixture(t, func(c *engine.Config) {
			c.TokenAttributes = func(_ context.Context, t *model.Token) (map[string]any, error) {
				b, err := json.Marshal(t)
				seen = string(b)
				t.UserID = "mallory" // a copy
				return nil, err
			}
		})
		code := f.code(t)
		a := f.exchange(code)
		p := a.pair(t)
		assert.NotContains(t, a.Body.String(), code)
		for _, secret := range []string{code, p.access, p.refresh} {
			assert.NotContains(t, seen, secret)
		}
		assert.Equal(t, "alice", f.store.lastToken(t).UserID)
	})
	t.Run("J02 a repeated refresh has the attributes of the first answer", func(t *testing.T) {
		t.Parallel()
		n := 0
		f := newFixture(t, func(c *engine.Config) {
			c.TokenAttributes = func(context.Context, *model.Token) (map[string]any, error) { n++; return map[string]any{"n": n}, nil }
		})
		_, refresh := f.tokens(t)
		first, again := f.refresh(refresh), f.refresh(refresh)
		assert.InDelta(t, 2, first.json(t)["n"], 0)
		assert.Equal(t, first.json(t), again.json(t))
	})
	t.Run("J11 an error without a sentence", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) {
			c.TokenAttributes = func(context.Context, *model.Token) (map[string]any, error) {
				return nil, &engine.Error{Code: engine.CodeInvalidGrant}
			}
		})
		a := f.do(tk(basic(conf)))
		assert.Equal(t, http.StatusBadRequest, a.Code)
		assert.Equal(t, map[string]any{"error": "invalid_grant"}, a.json(t))
	})
}

// expires_in is whole seconds, rounded up, and never 0.
func TestExpiresIn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lifetime time.Duration
		want     float64
	}{
		"J05+6749-5.1+M14 an hour":                 {time.Hour, 3600},
		"J07+M14 less than a second":               {time.Millisecond, 1},
		"J07+M14 a second and a bit is rounded up": {1001 * time.Millisecond, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c := fixtureClients()[0]
			c.AccessTokenLifetime = tt.lifetime
			f.store.addRaw(c)
			assert.InDelta(t, tt.want, f.do(tk(basic(conf))).json(t)["expires_in"], 0)
		})
	}
	t.Run("J08+6749-4.4.3 client_credentials has no refresh token, whatever the client may", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		assert.NotContains(t, strings.ToLower(f.do(tk(basic(conf))).Body.String()), "refresh")
	})
}
