package engine_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestRegisterRefused(t *testing.T) {
	t.Parallel()
	with := func(members string) string { return `{"redirect_uris":["` + newURI + `"],` + members + `}` }
	uris := func(uris string) string { return `{"redirect_uris":[` + uris + `]}` }
	const (
		metadata = "invalid_client_metadata"
		redirect = "invalid_redirect_uri"
	)
	for _, row := range []struct{ name, body, code string }{
		{"7591-3.2.2 no JSON", `redirect_uris=x`, metadata},
		{"7591-3.2.2 null", `null`, metadata},
		{"7591-3.2.2 an array", `[]`, metadata},
		{"7591-3.2.2 two objects", newClient + newClient, metadata},
		{"7591-3.2.2 empty body", ``, "invalid_request"},
		{"7591-3.2.2 redirect_uris is a string", `{"redirect_uris":"` + newURI + `"}`, metadata},
		{"7591-3.2.2 a redirect URI is a number", uris(`1`), metadata},
		{"7591-3.2.2 too many redirect URIs", uris(strings.Repeat(`"`+newURI+`",`, 20) + `"` + newURI + `"`), metadata},
		{"7591-2 no redirect URI", `{}`, redirect},
		{"7591-2 redirect_uris is empty", uris(``), redirect},
		{"7591-3.2.2 plain http", uris(`"http://new.example/cb"`), redirect},
		{"7591-3.2.2 fragment", uris(`"` + newURI + `#x"`), redirect},
		{"7591-3.2.2 wildcard", uris(`"https://*.new.example/cb"`), redirect},
		{"7591-3.2.2 script", uris(`"javascript:alert(1)"`), redirect},
		{"7591-3.2.2 one good and one bad", uris(`"` + newURI + `","https://x@new.example/"`), redirect},
		{"7591-3.2.2 scheme of an app that the policy lacks", uris(`"com.example.app:/cb"`), redirect},

		{"attack-K04 unknown authentication method", with(`"token_endpoint_auth_method":"private_key_jwt"`), metadata},
		{"attack-K04+7591-2 code without its grant type", with(`"grant_types":["client_credentials"],"response_types":["code"]`), metadata},
		{"attack-K04+7591-2 grant type without code", with(`"grant_types":["authorization_code"],"response_types":[]`), metadata},
		{"attack-K04 implicit", with(`"grant_types":["implicit"],"response_types":["token"]`), metadata},
		{"attack-K04 token beside code", with(`"response_types":["code","token"]`), metadata},
		{"attack-K04 no grant type", with(`"grant_types":[]`), metadata},
		{"attack-K04 refresh_token alone", with(`"grant_types":["refresh_token"]`), metadata},
		{"attack-K04 password", with(`"grant_types":["password"]`), metadata},

		{"attack-K06+7591-2 jwks and jwks_uri", with(`"jwks":{"keys":[]},"jwks_uri":"https://new.example/jwks"`), metadata},
		{"attack-K06 private RSA key", with(`"jwks":{"keys":[{"kty":"RSA","n":"x","e":"AQAB","d":"secret"}]}`), metadata},
		{"attack-K06 symmetric key", with(`"jwks":{"keys":[{"kty":"oct","k":"secret"}]}`), metadata},
		{"attack-K06 jwks is no set", with(`"jwks":[]`), metadata},

		{"attack-K02 jwks_uri of a file", with(`"jwks_uri":"file:///etc/passwd"`), metadata},
		{"attack-K02 logo_uri of a script", with(`"logo_uri":"javascript:alert(1)"`), metadata},
		{"attack-K02 logo_uri as data", with(`"logo_uri":"data:image/png;base64,AA"`), metadata},
		{"attack-K02 policy_uri on loopback", with(`"policy_uri":"http://127.0.0.1/p"`), metadata},
		{"attack-K02 jwks_uri of cloud metadata", with(`"jwks_uri":"http://169.254.169.254/latest"`), metadata},
		{"attack-K02 tos_uri on a private network", with(`"tos_uri":"https://10.1.2.3/"`), metadata},
		{"attack-K02 logo_uri as mapped IPv6", with(`"logo_uri":"https://[::ffff:10.0.0.1]/"`), metadata},
		{"attack-K02 logo_uri on local IPv6", with(`"logo_uri":"https://[fd00::1]/"`), metadata},
		{"attack-K02 logo_uri as one number", with(`"logo_uri":"https://2130706433/"`), metadata},
		{"attack-K02 logo_uri in hex", with(`"logo_uri":"https://x.0x7f000001/"`), metadata},
		{"attack-K02 logo_uri on an intranet name", with(`"logo_uri":"https://wiki/"`), metadata},
		{"attack-K02 logo_uri below localhost", with(`"logo_uri":"https://a.localhost./"`), metadata},
		{"attack-K02 logo_uri in another language", with(`"logo_uri#de":"https://192.168.0.1/"`), metadata},
		{"attack-K02 client_uri with a password", with(`"client_uri":"https://a:b@new.example/"`), metadata},

		{"7591-5 a name that turns the text around", with(`"client_name":"evil\u202egnp"`), metadata},
		{"7591-5 a name with a line break", with(`"client_name":"a\nb"`), metadata},
		{"7591-5 a name with nothing to see", with(`"client_name#fr":"a\u200bb"`), metadata},
		{"7591-5 a name of spaces", with(`"client_name":"   "`), metadata},
		{"7591-5 a name of letters that are blank", with(`"client_name":"\u3164\u115f\u2800"`), metadata},
		{"7591-5 a name of accents alone", with(`"client_name":"\u0301\u0301"`), metadata},
		{"7591-5 a long name", with(`"client_name":"` + strings.Repeat("x", 101) + `"`), metadata},
		{"7591-5 only scopes beyond the ceiling", with(`"scope":"write admin"`), metadata},
		{"7591-3.2.2 malformed scope", with(`"scope":"a\\b"`), metadata},
		{"7591-5 very much text", with(`"contacts":["` + strings.Repeat("x", 9<<10) + `"]`), metadata},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, withRegistration())
			f.register(row.body).assertError(t, http.StatusBadRequest, row.code)
			assert.Zero(t, f.store.count("CreateClient"))
		})
	}
}

func TestRegisterGets(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, members string
		want          map[string]any
	}{
		{"7591-2 what is not known is ignored", `"require_auth_time":true,"id_token_signed_response_alg":7`, map[string]any{"require_auth_time": nil}},
		{"7591-2.3 a software statement is not understood here", `"software_statement":"e30.e30."`, map[string]any{"software_statement": nil}},
		{"7591-2.2 texts in other languages", `"client_name":"A","client_name#ja-Jpan-JP":"B","tos_uri#de":"https://new.example/agb"`,
			map[string]any{"client_name": "A", "client_name#ja-Jpan-JP": "B", "tos_uri#de": "https://new.example/agb"}},
		{"7591-2 grant types beyond the policy are left out", `"grant_types":["authorization_code","client_credentials","urn:ietf:params:oauth:grant-type:device_code","refresh_token"]`,
			map[string]any{"grant_types": []any{"authorization_code", "refresh_token"}}},
		{"7591-5 scope within the ceiling", `"scope":"admin read"`, map[string]any{"scope": "read"}},
		{"7591-2 a public client has no secret", `"token_endpoint_auth_method":"none"`,
			map[string]any{"token_endpoint_auth_method": "none", "client_secret": nil, "client_secret_expires_at": nil}},
		{"7591-2 secret in the body", `"token_endpoint_auth_method":"client_secret_post"`, map[string]any{"token_endpoint_auth_method": "client_secret_post"}},
		{"attack-K06 a public key is taken and not kept", `"jwks":{"keys":[{"kty":"RSA","n":"x","e":"AQAB"}]}`, map[string]any{"jwks": nil}},
		{"attack-K02 a client in development", `"client_uri":"http://localhost:3000"`, map[string]any{"client_uri": "http://localhost:3000"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, withRegistration())
			_, m := f.registerOK(t, `{"redirect_uris":["`+newURI+`"],`+row.members+`}`)
			for name, want := range row.want {
				assert.Equal(t, want, m[name], name)
			}
		})
	}
}

// Nothing that a client registers is fetched: the server has no client to do it
// with, so the only witness needed is a listener that nobody visits.
func TestRegisterFetchesNothing(t *testing.T) {
	t.Parallel()
	t.Run("attack-K02 no fetch", func(t *testing.T) {
		t.Parallel()
		visited := make(chan string, 8)
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { visited <- r.URL.Path }))
		defer server.Close()
		f := newFixture(t, withRegistration())
		at := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
		f.registerOK(t, `{"redirect_uris":["`+newURI+`"],"client_uri":"`+at+`/page"}`)
		f.register(`{"redirect_uris":["`+newURI+`"],"logo_uri":"`+at+`/logo","jwks_uri":"`+at+`/jwks"}`).assertError(t, 400, "invalid_client_metadata")
		assert.Empty(t, visited)
	})
}

func TestRegistrationPolicy(t *testing.T) {
	t.Parallel()
	hosts := withRegistration(func(p *engine.RegistrationPolicy) {
		p.RedirectHosts = []string{"new.example", "*.apps.example", "localhost"}
		p.RedirectSchemes = []string{"https", "http", "com.example.app"}
	})
	for _, row := range []struct {
		name, uri string
		ok        bool
	}{
		{"7591-5 the host", newURI, true},
		{"7591-5 the host in capitals", "https://NEW.example/cb", true},
		{"7591-5 another host", "https://new.example.evil.test/cb", false},
		{"7591-5 a host below", "https://a.b.apps.example/cb", true},
		{"7591-5 not the parent itself", "https://apps.example/cb", false},
		{"7591-5 not a similar name", "https://xapps.example/cb", false},
		{"7591-5 loopback that is named", "http://localhost/cb", true},
		{"7591-5 loopback that is not", "http://127.0.0.1/cb", false},
		{"7591-5 scheme of an app", "com.example.app:/cb", true},
		{"7591-5 scheme of another app", "com.example.other:/cb", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := newFixture(t, hosts).register(`{"redirect_uris":["` + row.uri + `"]}`)
			if row.ok {
				assert.Equal(t, 201, a.Code, a.Body)
				return
			}
			a.assertError(t, 400, "invalid_redirect_uri")
		})
	}

	t.Run("7591-5 Policy refuses, fails, and narrows", func(t *testing.T) {
		t.Parallel()
		for _, row := range []struct {
			policy func(context.Context, *model.Client) error
			status int
			code   string
		}{
			{func(context.Context, *model.Client) error {
				return &engine.Error{Code: engine.CodeUnapprovedSoftware, Description: "No."}
			}, 400, "unapproved_software_statement"},
			{func(context.Context, *model.Client) error { return errors.New("db down") }, 500, "server_error"},
			{func(_ context.Context, c *model.Client) error { c.SkipConsent = true; return nil }, 500, "server_error"},
		} {
			f := newFixture(t, withRegistration(func(p *engine.RegistrationPolicy) { p.Policy = row.policy }))
			f.register(newClient).assertError(t, row.status, row.code)
		}
		f := newFixture(t, withRegistration(func(p *engine.RegistrationPolicy) {
			p.Policy = func(_ context.Context, c *model.Client) error {
				c.ID, c.SelfRegistered = "admin", false
				c.Secrets[0].ExpiresAt = fixtureStart.Add(time.Hour)
				return nil
			}
		}))
		c, m := f.registerOK(t, newClient)
		assert.NotEqual(t, "admin", c.id)
		assert.InDelta(t, fixtureStart.Add(time.Hour).Unix(), m["client_secret_expires_at"], 0)
		saved, err := f.store.GetClient(t.Context(), c.id)
		require.NoError(t, err)
		assert.True(t, saved.SelfRegistered)
	})
}

func TestRegistrationPolicyChecked(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		id     string
		change func(*engine.Config)
	}{
		{"registration-nobody", func(c *engine.Config) { c.Registration.AllowOpen = false }},
		{"registration-open-token", func(c *engine.Config) { c.Registration.InitialAccessTokens = []model.Digest{model.DigestOf("x")} }},
		{"registration-token-zero", func(c *engine.Config) { c.Registration.InitialAccessTokens = make([]model.Digest, 1) }},
		{"registration-scope-malformed", func(c *engine.Config) { c.Registration.Scope = "" }},
		{"registration-scope-unknown", func(c *engine.Config) { c.Registration.Scope = "ghost" }},
		{"registration-grant", func(c *engine.Config) { c.Registration.Grants = []string{model.GrantPassword} }},
		{"registration-grant", func(c *engine.Config) { c.Registration.Grants = []string{"urn:ghost"} }},
		{"registration-unused-short", func(c *engine.Config) { c.Registration.UnusedLifetime = time.Second }},
		{"registration-query", func(c *engine.Config) { c.Endpoints.Registration = issuer + "/r?x=y" }},
		{"registration-clients", func(c *engine.Config) { c.Model = struct{ model.Model }{c.Model} }},
	} {
		t.Run(row.id, func(t *testing.T) {
			t.Parallel()
			cfg := quietConfig()
			withRegistration()(&cfg)
			row.change(&cfg)
			found := engine.Check(cfg)
			assert.True(t, slices.ContainsFunc(found, func(f engine.Finding) bool { return f.ID == row.id && f.Fatal }), found)
			_, err := engine.New(cfg)
			require.Error(t, err)
		})
	}
}

func FuzzRegister(f *testing.F) {
	f.Add(newClient)
	f.Add(`{"redirect_uris":["http://localhost:1/x"],"jwks":{"keys":[{"k":1}]},"client_name#":"x","logo_uri":"https://[fe80::1%25a]/"}`)
	f.Add(`{"redirect_uris":null,"grant_types":[],"response_types":["code"],"scope":" ","contacts":[null]}`)
	cfg := fuzzConfig()
	withRegistration()(&cfg)
	srv := startFuzz(f, cfg)
	f.Fuzz(func(t *testing.T, body string) {
		r := registration(http.MethodPost, "", "", body)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		res, err := srv.RegisterClient(r)
		if err != nil {
			require.Less(t, engine.AsError(err).HTTPStatus(), 500, "%v", err)
			return
		}
		srv.WriteClient(w, r, res)
		require.NoError(t, res.Client.Validate())
		// What came back can be registered again, and makes the same client.
		again := answer{w}.json(t)
		require.Equal(t, res.Client.ID, again["client_id"])
		// Memory does not grow with the length of the campaign.
		require.NoError(t, cfg.Model.(model.ClientModel).DeleteClient(t.Context(), res.Client.ID))
	})
}
