package ginoauth_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// A page that was answered is not shown again for the same, where the client
// proves who it is.
func TestConsentIsRemembered(t *testing.T) {
	t.Parallel()
	cli := []string{"client_id", "cli", "redirect_uri", "com.example.cli:/cb"}
	for _, tt := range []struct {
		name            string
		approved, asked []string
		shown           bool
	}{
		{"attack-C10+6749-10.2 the same again", nil, nil, false},
		{"attack-C10 a wider scope", nil, []string{"scope", "read profile"}, true},
		{"attack-C10 less than before", []string{"scope", "read profile"}, []string{"scope", "profile"}, false},
		{"2.1-7.3 prompt=consent", nil, []string{"prompt", "consent"}, true},
		{"6749-10.2+2.1-7.3 a public client with an https redirect URI", []string{"client_id", "spa", "redirect_uri", "https://spa.test/cb"}, []string{"client_id", "spa", "redirect_uri", "https://spa.test/cb"}, false},
		{"6749-10.2+2.1-7.3 a public client that any program can pose as", cli, cli, true},
		{"2.1-7.3 a first-party client", nil, []string{"client_id", "own", "redirect_uri", "https://own.test/cb"}, false},
		{"2.1-7.3 a first-party client with prompt=consent", nil, []string{"client_id", "own", "redirect_uri", "https://own.test/cb", "prompt", "consent"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			a.signIn()
			to, form := a.consentForm(authorizeQuery(tt.approved...))
			a.decide(to, form, "allow")
			res := a.authorize(authorizeQuery(tt.asked...))
			if tt.shown {
				assert.Equal(t, http.StatusOK, res.StatusCode)
				assert.Regexp(t, hidden, res.body)
				return
			}
			assert.NotEmpty(t, res.location(t).Query().Get("code"))
			b := a.other()
			b.signIn("bob")
			assert.Equal(t, http.StatusOK, b.authorize(authorizeQuery()).StatusCode, "another user is asked")
		})
	}
}

func TestDenialIsNotRemembered(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	a.signIn()
	to, form := a.consentForm(authorizeQuery())
	a.decide(to, form, "deny")
	assert.Equal(t, http.StatusOK, a.authorize(authorizeQuery()).StatusCode)
	assert.Zero(t, a.events.count(engine.EventConsentRemembered))
}

// The page sets apart what is new, and says that the answer is remembered.
func TestConsentPageSaysWhatIsNew(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	a.signIn()
	first := a.authorize(authorizeQuery())
	assert.NotContains(t, first.body, "already allowed")
	assert.Contains(t, first.body, "not be asked the same again")
	a.code()
	assert.Regexp(t, `(?s)New: .*See who you are.*already allowed.*Read your notes`, a.authorize(authorizeQuery("scope", "read profile")).body)
	assert.NotContains(t, a.authorize(authorizeQuery("prompt", "consent")).body, "already allowed")
	assert.NotContains(t, a.authorize(authorizeQuery("client_id", "cli", "redirect_uri", "com.example.cli:/cb")).body, "not be asked the same again")
}

// A store without a place for consents asks each time.
func TestConsentWithoutStore(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.Model = struct{ model.Model }{c.Model} })
	a.code()
	res := a.authorize(authorizeQuery())
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.NotContains(t, res.body, "not be asked the same again")
	require.Equal(t, http.StatusNotFound, a.do("GET", "/oauth/applications", nil, nil).StatusCode)
	assert.PanicsWithValue(t, "ginoauth: Applications needs Config.GrantList, or a Model that implements model.GrantModel", func() { a.oauth.Applications() })
}

// prompt survives the way through the login.
func TestPromptThroughLogin(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	a.code()
	b := a.other()
	login := b.authorize(authorizeQuery("prompt", "consent")).location(t)
	res := b.do("POST", "/login?"+login.RawQuery, url.Values{}, nil)
	assert.Equal(t, http.StatusOK, b.do("GET", res.Header.Get("Location"), nil, nil).StatusCode)
}
