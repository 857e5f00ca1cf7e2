package engine_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const conf = "conf:s3cret"

// basic is the Authorization header for "id:secret", as it stands.
func basic(idAndSecret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(idAndSecret))
}

// tk is a token request for client_credentials with this Authorization header,
// if any; edits change the form.
func tk(authorization string, edits ...string) *http.Request {
	r := post("/oauth/token", edit(url.Values{"grant_type": {"client_credentials"}}, edits...))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

// assertClientError checks a failed client authentication: 401 with a challenge
// if and only if the request came with an Authorization header.
func (a answer) assertClientError(t *testing.T, tried bool) {
	t.Helper()
	if !tried {
		a.assertError(t, http.StatusBadRequest, "invalid_client")
		assert.Empty(t, a.Header().Values("WWW-Authenticate"))
		return
	}
	a.assertError(t, http.StatusUnauthorized, "invalid_client")
	assert.Equal(t, []string{`Basic realm="oauth"`}, a.Header().Values("WWW-Authenticate"))
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	const id, secret = "client_id=conf", "client_secret=s3cret"
	ok, refused, malformed := "", "invalid_client", "invalid_request"
	tests := []struct {
		name    string
		request *http.Request
		code    string
	}{
		{"C10+6749-2.3.1 Basic", tk(basic(conf)), ok},
		{"C11+6749-2.3.1+2.1-2.4.1 secret in the body", tk("", "client_id=post", secret), ok},
		{"C11 in the body by a client that is registered for Basic", tk("", id, secret), refused},
		{"C11 Basic by a client that is registered for the body", tk(basic("post:s3cret")), refused},
		{"C12+6749-3.2.1 nothing", tk(""), refused},
		{"C13+6749-2.2 an id alone proves nothing", tk("", id), refused},
		{"C13 an id alone, of a client with its secret in the body", tk("", "client_id=post"), refused},
		{"C14 a secret alone", tk("", secret), refused},
		{"C16+attack-F02 wrong secret in the body", tk("", "client_id=post", "client_secret=no"), refused},
		{"C17+6749-5.2 wrong secret by Basic", tk(basic("conf:nope")), refused},
		{"C18+attack-F10 unknown client by Basic", tk(basic("ghost:x")), refused},
		{"C18+attack-F10 unknown client in the body", tk("", "client_id=ghost", "client_secret=x"), refused},
		{"C19+attack-F06 Basic with an empty secret", tk(basic("conf:")), refused},
		{"C20 Basic with an empty id", tk(basic(":s3cret")), refused},
		{"C21 Basic in lower case", tk("basic" + basic(conf)[5:]), ok},
		{"C21 Basic in upper case, two spaces", tk("BASIC " + basic(conf)[5:]), ok},
		{"C22 no base64", tk("Basic !!!"), refused},
		{"C22 no credentials", tk("Basic"), refused},
		{"C22 an empty header", func() *http.Request { r := tk(""); r.Header["Authorization"] = []string{""}; return r }(), refused},
		{"C23 no colon", tk(basic("conf")), refused},
		{"C24+6749-2.3 malformed Basic, good body", tk("Basic !!!", "client_id=post", secret), refused},
		{"C25 a broken escape", tk(basic("conf:s3cret%")), refused},
		{"C27 beyond ASCII by Basic", tk(basic("conf:ünbekannt")), refused},
		{"C27 id beyond ASCII by Basic", tk(basic("cönf:s3cret")), refused},
		{"C28 id beyond ASCII in the body", tk("", "client_id=cönf", secret), malformed},
		{"C28 secret beyond ASCII in the body", tk("", "client_id=post", "client_secret=ü"), malformed},
		{"attack-A12 NUL in the id", tk("", "client_id=post\x00", secret), malformed},
		{"attack-A12 NUL in the id by Basic", tk(basic("conf%00:s3cret")), refused},
		{"C29 Bearer", tk("Bearer x"), refused},
		{"C30 Bearer, wrong body", tk("Bearer x", "client_id=post", "client_secret=no"), refused},
		{"C30 Bearer, good body", tk("Bearer x", "client_id=post", secret), refused},
		{"C31+6749-2.3 two clients", tk(basic(conf), "client_id=conf2", "client_secret=s3cret2"), malformed},
		{"C32 the same id in the body", tk(basic(conf), id), ok},
		{"C33+attack-F04 another id in the body", tk(basic(conf), "client_id=conf2"), malformed},
		{"C34+6749-2.3 the same secret twice", tk(basic(conf), secret), malformed},
		{"C35+6749-3.2+attack-D14 client_id repeated", tk("", "+client_id=post", "+client_id=post", secret), malformed},
		{"C35+attack-D14 client_secret repeated", tk("", "client_id=post", "+client_secret=s3cret", "+client_secret=s3cret"), malformed},
		{"C35 the header repeated", func() *http.Request {
			r := tk(basic(conf))
			r.Header.Add("Authorization", basic(conf))
			return r
		}(), malformed},
		{"C36 operators", tk("", "client_id[$ne]=x", "client_secret[$ne]=y"), refused},
		{"C47 a public grant needs an id", tk("", "grant_type=refresh_token", "refresh_token=x"), refused},
		{"attack-F06+2.1-8.1 a public client with a secret", tk("", "client_id=pub", secret), refused},
		{"attack-F06 a public client by Basic", tk(basic("pub:x")), refused},
		{"attack-F06 a public client with an empty secret is one without", tk("", "client_id=pub", "client_secret=", "grant_type=refresh_token"), malformed},
		{"attack-D18 a disabled client", tk(basic("off:x")), refused},
		{"attack-D06 4 kB of Basic", tk(basic("conf:" + strings.Repeat("x", 5000))), refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			a := f.do(tt.request)
			_, tried := tt.request.Header["Authorization"]
			switch tt.code {
			case ok:
				a.tokens(t)
			case refused:
				a.assertClientError(t, tried)
			default:
				a.assertError(t, http.StatusBadRequest, tt.code)
				assert.Empty(t, a.Header().Values("WWW-Authenticate"))
			}
			if tt.code != ok {
				assert.Empty(t, f.store.saved)
			}
		})
	}
	t.Run("C12+C14+C19+C20+C22+C23 what is no credential is not looked up", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		for _, r := range []*http.Request{tk(""), tk("", secret), tk(basic("conf:")), tk(basic(":x")), tk("Basic !!!"), tk(basic("conf")), tk("Bearer x")} {
			f.do(r)
		}
		assert.Zero(t, f.store.count())
	})
	t.Run("C15+attack-F16+6749-2.3.1 credentials in the query are not read", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		r := tk("")
		r.URL.RawQuery = "client_id=post&client_secret=s3cret"
		f.do(r).assertClientError(t, false)
		assert.Zero(t, f.store.count())
	})
	t.Run("C16+C17+C18+attack-F10 one answer for all that is wrong", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		want := f.do(tk(basic("ghost:x")))
		for _, wrong := range []string{"conf:nope", "post:s3cret", "off:x", "conf:", "pub:x"} {
			a := f.do(tk(basic(wrong)))
			assert.Equal(t, want.json(t)["error"], a.json(t)["error"], wrong)
			assert.Equal(t, plainDescription(want.json(t)["error_description"]), plainDescription(a.json(t)["error_description"]), wrong)
			assert.Equal(t, want.Code, a.Code, wrong)
		}
	})
}

func plainDescription(description any) string {
	s, _ := description.(string)
	return references.ReplaceAllString(s, "")
}

// Id and secret are form-encoded before they are put together, and the secret
// may have a colon.
func TestClientSecretEncoding(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ id, secret, sent string }{
		"C25+attack-F08+6749-2.3.1 a space as plus":   {"a client", "two words", "a+client:two+words"},
		"C25+attack-F08 a space as an escape":         {"a client", "two words", "a%20client:two%20words"},
		"C26 a colon as it is":                        {"web", "a:b:c", "web:a:b:c"},
		"C26+attack-F08 a colon as an escape":         {"w:eb", "a:b", "w%3Aeb:a%3Ab"},
		"C25 reserved characters as escapes":          {"web", "100%+&=;", "web:100%25%2B%26%3D%3B"},
		"C25 a semicolon as it is":                    {"web", "a;b", "web:a;b"},
		"attack-F08 a secret beyond ASCII as escapes": {"web", "schlüssel", "web:schl%C3%BCssel"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			require.NoError(t, f.store.AddClient(model.Client{ID: tt.id, Secrets: model.HashSecrets(tt.secret), Grants: []string{model.GrantClientCredentials}, Scope: "read"}))
			f.do(tk(basic(tt.sent))).tokens(t)
		})
	}
}

// An expired secret is none; two live ones serve while one replaces the other.
func TestClientSecretRotation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := model.Client{ID: "rotating", Secrets: model.HashSecrets("old", "new"), Grants: []string{model.GrantClientCredentials}, Scope: "read"}
	c.Secrets[0].ExpiresAt = fixtureStart.Add(time.Hour)
	require.NoError(t, f.store.AddClient(c))
	f.do(tk(basic("rotating:old"))).tokens(t)
	f.do(tk(basic("rotating:new"))).tokens(t)
	f.clock.Advance(time.Hour)
	t.Run("attack-F12 expired", func(t *testing.T) {
		t.Parallel()
		f.do(tk(basic("rotating:old"))).assertClientError(t, true)
		f.do(tk(basic("rotating:new"))).tokens(t)
	})
}

// The application's own verifier takes the place of the comparison, is asked for
// unknown clients too, and cannot let those in.
func TestVerifySecret(t *testing.T) {
	t.Parallel()
	asked := make(chan bool, 10)
	f := newFixture(t, func(c *engine.Config) {
		c.VerifySecret = func(_ context.Context, c *model.Client, secret string) (bool, error) {
			asked <- c != nil
			return secret == "slow hash", nil
		}
	})
	f.do(tk(basic("conf:slow+hash"))).tokens(t)
	f.do(tk(basic(conf))).assertClientError(t, true)
	for range 2 {
		assert.True(t, <-asked, "a known client was given as none")
	}
	t.Run("C18+attack-F10 an unknown client", func(t *testing.T) {
		t.Parallel()
		f.do(tk(basic("ghost:slow+hash"))).assertClientError(t, true)
		assert.False(t, <-asked)
	})
}

// How a client authenticates is the client's registration, for every grant; PKCE
// takes the place of no secret.
func TestClientAuthenticationPerGrant(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, grant, client, authorization string
		edits                              []string
		code                               string
	}{
		{"C42+6749-4.4+2.1-4.2 client_credentials", "client_credentials", "conf", "", nil, "invalid_client"},
		{"C43+6749-4.3.2 password", "password", "conf", "", nil, "invalid_client"},
		{"C44 password, wrong secret", "password", "post", "", []string{"client_secret=no"}, "invalid_client"},
		{"C45 password, empty secret by Basic", "password", "", basic("conf:"), nil, "invalid_client"},
		{"C46+C50+6749-6 refresh", "refresh_token", "conf", "", nil, "invalid_client"},
		{"C54+6749-4.1.3+9700-2.5 code, verifier alone", "authorization_code", "conf", "", nil, "invalid_client"},
		{"C55 code, a junk verifier", "authorization_code", "conf", "", []string{"code_verifier=x"}, "invalid_client"},
		{"C57 code, empty secret by Basic", "authorization_code", "", basic("conf:"), nil, "invalid_client"},
		{"C58+attack-D02 code, wrong secret by Basic", "authorization_code", "", basic("conf:bad"), nil, "invalid_client"},
		{"C59 code, unknown client", "authorization_code", "ghost", "", nil, "invalid_client"},
		{"C56 password for a public client, with a verifier", "password", "pub", "", []string{"code_verifier=" + verifier}, "unauthorized_client"},
		{"C42+G17+6749-4.4 client_credentials for a public client", "client_credentials", "pub", "", nil, "unauthorized_client"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, withPassword)
			_, refresh := f.tokens(t)
			code := f.code(t, withS256, s256)
			params := map[string][]string{
				"password":           {"username=alice", "password=wonderland"},
				"refresh_token":      {"refresh_token=" + refresh},
				"authorization_code": {"code=" + code, "redirect_uri=" + r1, "code_verifier=" + verifier},
			}[tt.grant]
			if tt.client != "" {
				params = append(params, "client_id="+tt.client)
			}
			n := len(f.store.saved)
			a := f.do(tk(tt.authorization, append(append([]string{"grant_type=" + tt.grant}, params...), tt.edits...)...))
			if tt.code == "invalid_client" {
				a.assertClientError(t, tt.authorization != "")
			} else {
				a.assertError(t, http.StatusBadRequest, tt.code)
			}
			assert.Len(t, f.store.saved, n)
			f.refresh(refresh).tokens(t) // nothing was spent
			f.exchange(code, "code_verifier="+verifier).tokens(t)
		})
	}
}

// A public client says who it is and proves it with its code or token.
func TestPublicClient(t *testing.T) {
	t.Parallel()
	t.Run("C49+C51+C53+9700-2.2.2 code with PKCE, then refresh", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t, pub()...)
		_, refresh := f.token("pub", "", "authorization_code", "code="+code, "redirect_uri="+rp, "code_verifier="+verifier).tokens(t)
		_, next := f.token("pub", "", "refresh_token", "refresh_token="+refresh).tokens(t)
		assert.NotEqual(t, refresh, next)
	})
	t.Run("C52+9700-2.1.1+2.1-4.1.2.1 no code without challenge", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.authorize("client_id=pub", "redirect_uri="+rp).assertRedirectError(t, rp, "invalid_request", "xyz")
	})
	t.Run("C53+6749-3.2.1 without client_id", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		code := f.code(t, pub()...)
		f.do(tk("", "grant_type=authorization_code", "code="+code, "redirect_uri="+rp, "code_verifier="+verifier)).assertClientError(t, false)
		f.token("pub", "", "authorization_code", "code="+code, "redirect_uri="+rp, "code_verifier="+verifier).tokens(t)
	})
}
