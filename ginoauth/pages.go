package ginoauth

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

//go:embed pages
var pageFiles embed.FS

// ConsentPage is what the consent page shows and sends back.
type ConsentPage struct {
	// Client asks, User is asked.
	Client *model.Client
	User   *model.User
	// Scopes are what is asked for, with their titles.
	Scopes []engine.ScopeInfo
	// New and Before are Scopes in two parts: what is asked for the first time, and
	// what the user allowed this client before and is still remembered.
	New, Before []engine.ScopeInfo
	// Resources are the APIs that the access is for, if the request names some (RFC
	// 8707).
	Resources []string
	// Remembers tells that a yes is remembered, so that the same is not asked again.
	Remembers bool
	// RedirectHost is where the answer goes: a host, or the scheme of an app.
	RedirectHost string
	// RedirectsToDevice tells that the answer goes to a program on the user's
	// device: a loopback host, or a scheme that any app can claim.
	RedirectsToDevice bool
	// ClientHost is the host that describes the client, whose client_id is a URL
	// there; empty for other clients. Client.SelfRegistered tells of both kinds of
	// client that nobody verified.
	ClientHost string
	// Lifetime is how long access can go on without asking again.
	Lifetime time.Duration

	// The form is sent by POST to Action, which is relative to this page, with
	// one hidden field and a button named "decision" with the value "allow" or
	// "deny".
	Action              string
	HiddenName          string
	HiddenValue         string
	CSS                 template.CSS
	DecisionName        string
	AllowValue, NoValue string
}

// ErrorPage is what the error page shows.
type ErrorPage struct {
	// Title is the heading.
	Title string
	// Code and Description are those of the error. Reference is the word under
	// which the log of the server has the reason: show it.
	Code, Description, Reference string
	// Details explain the error to the developer. Nil unless
	// engine.Config.AllowErrorDetails is set.
	Details *ErrorDetails
	// Hint says what to do about it, if Retry does not.
	Hint string
	// Retry is where to try again, if that can help, and RetryLabel what it says.
	Retry, RetryLabel string
	CSS               template.CSS
}

// pages are the parsed templates, with what their policy allows.
type pages struct {
	templates *template.Template
	css       template.CSS
	policy    string
}

func newPages(opts *Options) (*pages, error) {
	css := opts.CSS
	if css == "" {
		b, err := pageFiles.ReadFile("pages/style.css")
		if err != nil {
			return nil, err
		}
		css = string(b)
	}
	var badCSS error
	if strings.Contains(strings.ToLower(css), "</style") {
		badCSS = errors.New("ginoauth: Options.CSS must not contain </style")
	}
	// Browsers do this to a page before they take the hash of its style.
	css = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(css)
	t, err := template.ParseFS(pageFiles, "pages/*.html")
	if err == nil && opts.Templates != nil {
		t, err = overlay(t, opts.Templates)
	}
	if err := errors.Join(badCSS, err); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(css))
	return &pages{
		templates: t,
		css:       template.CSS(css), //nolint:gosec // the style sheet is the developer's own
		// No form-action: browsers hold redirects after the form against it too, and
		// the answer to a consent goes to the client.
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; frame-ancestors 'none'; base-uri 'none'",
	}, nil
}

// overlay returns the application's templates, with ours for the pages that they
// lack. Theirs is the set that is kept, since their functions belong to it.
func overlay(ours, theirs *template.Template) (*template.Template, error) {
	var names []string
	for _, t := range ours.Templates() {
		if !strings.HasPrefix(t.Name(), "oauth_") { // what our pages have in common
			names = append(names, t.Name())
		}
	}
	if !slices.ContainsFunc(names, func(name string) bool { return theirs.Lookup(name) != nil }) {
		slices.Sort(names)
		return nil, fmt.Errorf("ginoauth: Options.Templates has no page: name a template like one of %q", names)
	}
	set, err := theirs.Clone()
	if err != nil {
		return nil, fmt.Errorf("ginoauth: Options.Templates: %w", err)
	}
	for _, t := range ours.Templates() {
		if set.Lookup(t.Name()) != nil {
			continue
		}
		if _, err := set.AddParseTree(t.Name(), t.Tree); err != nil {
			return nil, fmt.Errorf("ginoauth: Options.Templates: %w", err)
		}
	}
	return set, nil
}

// askConsent shows the consent page.
func (s *Server) askConsent(c *gin.Context, req *engine.AuthorizeRequest, user *model.User, before model.Scope, form string) {
	page := &ConsentPage{
		Client: req.Client, User: user, Scopes: s.engine.ScopeInfos(req.Scope), Resources: req.Resources.List(),
		RedirectHost: redirectHost(req.RedirectURI), Lifetime: s.lifetime(req.Client),
		Action: "?" + req.Query(), HiddenName: formField, HiddenValue: form, CSS: s.pages.css,
		DecisionName: decisionField, AllowValue: allow, NoValue: "deny",
	}
	for _, info := range page.Scopes {
		if before.Has(info.Name) {
			page.Before = append(page.Before, info)
		} else {
			page.New = append(page.New, info)
		}
	}
	page.RedirectsToDevice = !strings.HasPrefix(req.RedirectURI, "https://")
	if strings.HasPrefix(req.Client.ID, "https://") {
		page.ClientHost = redirectHost(req.Client.ID)
	}
	page.Remembers = s.engine.CanRemember(req)
	s.pages.headers(c.Writer.Header(), "same-origin")
	if s.opts.Consent != nil {
		s.opts.Consent(c, page)
		return
	}
	s.render(c, http.StatusOK, "consent.html", page)
}

// redirectHost is how the page names where the answer goes.
func redirectHost(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	if u.Host == "" {
		return u.Scheme
	}
	return u.Host
}

// lifetime is how long access can go on after this consent.
func (s *Server) lifetime(c *model.Client) time.Duration {
	cfg := s.engine.Config()
	if c.AllowsGrant(model.GrantRefreshToken) {
		return cfg.GrantLifetime
	}
	if c.AccessTokenLifetime != 0 {
		return c.AccessTokenLifetime
	}
	return cfg.AccessTokenLifetime
}

// LifetimeText says the lifetime in words. It is rounded up, since the page says
// "at most".
func (p *ConsentPage) LifetimeText() string { return lifetimeText(p.Lifetime) }

func lifetimeText(lifetime time.Duration) string {
	in := func(unit time.Duration, name string) string {
		n := max(1, (lifetime+unit-1)/unit)
		if n == 1 {
			return "1 " + name
		}
		return fmt.Sprintf("%d %ss", n, name)
	}
	switch d := lifetime; {
	case d >= 48*time.Hour:
		return in(24*time.Hour, "day")
	case d >= 2*time.Hour, d == time.Hour:
		return in(time.Hour, "hour")
	default:
		return in(time.Minute, "minute")
	}
}

// writeErrorPage shows an error that cannot go to the client.
func (s *Server) writeErrorPage(c *gin.Context, e *engine.Error, page *ErrorPage) {
	page.Title = "This request cannot be served"
	if e.Reason == engine.ReasonStalePage {
		page.Title = "This page has expired"
	}
	if e.Reason == engine.ReasonStalePage && page.Retry == "" {
		if req := s.afresh(c); req != nil {
			page.Retry, page.RetryLabel = "?"+req.Query(), "Start again"
		}
	}
	if page.Hint == "" && page.Retry == "" {
		page.Hint = "Nothing was shared. The application that sent you here may have to be set up differently. The reason is in the log of this server."
		switch {
		case e.Reason == reasonCrossOrigin:
			page.Hint = "Nothing was shared. A page of another site tried to answer in your name. Go back to the application that you came from and start again."
		case e.HTTPStatus() == http.StatusTooManyRequests:
			page.Hint = "Nothing was shared. Please wait a moment and try again."
		case e.HTTPStatus() >= http.StatusInternalServerError:
			page.Hint = "Nothing was shared. The reason lies with this server: please try again later."
		}
	}
	engine.SetErrorHeaders(c.Writer.Header(), e)
	s.pages.headers(c.Writer.Header(), "no-referrer")
	plain := *e
	plain.Reference = "" // it stands by itself
	page.Code, page.Description, page.Reference, page.CSS = e.Code, plain.SafeDescription(), e.Reference, s.pages.css
	if s.engine.Config().AllowErrorDetails {
		page.Details = newErrorDetails(c.Request, e)
	}
	s.render(c, e.HTTPStatus(), "error.html", page)
}

// render writes a page at once, so that a template that fails half-way shows
// nothing of itself.
func (s *Server) render(c *gin.Context, status int, name string, data any) {
	var b bytes.Buffer
	if err := s.pages.templates.ExecuteTemplate(&b, name, data); err != nil {
		e := s.report(c, nil, fmt.Errorf("ginoauth: template %s: %w", name, err))
		s.fail(c, e, nil)
		return
	}
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
}

// headers are those of every page: nothing may frame it, run in it or be loaded
// by it, and it is not stored.
func (p *pages) headers(h http.Header, referrer string) {
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", referrer)
	h.Set("Cache-Control", "no-store")
}
