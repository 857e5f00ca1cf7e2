package engine_test

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func allowPlain(c *engine.Config) { c.AllowPlainPKCE = true }

func TestChallengeRefused(t *testing.T) {
	t.Parallel()
	strict := func(edits ...string) []string { return append([]string{"client_id=strict"}, edits...) }
	tests := []struct {
		name   string
		edits  []string
		plain  bool
		reason string
	}{
		{"B75+7636-4.3 no method means plain, which is off", []string{withS256}, false, "challenge_method"},
		{"B76+attack-E04+7636-7.2 plain is off", []string{withS256, "code_challenge_method=plain"}, false, "challenge_method"},
		{"B79+attack-E04+7636-4.4.1 S512", []string{withS256, "code_challenge_method=S512"}, false, "challenge_method"},
		{"B79+M10+attack-E04 s256", []string{withS256, "code_challenge_method=s256"}, false, "challenge_method"},
		{"B79+M10 Plain, where plain is on", []string{withS256, "code_challenge_method=Plain"}, true, "challenge_method"},
		{"B79+M10 foo, where plain is on", []string{withS256, "code_challenge_method=foo"}, true, "challenge_method"},
		{"B79 script in the method", []string{withS256, "code_challenge_method=<script>"}, false, "challenge_method"},
		{"attack-E04 empty method", []string{withS256, "code_challenge_method="}, false, "challenge_method"},
		{"B80 method without challenge", []string{s256}, false, "challenge_missing"},
		{"B81 unknown method without challenge", []string{"code_challenge_method=foo"}, false, "challenge_missing"},
		{"B82+7636-4.2 challenge of 3", []string{"code_challenge=abc", s256}, false, "challenge_malformed"},
		{"B83+attack-E06 standard base64", []string{"code_challenge=" + "+/" + challenge[2:], s256}, false, "challenge_malformed"},
		{"attack-E06 padding", []string{withS256 + "=", s256}, false, "challenge_malformed"},
		{"attack-E06+M05 42 characters", []string{"code_challenge=" + challenge[1:], s256}, false, "challenge_malformed"},
		{"attack-E06 44 characters", []string{withS256 + "A", s256}, false, "challenge_malformed"},
		{"attack-E06+M05 129 characters", []string{"code_challenge=" + strings.Repeat("A", 129), s256}, false, "challenge_malformed"},
		{"attack-E06 line break", []string{withS256 + "\n", s256}, false, "challenge_malformed"},
		{"attack-E06 line break in place of a character", []string{"code_challenge=\n" + challenge[1:], s256}, false, "challenge_malformed"},
		{"attack-E06 unreserved but not base64url", []string{"code_challenge=~" + challenge[1:], s256}, false, "challenge_malformed"},
		{"attack-E06 last character with stray bits", []string{"code_challenge=" + challenge[:42] + "N", s256}, false, "challenge_malformed"},
		{"M05 plain of 42", []string{"code_challenge=" + verifier[1:], "code_challenge_method=plain"}, true, "challenge_malformed"},
		{"M05 plain of 129", []string{"code_challenge=" + strings.Repeat("a", 129), "code_challenge_method=plain"}, true, "challenge_malformed"},
		{"B84 an empty challenge is none", []string{"code_challenge=", s256}, false, "challenge_missing"},
		{"B85+9700-2.1.1+2.1-4.1.2.1+7636-4.4.1+7636-5 public client without", pub("-code_challenge", "-code_challenge_method"), false, "challenge_required"},
		{"B85+attack-A14 public client with an empty challenge", pub("code_challenge=", "-code_challenge_method"), false, "challenge_required"},
		{"attack-E02+9700-2.1.1 confidential client without", strict(), false, "challenge_required"},
		{"attack-E02 confidential client with an empty challenge", strict("code_challenge="), false, "challenge_required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if tt.plain {
				f = newFixture(t, allowPlain)
			}
			a := f.authorize(tt.edits...)
			a.assertRedirectError(t, az(tt.edits...).Get("redirect_uri"), "invalid_request", "xyz")
			assert.Equal(t, tt.reason, f.lastEvent(t).Reason)
			assert.NotContains(t, a.Header().Get("Location"), "%3C", "input is not reflected")
		})
	}
	t.Run("B85 a waiver that a store gave a public client does not count", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.store.addRaw(model.Client{ID: "pub", Public: true, RedirectURIs: []string{rp}, Scope: "read", AllowNoPKCE: true})
		f.authorize("client_id=pub", "redirect_uri="+rp).assertRedirectError(t, rp, "invalid_request", "xyz")
	})
}

func TestChallengeKept(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("-._~aZ09", 16)
	tests := []struct {
		name     string
		edits    []string
		plain    bool
		verifier string
	}{
		{"B74+M07+7636-4.4+2.1-4.1.1+2.1-4.1.2 S256", []string{withS256, s256}, false, verifier},
		{"B74 S256 where plain is on", []string{withS256, s256}, true, verifier},
		{"B77+M08 plain", []string{"code_challenge=" + verifier, "code_challenge_method=plain"}, true, verifier},
		{"B78+7636-4.3 no method means plain", []string{"code_challenge=" + verifier}, true, verifier},
		{"M06 plain of all unreserved characters, 128 of them", []string{"code_challenge=" + long, "code_challenge_method=plain"}, true, long},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if tt.plain {
				f = newFixture(t, allowPlain)
			}
			code := f.code(t, tt.edits...)
			saved := f.store.lastCode(t)
			assert.True(t, saved.HasChallenge)
			assert.Equal(t, sha256.Sum256([]byte(tt.verifier)), saved.Challenge)
			assert.NotContains(t, code, challenge[:20], "7636-4.4: the code shows nothing of it")
			f.exchange(code, "code_verifier="+tt.verifier).tokens(t)
		})
	}
	t.Run("B01+7636-5 none, by the client's waiver", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.code(t)
		assert.False(t, f.store.lastCode(t).HasChallenge)
		assert.Zero(t, f.store.lastCode(t).Challenge)
	})
	t.Run("9700-4.7.1+8414-2 the metadata tell what is on", func(t *testing.T) {
		t.Parallel()
		assert.Contains(t, string(newFixture(t).srv.Metadata()), `"code_challenge_methods_supported":["S256"]`)
		assert.Contains(t, string(newFixture(t, allowPlain).srv.Metadata()), `"code_challenge_methods_supported":["S256","plain"]`)
	})
}

// exchange redeems a code as conf.
func (f *fixture) exchange(code string, edits ...string) answer {
	return f.token("conf", "s3cret", "authorization_code", append([]string{"code=" + code, "redirect_uri=" + r1}, edits...)...)
}

// The other half: what a verifier must be at the exchange.
func TestVerifier(t *testing.T) {
	t.Parallel()
	const other = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	with := []string{withS256, s256}
	tests := []struct {
		name, verifier string
		edits          []string
		code           string
		burnt          bool
	}{
		{"attack-E08+7636-4.6 wrong", other, with, "invalid_grant", true},
		{"attack-E08 the challenge itself", challenge, with, "invalid_grant", true},
		{"attack-E08+M12 wrong and longer", verifier + "a", with, "invalid_grant", true},
		{"attack-E10+M05 42 characters", verifier[1:], with, "invalid_request", false},
		{"attack-E10+M05 129 characters", strings.Repeat("a", 129), with, "invalid_request", false},
		{"attack-E10+M05 bad alphabet", "+" + verifier[1:], with, "invalid_request", false},
		{"attack-E10 line break", verifier + "\n", with, "invalid_request", false},
		{"M09+9700-2.1.1+2.1-4.1.3 none", "", with, "invalid_grant", false},
		{"attack-E12+9700-2.1.1+9700-4.8.2+2.1-4.1.3 one for a code without challenge", verifier, nil, "invalid_grant", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			code := f.code(t, tt.edits...)
			f.exchange(code, "code_verifier="+tt.verifier).assertError(t, http.StatusBadRequest, tt.code)
			assert.Empty(t, f.store.saved)
			right := "code_verifier=" + verifier
			if tt.edits == nil {
				right = "-code_verifier"
			}
			a := f.exchange(code, right)
			if tt.burnt {
				a.assertError(t, http.StatusBadRequest, "invalid_grant")
				return
			}
			a.tokens(t)
		})
	}
	t.Run("attack-E08 the challenge of another request", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		sum := sha256.Sum256([]byte(other))
		req := az(with...)
		mine, theirs := f.code(t, with...), f.codeWithChallenge(t, req, sum)
		f.exchange(theirs, "code_verifier="+verifier).assertError(t, http.StatusBadRequest, "invalid_grant")
		f.exchange(mine, "code_verifier="+verifier).tokens(t)
	})
	t.Run("attack-E12 a stripped challenge reaches no confidential client without the waiver", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.authorize("client_id=strict").assertRedirectError(t, r1, "invalid_request", "xyz")
	})
}

// codeWithChallenge sends a request with the S256 challenge of another client
// instance.
func (f *fixture) codeWithChallenge(t *testing.T, params url.Values, sum [32]byte) string {
	t.Helper()
	params.Set("code_challenge", base64URL(sum[:]))
	a := f.do(get(params))
	require.Equal(t, http.StatusOK, a.Code, a.Body)
	return f.decide(a.Body.String(), "allow").code(t)
}
