package engine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

const wrongVerifier = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestCodeVerifier(t *testing.T) {
	t.Parallel()
	s256Request := []string{withS256, s256}
	plainRequest := []string{"code_challenge=" + verifier, "code_challenge_method=plain"}
	other := strings.ToUpper(verifier[:1]) + strings.ToLower(verifier[1:])
	tests := []struct {
		name          string
		request, form []string
		code          string // "": it goes through
		burns         bool
		then          string // what else goes through, unless it burns
	}{
		{"E27+7636-4.6 right", s256Request, []string{"code_verifier=" + verifier}, "", false, ""},
		{"E28+7636-4.6 wrong", s256Request, []string{"code_verifier=" + wrongVerifier}, "invalid_grant", true, ""},
		{"E29+9700-2.1.1+2.1-4.1.3 none", s256Request, nil, "invalid_grant", false, verifier},
		{"E29+9700-2.1.1+2.1-4.1.3 empty", s256Request, []string{"code_verifier="}, "invalid_grant", false, verifier},
		{"E30+7636-4.1 of 42", s256Request, []string{"code_verifier=" + verifier[1:]}, "invalid_request", false, verifier},
		{"E31+7636-4.1 of 129", s256Request, []string{"code_verifier=" + strings.Repeat("a", 129)}, "invalid_request", false, verifier},
		{"E32+7636-4.1 of 128, wrong", s256Request, []string{"code_verifier=" + strings.Repeat("-._~aZ09", 16)}, "invalid_grant", true, ""},
		{"E33+7636-4.1 plus sign", s256Request, []string{"code_verifier=+" + verifier[1:]}, "invalid_request", false, verifier},
		{"E33+7636-4.1 space", s256Request, []string{"code_verifier= " + verifier[1:]}, "invalid_request", false, verifier},
		{"E33+7636-4.1 trailing newline", s256Request, []string{"code_verifier=" + verifier + "\n"}, "invalid_request", false, verifier},
		{"E34+attack-E08 the challenge", s256Request, []string{"code_verifier=" + challenge}, "invalid_grant", true, ""},
		{"E36 other letter case", s256Request, []string{"code_verifier=" + other}, "invalid_grant", true, ""},
		{"E37 wrong, and a wrong redirect URI, which is looked at first", s256Request, []string{"code_verifier=" + wrongVerifier, "redirect_uri=" + r2}, "invalid_grant", false, verifier},
		{"E38+attack-B22 right, but a wrong redirect URI", s256Request, []string{"code_verifier=" + verifier, "redirect_uri=https://evil.example/"}, "invalid_grant", false, verifier},
		{"E43 plain", plainRequest, []string{"code_verifier=" + verifier}, "", false, ""},
		{"E44 plain, wrong", plainRequest, []string{"code_verifier=" + wrongVerifier}, "invalid_grant", true, ""},
		{"E44 plain, the digest that is stored", plainRequest, []string{"code_verifier=" + challenge}, "invalid_grant", true, ""},
		{"E45 plain without method, where it is allowed", plainRequest[:1], []string{"code_verifier=" + verifier}, "", false, ""},
		{"E41 no method means plain, where it is allowed", []string{withS256}, []string{"code_verifier=" + verifier}, "invalid_grant", true, ""},
		{"E47+attack-E12+L12+9700-4.8.2+2.1-4.1.3 one for a code without challenge", nil, []string{"code_verifier=" + verifier}, "invalid_grant", false, "-"},
		{"E48 no PKCE at all, by the client's waiver", nil, nil, "", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, allowPlain)
			code := f.code(t, tt.request...)
			a := f.exchange(code, tt.form...)
			if tt.code == "" {
				a.tokens(t)
				return
			}
			a.assertError(t, 400, tt.code)
			assert.Empty(t, f.store.saved)
			assert.Zero(t, f.store.count("RevokeGrant"))
			if tt.burns {
				assert.Equal(t, 1, f.store.count("RedeemAuthorizationCode"))
				f.exchange(code, "code_verifier="+verifier).assertError(t, 400, "invalid_grant")
				return
			}
			assert.Zero(t, f.store.count("RedeemAuthorizationCode"))
			if tt.then == "-" {
				f.exchange(code).tokens(t)
			} else {
				f.exchange(code, "code_verifier="+tt.then).tokens(t)
			}
		})
	}
}

// By default these requests get no code, so there is nothing to exchange.
func TestCodeWithoutS256(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		edits []string
	}{
		{"E40 challenge without method", []string{withS256}},
		{"E42+7636-7.2 plain", []string{"code_challenge=" + verifier, "code_challenge_method=plain"}},
		{"E45+7636-7.2 verifier as challenge without method", []string{"code_challenge=" + verifier}},
		{"E46 forged method", []string{"code_challenge=" + verifier, "code_challenge_method=forged"}},
		{"E48+9700-2.1.1+2.1-4.1.2 no PKCE without the waiver", []string{"client_id=strict"}},
		{"attack-E12+9700-2.1.1 challenge stripped from a public client's request", pub("-code_challenge", "-code_challenge_method")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.authorize(tt.edits...).assertRedirectError(t, az(tt.edits...).Get("redirect_uri"), "invalid_request", "xyz")
			assert.Empty(t, f.store.codes)
		})
	}
}

// A wrong verifier costs the code, whoever asks next.
func TestCodeBurnt(t *testing.T) {
	t.Parallel()
	burn := func(t *testing.T, f *fixture) string {
		t.Helper()
		code := f.code(t, withS256, s256)
		f.exchange(code, "code_verifier="+wrongVerifier).assertError(t, 400, "invalid_grant")
		return code
	}
	t.Run("E39+L10+7636-4.6 the right verifier comes too late", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := burn(t, f)
		f.exchange(code, "code_verifier="+verifier).assertError(t, 400, "invalid_grant")
		assert.Equal(t, "code_replayed", f.lastRefusal(t).Reason)
		assert.Empty(t, f.store.saved)
	})
	t.Run("E39 a second wrong one changes nothing", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := burn(t, f)
		f.exchange(code, "code_verifier="+strings.Repeat("b", 43)).assertError(t, 400, "invalid_grant")
		assert.Zero(t, f.store.count("RevokeGrant"))
		assert.Zero(t, f.countEvents(engine.EventFault))
	})
}
