package engine_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// customTokens gives the server tokens of a form of its own: a letter for the
// kind, the grant and something random, with dots between them.
func customTokens(c *engine.Config) {
	c.GenerateToken = func(_ context.Context, kind engine.TokenKind, t *model.Token) (string, error) {
		return customText(kind, t.GrantID), nil
	}
	c.TokenGrant = customGrant
}

func customText(kind engine.TokenKind, grant model.GrantID) string {
	letter := "a"
	if kind == engine.RefreshToken {
		letter = "r"
	}
	return letter + "." + grant.String() + "." + rand.Text()
}

func customGrant(token string) (model.GrantID, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return model.GrantID{}, false
	}
	grant, err := model.ParseGrantID(parts[1])
	return grant, err == nil
}

// restart makes the fixture's server anew over the same store, with another
// configuration.
func (f *fixture) restart(t *testing.T, options ...func(*engine.Config)) {
	t.Helper()
	cfg := f.srv.Config()
	cfg.Keys = [][]byte{sealKey(7)}
	for _, option := range options {
		option(&cfg)
	}
	srv, err := engine.New(cfg)
	require.NoError(t, err)
	f.srv = srv
}

func TestCustomTokens(t *testing.T) {
	t.Parallel()
	t.Run("G22 a whole flow, and a code is still of the built-in form", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, customTokens)
		code := f.code(t, "scope=read write")
		assert.Len(t, code, 64)
		access, refresh := f.exchange(code).tokens(t)
		assert.True(t, strings.HasPrefix(access, "a."), access)
		assert.True(t, strings.HasPrefix(refresh, "r."), refresh)
		assert.True(t, f.works(access))
		assert.False(t, f.works(refresh))
		access2, refresh2 := f.refresh(refresh).tokens(t)
		assert.True(t, f.works(access2))
		f.refresh(refresh2).tokens(t)
		f.refresh(refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.False(t, f.works(access2), "a replay is one")
	})
	t.Run("tokens of the built-in form from before still work", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, refresh := f.tokens(t)
		f.restart(t, customTokens)
		assert.True(t, f.works(access))
		access2, _ := f.refresh(refresh).tokens(t)
		assert.True(t, strings.HasPrefix(access2, "a."))
		assert.True(t, f.works(access2))
	})
	t.Run("a token that only looks like one is unknown without asking the store", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) {
			customTokens(c)
			c.TokenGrant = func(string) (model.GrantID, bool) { return model.GrantID{}, true }
		})
		assert.Equal(t, http.StatusUnauthorized, f.resource(rs("Bearer abc")).Code)
		f.refresh("abc").assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Zero(t, f.store.count("GetAccessToken", "GetRefreshToken"))
	})
	t.Run("more than 4 kB is unknown without asking anybody", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) {
			customTokens(c)
			c.TokenGrant = func(string) (model.GrantID, bool) {
				assert.Fail(t, "asked")
				return model.GrantID{}, false
			}
		})
		f.refresh(strings.Repeat("x", 4097)).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Zero(t, f.store.count("GetRefreshToken"))
	})
}

// What a generator must not return is a server error, and nothing is saved.
func TestCustomTokensRefused(t *testing.T) {
	t.Parallel()
	type generate func(kind engine.TokenKind, t *model.Token) (string, error)
	for name, generator := range map[string]generate{
		"an error":    func(engine.TokenKind, *model.Token) (string, error) { return "", errors.New("hsm down") },
		"G23 nothing": func(engine.TokenKind, *model.Token) (string, error) { return "", nil },
		"another grant": func(kind engine.TokenKind, _ *model.Token) (string, error) {
			return customText(kind, model.GrantID{1}), nil
		},
		"a form that nobody reads": func(engine.TokenKind, *model.Token) (string, error) { return rand.Text(), nil },
		"one token twice": func(_ engine.TokenKind, t *model.Token) (string, error) {
			return "a." + t.GrantID.String() + ".same", nil
		},
		"more than 4 kB": func(kind engine.TokenKind, t *model.Token) (string, error) {
			return customText(kind, t.GrantID) + strings.Repeat("x", 4096), nil
		},
		"characters that no bearer token has": func(kind engine.TokenKind, t *model.Token) (string, error) {
			return customText(kind, t.GrantID) + " x", nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(c *engine.Config) {
				customTokens(c)
				c.GenerateToken = func(_ context.Context, kind engine.TokenKind, tok *model.Token) (string, error) {
					return generator(kind, tok)
				}
			})
			code := f.code(t)
			a := f.exchange(code)
			a.assertError(t, http.StatusInternalServerError, "server_error")
			assert.NotContains(t, a.Body.String(), "hsm")
			assert.Empty(t, f.store.saved)
			f.restart(t, customTokens)
			f.exchange(code).tokens(t)
		})
	}
	t.Run("the token that was presented", func(t *testing.T) {
		t.Parallel()
		for _, kind := range []engine.TokenKind{engine.AccessToken, engine.RefreshToken} {
			f := newFixture(t, customTokens)
			_, refresh := f.tokens(t)
			f.restart(t, func(c *engine.Config) {
				c.GenerateToken = func(_ context.Context, k engine.TokenKind, tok *model.Token) (string, error) {
					if k == kind {
						return refresh, nil
					}
					return customText(k, tok.GrantID), nil
				}
			})
			f.refresh(refresh).assertError(t, http.StatusInternalServerError, "server_error")
			assert.Zero(t, f.store.count("RotateRefreshToken"))
			f.restart(t, customTokens)
			f.refresh(refresh).tokens(t)
		}
	})
	t.Run("what the generator does to the record changes nothing", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) {
			customTokens(c)
			c.GenerateToken = func(_ context.Context, kind engine.TokenKind, tok *model.Token) (string, error) {
				text := customText(kind, tok.GrantID)
				*tok = model.Token{Scope: "admin", ClientID: "other"}
				return text, nil
			}
		})
		access, _ := f.tokens(t)
		assert.True(t, f.works(access))
		assert.Equal(t, model.Scope("read write"), f.store.lastToken(t).Scope)
		assert.Equal(t, "conf", f.store.lastToken(t).ClientID)
	})
	t.Run("one of the two functions alone", func(t *testing.T) {
		t.Parallel()
		for _, drop := range []func(*engine.Config){
			func(c *engine.Config) { c.GenerateToken = nil },
			func(c *engine.Config) { c.TokenGrant = nil },
		} {
			cfg := quietConfig()
			customTokens(&cfg)
			drop(&cfg)
			_, err := engine.New(cfg)
			require.ErrorContains(t, err, "TokenGrant")
		}
	})
}
