package ginoauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
)

// withTemplates replaces pages by the named templates.
func withTemplates(texts ...string) func(*engine.Config, *ginoauth.Options) {
	return func(_ *engine.Config, o *ginoauth.Options) {
		set := template.New("").Funcs(template.FuncMap{"shout": strings.ToUpper})
		for i := 0; i < len(texts); i += 2 {
			template.Must(set.New(texts[i]).Parse(texts[i+1]))
		}
		o.Templates = set
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()

	t.Run("one page of the application's, the other ours", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, withTemplates(
			"consent.html", `{{template "frame" .}}<form method="post" action="{{.Action}}"><input name="{{.HiddenName}}" value="{{.HiddenValue}}"><button name="{{.DecisionName}}" value="{{.AllowValue}}">`,
			"frame", `<title>{{shout .Client.DisplayName}}</title>{{range .Scopes}}[{{.Title}}]{{end}}{{.RedirectHost}} {{.LifetimeText}} {{.User.ID}}`,
		))
		a.signIn()
		res := a.authorize(authorizeQuery())
		assert.Contains(t, res.body, "<title>WEB APP</title>[Read your notes]web.test 90 days alice")
		assert.Equal(t, "DENY", res.Header.Get("X-Frame-Options"))
		to, form := a.consentForm(authorizeQuery())
		assert.True(t, a.decide(to, form, "allow").location(t).Query().Has("code"))
		assert.Contains(t, a.authorize(authorizeQuery("client_id", "x")).body, "<h1>This request cannot be served</h1>")
	})

	t.Run("the error page", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, withTemplates("error.html", `{{.Code}}|{{.Description}}|{{.Hint}}|{{.Retry}}|{{.RetryLabel}}`))
		a.signIn()
		assert.Equal(t, "invalid_client|There is no such client.|Nothing was shared. The application that sent you here may have to be set up differently. The reason is in the log of this server.||", a.authorize(authorizeQuery("client_id", "x")).body)
		to, form := a.consentForm(authorizeQuery())
		a.clock.advance(time.Hour)
		assert.Regexp(t, `^invalid_request\|This page has expired or was answered before\.\|\|\?response_type=code.*\|Start again$`, a.decide(to, form, "allow").body)
	})

	t.Run("a page that fails half-way shows nothing of itself", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, withTemplates("consent.html", `half a page{{.Client.DisplayName.Nonsense}}`))
		a.signIn()
		res := a.authorize(authorizeQuery())
		assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
		assert.NotContains(t, res.body, "half")
		assert.JSONEq(t, `{"error":"server_error","error_description":"The server could not complete the request."}`, res.body)
		assert.Equal(t, 1, a.events.count(engine.EventFault))
	})

	t.Run("an error page that fails", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, withTemplates("error.html", `half a page{{.Nonsense}}`))
		res := a.authorize(url.Values{})
		assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
		assert.NotContains(t, res.body, "half")
	})

	t.Run("the application's own set is not changed, and may be shared", func(t *testing.T) {
		t.Parallel()
		set := template.Must(template.New("error.html").Parse("mine"))
		cfg, opts := newConfig(t)
		opts.Templates = set
		for range 2 {
			_, err := ginoauth.New(cfg, opts)
			require.NoError(t, err)
		}
		assert.Nil(t, set.Lookup("consent.html"))
	})

	t.Run("a set that was executed before is told at the start", func(t *testing.T) {
		t.Parallel()
		set := template.Must(template.New("error.html").Parse("mine"))
		require.NoError(t, set.Execute(&strings.Builder{}, nil))
		cfg, opts := newConfig(t)
		opts.Templates = set
		_, err := ginoauth.New(cfg, opts)
		assert.ErrorContains(t, err, "ginoauth: Options.Templates: ")
	})

	t.Run("attack-O08 first used by many at once", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.signIn()
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() { assert.Contains(t, a.authorize(authorizeQuery()).body, "Read your notes") })
			wg.Go(func() { assert.Contains(t, a.authorize(url.Values{}).body, "client_id is missing") })
		}
		wg.Wait()
	})
}

// The policy allows the style sheet that the page has, whoever wrote it.
func TestStyleSheet(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ css, served string }{
		"attack-A18 of the application": {"body { color: #123 }", "body { color: #123 }"},
		"attack-A18 with what HTML would escape": {
			`a > b::before { content: "<&'\"" } /* {{.}} */`, `a > b::before { content: "<&'\"" } /* {{.}} */`,
		},
		"attack-A18 with line ends of Windows": {"a{}\r\nb{}\rc{}", "a{}\nb{}\nc{}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, func(_ *engine.Config, o *ginoauth.Options) { o.CSS = tt.css })
			a.signIn()
			for _, page := range []answer{a.authorize(authorizeQuery()), a.authorize(url.Values{})} {
				assert.Contains(t, page.body, "<style>"+tt.served+"</style>")
				sum := sha256.Sum256([]byte(tt.served))
				assert.Contains(t, page.Header.Get("Content-Security-Policy"), "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
			}
		})
	}
}

// A page that is the application's from top to bottom.
func TestOwnConsentPage(t *testing.T) {
	t.Parallel()
	t.Run("attack-C12+attack-A18 it gets everything that ours shows", func(t *testing.T) {
		t.Parallel()
		pages := make(chan *ginoauth.ConsentPage, 1)
		a := newApp(t, func(_ *engine.Config, o *ginoauth.Options) {
			o.Consent = func(c *gin.Context, p *ginoauth.ConsentPage) {
				pages <- p
				c.JSON(http.StatusOK, gin.H{"client": p.Client.DisplayName()})
			}
		})
		a.signIn()
		res := a.authorize(authorizeQuery("scope", "read profile"))
		assert.JSONEq(t, `{"client":"Web App"}`, res.body)
		assert.Equal(t, "DENY", res.Header.Get("X-Frame-Options"))
		assert.Equal(t, "same-origin", res.Header.Get("Referrer-Policy"))
		assert.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		p := <-pages
		assert.Equal(t, "web", p.Client.ID)
		assert.Equal(t, "alice", p.User.ID)
		assert.ElementsMatch(t, []engine.ScopeInfo{{Name: "profile", Title: "See who you are"}, {Name: "read", Title: "Read your notes"}}, p.Scopes)
		assert.Equal(t, "web.test", p.RedirectHost)
		assert.Equal(t, 90*24*time.Hour, p.Lifetime)

		// What the page says is enough to send the answer.
		form := url.Values{p.HiddenName: {p.HiddenValue}, p.DecisionName: {p.AllowValue}}
		res = a.do("POST", "/oauth/authorize"+p.Action, form, http.Header{"Origin": {a.server.URL}})
		assert.True(t, res.location(t).Query().Has("code"))
		form.Set(p.DecisionName, p.NoValue)
		res = a.do("POST", "/oauth/authorize"+p.Action, form, http.Header{"Origin": {a.server.URL}})
		assert.Equal(t, "access_denied", res.location(t).Query().Get("error"))
	})
}

func TestLifetimeText(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "1 minute", time.Second: "1 minute", time.Minute: "1 minute", 61 * time.Second: "2 minutes", 90 * time.Minute: "90 minutes",
		time.Hour: "1 hour", 2 * time.Hour: "2 hours", 150 * time.Minute: "3 hours", 47 * time.Hour: "47 hours",
		48 * time.Hour: "2 days", 49 * time.Hour: "3 days", 90 * 24 * time.Hour: "90 days",
	} {
		assert.Equal(t, want, (&ginoauth.ConsentPage{Lifetime: d}).LifetimeText())
	}
}
