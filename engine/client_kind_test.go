package engine_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// A store of somebody else may return clients that Client.Validate would not
// let in. The engine takes the strict reading of each.
func TestClientsThatNobodyValidated(t *testing.T) {
	t.Parallel()
	machine := []string{model.GrantClientCredentials}
	tests := []struct {
		name          string
		client        model.Client
		authorization string
		status        int
		code          string
	}{
		{"C37 an empty secret by Basic", model.Client{Secrets: model.HashSecrets("")}, "raw:", http.StatusUnauthorized, "invalid_client"},
		{"C37 the hash of an empty secret", model.Client{Secrets: []model.SecretHash{{Digest: model.DigestOf("")}}}, "", http.StatusBadRequest, "invalid_client"},
		{"C37 no secret, some secret by Basic", model.Client{}, "raw:x", http.StatusUnauthorized, "invalid_client"},
		{"C37 no secret, none sent", model.Client{}, "", http.StatusBadRequest, "invalid_client"},
		{"C42+G17+6749-4.4+2.1-4.2 a client that is public", model.Client{Public: true}, "", http.StatusBadRequest, "unauthorized_client"},
		{"G17+6749-4.4+2.1-4.2 a client that is public, yet has a secret", model.Client{Public: true, Secrets: model.HashSecrets("x"), AuthMethod: model.AuthSecretBasic}, "raw:x", http.StatusBadRequest, "unauthorized_client"},
		{"G17+6749-4.4+2.1-4.2+2.1-2.4 a client that is not public, yet need not authenticate", model.Client{AuthMethod: model.AuthNone}, "", http.StatusBadRequest, "invalid_client"},
		{"6749-2.3 a method that there is not", model.Client{Secrets: model.HashSecrets("x"), AuthMethod: "private_key"}, "raw:x", http.StatusUnauthorized, "invalid_client"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c := tt.client
			c.ID, c.Grants, c.Scope = "raw", machine, "read"
			f.store.addRaw(c)
			r := tk("", "client_id=raw")
			if tt.authorization != "" {
				r = tk(basic(tt.authorization))
			}
			a := f.do(r)
			a.assertError(t, tt.status, tt.code)
			assert.Empty(t, f.store.saved)
		})
	}
	t.Run("C41 no list of grants is the default list", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.store.addRaw(model.Client{ID: "raw", Secrets: model.HashSecrets("x"), Scope: "read"})
		f.do(tk(basic("raw:x"))).assertError(t, http.StatusBadRequest, "unauthorized_client")
	})
}

// Rules that the registration of a client holds, before it sends anything.
func TestClientRegistrationRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		client  model.Client
		problem string
	}{
		{"6749-10.1+2.1-8.1 no secret for a client that cannot keep it", model.Client{Public: true, Secrets: model.HashSecrets("x"), RedirectURIs: []string{rp}}, "must not have Secrets"},
		{"6749-10.1+2.1-8.1 no secret method for a client that cannot keep it", model.Client{Public: true, AuthMethod: model.AuthSecretPost, RedirectURIs: []string{rp}}, "no secret"},
		{"9700-2.5+2.1-2.4 a client that can, does authenticate", model.Client{AuthMethod: model.AuthNone, Secrets: model.HashSecrets("x"), RedirectURIs: []string{rp}}, "none is for public clients"},
		{"C37 without a secret it is not confidential", model.Client{Secrets: model.HashSecrets(""), RedirectURIs: []string{rp}}, "needs Secrets"},
		{"6749-4.4+2.1-4.2 client_credentials is not for public clients", model.Client{Public: true, Grants: []string{model.GrantClientCredentials}}, "client_credentials"},
		{"6749-4.5 an extension grant is named by a URI", model.Client{Secrets: model.HashSecrets("x"), Grants: []string{"custom"}}, "absolute URI"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := tt.client
			c.ID, c.Scope = "new", "read"
			assert.ErrorContains(t, c.Validate(), tt.problem)
			assert.Error(t, newFixture(t).store.AddClient(c))
		})
	}
}

// A public client is known by its redirect URI and by what it was given: the
// refresh token of another client is of no use to it.
func TestPublicClientProvesNothingByItsID(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, refresh := f.tokens(t)
	for _, tt := range []struct{ name, client, secret string }{
		{"6749-2.2+6749-2.3+2.1-2.4 a public client", "pub", ""},
		{"6749-2.2+6749-10.1 a confidential client", "conf2", "s3cret2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f.token(tt.client, tt.secret, "refresh_token", "refresh_token="+refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
		})
	}
	f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh).tokens(t)
}

// The answer is a value first. What it holds is for the application that called,
// and what is written of it is the response of the protocol alone.
func TestTokenResponseValue(t *testing.T) {
	t.Parallel()
	t.Run("J15+M22 neither the record nor the client is written", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withPassword)
		res, err := f.srv.Token(tk(basic(conf), "grant_type=password", "username=alice", "password=wonderland"))
		require.NoError(t, err)
		assert.Equal(t, "alice", res.Token.UserID)
		w := httptest.NewRecorder()
		f.srv.WriteToken(w, tk(""), res)
		m := answer{w}.json(t)
		assert.Equal(t, map[string]any{
			"access_token": res.AccessToken, "token_type": "Bearer", "expires_in": 3600.0, "refresh_token": res.RefreshToken, "scope": "read",
		}, m)
	})
	t.Run("J06 an answer that is written late has no negative lifetime", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		res, err := f.srv.Token(tk(basic(conf)))
		require.NoError(t, err)
		f.clock.Advance(2 * time.Hour)
		w := httptest.NewRecorder()
		f.srv.WriteToken(w, tk(""), res)
		assert.InDelta(t, 3600, answer{w}.json(t)["expires_in"], 0)
	})
	t.Run("C09 a refusal is a value with status and headers", func(t *testing.T) {
		t.Parallel()
		_, err := newFixture(t).srv.Token(with(tk(basic(conf)), method(http.MethodGet)))
		e := engine.AsError(err)
		assert.Equal(t, engine.CodeInvalidRequest, e.Code)
		assert.Equal(t, http.StatusMethodNotAllowed, e.HTTPStatus())
		assert.Equal(t, "POST", e.Header.Get("Allow"))
	})
}

// Tokens of the application's own form go out as they were made.
func TestGeneratedTokenIsSent(t *testing.T) {
	t.Parallel()
	t.Run("G22 the generator's token", func(t *testing.T) {
		t.Parallel()
		var made string
		f := newFixture(t, customTokens, func(c *engine.Config) {
			generate := c.GenerateToken
			c.GenerateToken = func(ctx context.Context, kind engine.TokenKind, tok *model.Token) (text string, err error) {
				made, err = generate(ctx, kind, tok)
				return made, err
			}
		})
		access, _ := f.do(tk(basic(conf))).tokens(t)
		assert.Equal(t, made, access)
		assert.True(t, f.works(access))
	})
	for name, text := range map[string]string{
		"G23 no token":               "",
		"G23 a token without grant":  "custom-at",
		"G23 a token of two words":   "custom at",
		"G23 a token for a new line": "custom\r\nat",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, customTokens, func(c *engine.Config) {
				c.GenerateToken = func(context.Context, engine.TokenKind, *model.Token) (string, error) { return text, nil }
			})
			f.do(tk(basic(conf))).assertError(t, http.StatusInternalServerError, "server_error")
			assert.Empty(t, f.store.saved)
		})
	}
	t.Run("6749-10.10 each token has a secret of 256 bits", func(t *testing.T) {
		t.Parallel()
		src := &countingReader{}
		f := newFixture(t, func(c *engine.Config) { c.Random = src })
		f.do(tk(basic(conf))).tokens(t)
		assert.Equal(t, 16+32, src.n, "a grant id and a secret")
	})
}

type countingReader struct{ n int }

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := rand.Read(p)
	r.n += n
	return n, err
}
