package engine_test

import (
	"context"
	"crypto/rand"
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

// putToken stores a token of conf and alice for "read write", changed by edit,
// and returns the access token. That is the way to one that no flow issues.
func (f *fixture) putToken(t *testing.T, edit func(*model.Token)) string {
	t.Helper()
	var raw [48]byte
	_, err := rand.Read(raw[:])
	require.NoError(t, err)
	access := base64URL(raw[:])
	now := f.clock.Now()
	tok := model.Token{
		GrantID: model.GrantID(raw[:16]), ClientID: "conf", UserID: "alice", Access: model.DigestOf(access),
		Scope: "read write", GrantScope: "read write", IssuedAt: now, AccessExpiresAt: now.Add(time.Hour), GrantExpiresAt: now.Add(time.Hour),
	}
	if edit != nil {
		edit(&tok)
	}
	require.NoError(t, f.store.SaveToken(context.Background(), &tok))
	return access
}

func expired(t *model.Token) {
	t.IssuedAt, t.AccessExpiresAt = t.IssuedAt.Add(-2*time.Hour), t.IssuedAt.Add(-time.Second)
	t.GrantExpiresAt = t.AccessExpiresAt
}

// assertChallenge checks a refusal of the resource side: status, error code
// (empty: none, and no body), and the whole challenge after the realm.
func (a answer) assertChallenge(t *testing.T, status int, code, rest string) {
	t.Helper()
	require.Equal(t, status, a.Code, a.Body)
	assert.Equal(t, []string{`Bearer realm="oauth"` + rest}, withoutReference(a.Header().Values("WWW-Authenticate")))
	assert.Empty(t, a.Header().Get("X-OAuth-Scopes"))
	assert.Empty(t, a.Header().Get("X-Accepted-OAuth-Scopes"))
	if code == "" {
		assert.Empty(t, a.Body.String())
		return
	}
	assert.Equal(t, code, a.json(t)["error"])
}

const (
	malformed = `, error="invalid_request", error_description="The bearer token is malformed."`
	unknown   = `, error="invalid_token", error_description="The access token is not valid."`
	hasEnded  = `, error="invalid_token", error_description="The access token has expired."`
)

func TestBearerHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header string // $ stands for a good token
		status int
		code   string
		rest   string
		asked  int // how often the store was asked
	}{
		{"A02+6750-2.1 Bearer", "Bearer $", 200, "", "", 1},
		{"A04+attack-J06 bearer", "bearer $", 200, "", "", 1},
		{"A05+attack-J06 BEARER", "BEARER $", 200, "", "", 1},
		{"A06 two spaces", "Bearer  $", 200, "", "", 1},
		{"A01+K09+6750-3+6750-3.1+2.1-5.3 no header", "", 401, "", "", 0},
		{"A07 tab", "Bearer\t$", 400, "invalid_request", malformed, 0},
		{"A08+attack-J06 another scheme before", "foo Bearer $", 401, "", "", 0},
		{"attack-J06 longer scheme", "BearerX $", 401, "", "", 0},
		{"A09 something behind", "Bearer $ extra", 400, "invalid_request", malformed, 0},
		{"A10+attack-J06 no token", "Bearer", 400, "invalid_request", malformed, 0},
		{"A11 a space and no token", "Bearer ", 400, "invalid_request", malformed, 0},
		{"A13 comma", "Bearer a,b", 400, "invalid_request", malformed, 0},
		{"A13 quoted", `Bearer "$"`, 400, "invalid_request", malformed, 0},
		{"A13 padding inside", "Bearer a=b", 400, "invalid_request", malformed, 0},
		{"A13 nothing but padding", "Bearer ==", 400, "invalid_request", malformed, 0},
		{"A13 beyond ASCII", "Bearer é", 400, "invalid_request", malformed, 0},
		{"K11 bearer x", "bearer x", 401, "invalid_token", unknown, 0},
		{"A14 padding behind", "Bearer abc==", 401, "invalid_token", unknown, 0},
		{"A14 all of b64token", "Bearer a-._~+/1", 401, "invalid_token", unknown, 0},
		{"A15 Basic", "Basic YTpi", 401, "", "", 0},
		{"A16 DPoP", "DPoP $", 401, "", "", 0},
		{"A34+K10+6749-7.2 unknown", "Bearer nope", 401, "invalid_token", unknown, 0},
		{"A34+attack-J02 unknown, of the right form", "Bearer " + strings.Repeat("A", 63) + "B", 401, "invalid_token", unknown, 0},
		{"A34+attack-J02 unknown, of the right form and with a grant", "Bearer " + strings.Repeat("B", 64), 401, "invalid_token", unknown, 1},
		{"A34+A14 unknown, of the right length but not of its alphabet", "Bearer " + strings.Repeat("B", 63) + "~", 401, "invalid_token", unknown, 0},
		{"A34 a good one with a character more", "Bearer A$", 401, "invalid_token", unknown, 1},
		{"A34 a good one with a character more behind", "Bearer $A", 401, "invalid_token", unknown, 1},
		{"attack-J06 longer than 4 kB", "Bearer " + strings.Repeat("B", 4097), 401, "invalid_token", unknown, 0},
		{"attack-J06 1 MB", "Bearer " + strings.Repeat("B", 1<<20), 401, "invalid_token", unknown, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r := rs(strings.ReplaceAll(tt.header, "$", f.putToken(t, nil)))
			a := f.resource(r)
			assert.Equal(t, tt.asked, f.store.count("GetAccessToken"))
			if tt.status != http.StatusOK {
				a.assertChallenge(t, tt.status, tt.code, tt.rest)
				return
			}
			require.Equal(t, http.StatusOK, a.Code, a.Body)
			assert.Empty(t, a.Header().Get("WWW-Authenticate"))
		})
	}
	t.Run("A12 an empty header", func(t *testing.T) {
		t.Parallel()
		r := rs("")
		r.Header["Authorization"] = []string{""}
		newFixture(t).resource(r).assertChallenge(t, 401, "", "")
	})
	t.Run("attack-J06 two headers", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access := f.putToken(t, nil)
		r := rs("Bearer " + access)
		r.Header.Add("Authorization", "Bearer "+access)
		f.resource(r).assertChallenge(t, 400, "invalid_request", `, error="invalid_request", error_description="The Authorization header is repeated."`)
		assert.Zero(t, f.store.count("GetAccessToken"))
	})
	for _, name := range []string{"authorization", "Authorization", "AUTHORIZATION"} {
		t.Run("A03+M15 the header's name as "+name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r := rs("")
			r.Header.Set(name, "Bearer "+f.putToken(t, nil))
			assert.Equal(t, http.StatusOK, f.resource(r).Code)
		})
	}
}

// What the store knows about the token.
func TestAuthenticateToken(t *testing.T) {
	t.Parallel()
	t.Run("A02 the record is handed over", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access := f.putToken(t, nil)
		tok, err := f.srv.Authenticate(rs("Bearer " + access))
		require.NoError(t, err)
		assert.Equal(t, "conf", tok.ClientID)
		assert.Equal(t, "alice", tok.UserID)
		assert.Equal(t, model.Scope("read write"), tok.Scope)
		assert.Equal(t, fixtureStart.Add(time.Hour), tok.AccessExpiresAt)
		assert.Equal(t, 1, f.store.count("GetAccessToken"))
		assert.Zero(t, f.store.count("GetClient"), "the hot path reads the token only")
	})
	t.Run("A35+K10+2.1-5.2+attack-J02+6749-7 expired", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.resource(rs("Bearer "+f.putToken(t, expired))).assertChallenge(t, 401, "invalid_token", hasEnded)
		assert.Equal(t, "token_expired", f.lastEvent(t).Reason)
	})
	t.Run("A36 expiry is the first instant at which it is not good", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access := f.putToken(t, nil)
		f.clock.Advance(time.Hour - time.Nanosecond)
		assert.True(t, f.works(access))
		f.clock.Advance(time.Nanosecond)
		assert.False(t, f.works(access))
	})
	t.Run("attack-J02 revoked", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access := f.putToken(t, nil)
		require.NoError(t, f.store.RevokeGrant(context.Background(), f.store.lastToken(t).GrantID))
		f.resource(rs("Bearer "+access)).assertChallenge(t, 401, "invalid_token", unknown)
	})
	t.Run("attack-J02 a refresh token or a code is no access token", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		assert.False(t, f.works(refresh))
		assert.False(t, f.works(f.code(t)))
	})
	t.Run("A37+A39 a token without user", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		assert.True(t, f.works(f.putToken(t, func(t *model.Token) { t.UserID = "" })))
	})
	t.Run("A38 a token without expiry has expired", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		assert.False(t, f.works(f.putToken(t, func(t *model.Token) { t.AccessExpiresAt, t.GrantExpiresAt = time.Time{}, time.Time{} })))
	})
}

// Tokens of other forms than the present one.
func TestAuthenticateForms(t *testing.T) {
	t.Parallel()
	t.Run("A02 a new prefix signs nobody out", func(t *testing.T) {
		t.Parallel()
		old := newFixture(t, func(c *engine.Config) { c.TokenPrefix = "old_" })
		access, _ := old.tokens(t)
		require.True(t, strings.HasPrefix(access, "old_"))
		for _, prefix := range []string{"", "new_", "a-longer-prefix_"} {
			f := newFixture(t, func(c *engine.Config) { c.Model, c.TokenPrefix = old.store, prefix })
			assert.True(t, f.works(access))
			assert.False(t, f.works(access[4:]), "the digest is over the whole")
			assert.False(t, f.works("new_"+access[4:]))
		}
	})
	t.Run("A02 tokens of the application's own form", func(t *testing.T) {
		t.Parallel()
		var grant model.GrantID
		f := newFixture(t, func(c *engine.Config) {
			c.GenerateToken = func(context.Context, engine.TokenKind, *model.Token) (string, error) {
				return "", errors.New("not asked")
			}
			c.TokenGrant = func(token string) (model.GrantID, bool) { return grant, strings.HasPrefix(token, "own.") }
		})
		f.putToken(t, func(tok *model.Token) { grant, tok.Access = tok.GrantID, model.DigestOf("own.token") })
		assert.True(t, f.works("own.token"))
		assert.False(t, f.works("own.other"))
		assert.True(t, f.works(f.putToken(t, nil)), "false falls back to the built-in form")
		asked := f.store.count("GetAccessToken")
		assert.False(t, f.works("own."+strings.Repeat("x", 4093)), "longer than 4 kB")
		grant = model.GrantID{}
		assert.False(t, f.works("own.token"), "no grant: unknown")
		assert.Equal(t, asked, f.store.count("GetAccessToken"), "the store is not asked")
	})
}

func TestAuthenticateFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"A53+A58 the store fails", errors.New("db down at 10.0.0.1"), 500, "server_error"},
		{"A54+A58 the store denies access", &engine.Error{Code: "access_denied", Description: "blocked"}, 400, "access_denied"},
		{"A54 the store is busy", &engine.Error{Code: "temporarily_unavailable", Description: "Later."}, 503, "temporarily_unavailable"},
		{"A55 the store refuses without a code", &engine.Error{}, 401, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			access := f.putToken(t, nil)
			f.store.failOn("GetAccessToken", tt.err)
			a := f.resource(rs("Bearer " + access))
			assert.Equal(t, tt.status, a.Code)
			assert.NotContains(t, a.Body.String(), "down")
			assert.Equal(t, tt.status < 500, a.Header().Get("WWW-Authenticate") != "", "a challenge is for refusals")
			if tt.code != "" {
				assert.Equal(t, tt.code, a.json(t)["error"])
				return
			}
			a.assertChallenge(t, 401, "", "")
		})
	}
	t.Run("attack-O02 the store panics", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access := f.putToken(t, nil)
		f.store.setHook(func(context.Context, string, func() error) error { panic("boom") })
		a := f.resource(rs("Bearer " + access))
		a.assertError(t, http.StatusInternalServerError, "server_error")
		assert.NotContains(t, a.Body.String(), "boom")
	})
	t.Run("attack-J14 quotes and line breaks in a challenge", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access := f.putToken(t, nil)
		f.store.failOn("GetAccessToken", &engine.Error{Code: "x\"\r\ny", Description: "a\"b\\c\r\nSet-Cookie: d=e\u00e9", Status: 403})
		a := f.resource(rs("Bearer "+access), "re\"ad\r\n")
		assert.Equal(t, []string{`Bearer realm="oauth", error="x'??y", error_description="a'b?c??Set-Cookie: d=e?", scope="re'ad??"`}, withoutReference(a.Header().Values("WWW-Authenticate")))
		assert.Equal(t, "x'??y", a.json(t)["error"])
	})
}
