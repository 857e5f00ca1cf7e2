package ginoauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// namedUser is an authenticate handler that knows this user.
func namedUser(id, name string) func(*engine.Config, *ginoauth.Options) {
	return func(_ *engine.Config, o *ginoauth.Options) {
		o.AuthenticateHandler = func(*gin.Context) (*model.User, error) { return &model.User{ID: id, Name: name}, nil }
	}
}

func TestConsentPageShows(t *testing.T) {
	t.Parallel()

	t.Run("attack-C12 who asks, for what, on whose account, and where the answer goes", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, namedUser("42", "Alice Archer"))
		body := a.authorize(authorizeQuery("scope", "profile read")).body
		for _, want := range []string{
			"<h1><bdi>Web App</bdi> asks for access to your account</h1>",
			"You are signed in as <strong><bdi>Alice Archer</bdi></strong>",
			"<span>See who you are <small>profile</small></span>",
			"<span>Read your notes <small>read</small></span>",
			"You will be sent to <strong><bdi>web.test</bdi></strong>",
			"Access lasts at most 90 days.",
			`<button class="button" name="decision" value="deny">Deny</button>`,
			`<button class="button primary" name="decision" value="allow">Allow</button>`,
		} {
			assert.Contains(t, body, want)
		}
		assert.NotContains(t, body, "Write notes")
		assert.Less(t, strings.Index(body, ">Deny<"), strings.Index(body, ">Allow<"), "the Enter key takes the first button, which must not be the yes")
	})

	t.Run("attack-C12 without names, the ids", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, namedUser("42", ""))
		body := a.authorize(authorizeQuery("client_id", "spa", "redirect_uri", "https://spa.test/cb")).body
		assert.Contains(t, body, "<bdi>spa</bdi> asks for access")
		assert.Contains(t, body, "signed in as <strong><bdi>42</bdi></strong>")
	})

	for _, tt := range []struct{ name, client, uri, want string }{
		{"attack-C12 host with its port", "cli", "http://127.0.0.1:5123/cb", "127.0.0.1:5123"},
		{"attack-C12 scheme of an app", "cli", "com.example.cli:/cb", "com.example.cli"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, namedUser("42", ""))
			res := a.authorize(authorizeQuery("client_id", tt.client, "redirect_uri", tt.uri))
			require.Equal(t, http.StatusOK, res.StatusCode, res.body)
			assert.Contains(t, res.body, "<strong><bdi>"+tt.want+"</bdi></strong>")
		})
	}

	for _, tt := range []struct {
		name   string
		config func(*engine.Config)
		client model.Client
		want   string
	}{
		{"attack-C12 lifetime with refresh tokens is the grant's", func(c *engine.Config) { c.GrantLifetime = 36 * time.Hour }, model.Client{}, "36 hours"},
		{"attack-C12 lifetime of an access token", func(*engine.Config) {}, model.Client{Grants: []string{model.GrantAuthorizationCode}}, "1 hour"},
		{"attack-C12 lifetime of the client's own", func(*engine.Config) {}, model.Client{Grants: []string{model.GrantAuthorizationCode}, AccessTokenLifetime: 30 * time.Second}, "1 minute"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, func(c *engine.Config, o *ginoauth.Options) {
				tt.config(c)
				namedUser("42", "")(c, o)
			})
			c := tt.client
			c.ID, c.Public, c.RedirectURIs, c.Scope = "short", true, []string{"https://short.test/cb"}, "read"
			require.NoError(t, a.store.AddClient(c))
			body := a.authorize(authorizeQuery("client_id", "short", "redirect_uri", "https://short.test/cb")).body
			assert.Contains(t, body, "Access lasts at most "+tt.want+".")
		})
	}
}

// Names come from whoever registered the client, and from whoever signed up.
func TestConsentPageEscapes(t *testing.T) {
	t.Parallel()
	for name, evil := range map[string]string{
		"attack-C12 script":         `<script>alert(1)</script>`,
		"attack-C12 closing tags":   `</h1></title></style><img src=x onerror=alert(1)>`,
		"attack-C12 attributes":     `" onmouseover="alert(1)' x='`,
		"attack-C12 right to left":  "safe\u202eliam/moc.live\u202c",
		"attack-C12 template":       `{{.HiddenValue}}`,
		"attack-C12 entity":         `&lt;b&gt;`,
		"attack-C12 very long name": strings.Repeat("W", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, func(c *engine.Config, o *ginoauth.Options) {
				namedUser(evil, evil)(c, o)
				c.Scopes = append(c.Scopes, engine.ScopeInfo{Name: "evil", Title: evil})
			})
			require.NoError(t, a.store.AddClient(model.Client{ID: "evil", Name: evil, Public: true, RedirectURIs: []string{"https://evil.test/cb"}, Scope: "evil"}))
			res := a.authorize(authorizeQuery("client_id", "evil", "redirect_uri", "https://evil.test/cb", "scope", "evil", "state", evil))
			require.Equal(t, http.StatusOK, res.StatusCode)
			escaped := template.HTMLEscapeString(evil)
			assert.Equal(t, 3, strings.Count(res.body, "<bdi>"+escaped+"</bdi>"), "the client twice, the user once")
			assert.Contains(t, res.body, "<span>"+escaped+" <small>evil</small>")
			for _, tag := range []string{"<script", "<img", `onmouseover="`} {
				assert.NotContains(t, res.body, tag)
			}
			assert.Equal(t, 1, strings.Count(res.body, "<form"))
			assert.Equal(t, 1, strings.Count(res.body, "</style>"))
		})
	}
}

var (
	styleElement = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	loads        = regexp.MustCompile(`(?i)(src=|<link|<script|@import|url\(|https?://)`)
)

func TestPageHeaders(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	b := a.other()
	b.signIn()
	to, form := b.consentForm(authorizeQuery())
	require.Equal(t, http.StatusSeeOther, b.decide(to, form, "allow").StatusCode)
	back := a.authorize(authorizeQuery()).location(t).Query().Get("return_to")

	for _, tt := range []struct {
		name     string
		page     answer
		referrer string
	}{
		{"attack-A18+6749-10.13+9700-4.16+2.1-7.11 consent page", b.authorize(authorizeQuery("prompt", "consent")), "same-origin"},
		{"attack-A18 error page", a.authorize(authorizeQuery("client_id", "nobody")), "no-referrer"},
		{"attack-A18 expired page", b.decide(to, form, "allow"), "no-referrer"},
		{"attack-A18 page of another site", b.do("POST", to, form, http.Header{"Origin": {"https://evil.test"}}), "no-referrer"},
		{"attack-A18 login that did not sign in", a.do("GET", back, nil, nil), "no-referrer"},
		{"attack-A18 malformed form", a.do("POST", "/oauth/authorize", nil, http.Header{"Content-Type": {"text/plain"}}), "no-referrer"},
		{"attack-A18 method", a.do("DELETE", "/oauth/authorize", nil, nil), "no-referrer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := tt.page.Header
			assert.Equal(t, "text/html; charset=utf-8", h.Get("Content-Type"))
			assert.Equal(t, "DENY", h.Get("X-Frame-Options"))
			assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
			assert.Equal(t, "no-store", h.Get("Cache-Control"))
			assert.Equal(t, tt.referrer, h.Get("Referrer-Policy"))

			style := styleElement.FindAllStringSubmatch(tt.page.body, -1)
			require.Len(t, style, 1)
			sum := sha256.Sum256([]byte(style[0][1]))
			policy := h.Get("Content-Security-Policy")
			assert.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; frame-ancestors 'none'; base-uri 'none'", policy)
			assert.NotContains(t, policy, "form-action", "it would hold the redirect to the client against it")

			rest := styleElement.ReplaceAllString(tt.page.body, "")
			assert.NotRegexp(t, `(?i)(src=|<link|<script|style=)`, rest)
			assert.NotRegexp(t, loads, style[0][1])
			assert.Contains(t, rest, `<html lang="en">`)
			assert.Contains(t, rest, `name="viewport"`)
		})
	}
}

// The action of the form is the same URL, so that what is shown afterwards can
// lead back to the request.
func TestConsentPageAction(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	a.signIn()
	q := authorizeQuery("state", `a"b&c=d<e>'f`, "prompt", "login consent", "nonsense", "1")
	to, _ := a.consentForm(q)
	u, err := url.Parse(to)
	require.NoError(t, err)
	q.Set("prompt", "consent")
	q.Del("nonsense")
	assert.Equal(t, q, u.Query(), "the parameters that mean something, as they were")
}
