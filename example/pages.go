package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/model"
)

//go:embed pages
var pageFiles embed.FS

// page is what every page gets.
type page struct {
	Title string
	// Here is the entry of the navigation that this page is.
	Here string
	User *model.User
	Data any
	CSS  template.CSS
}

// pages are the templates: one layout, and a file for each page.
type pages struct {
	templates map[string]*template.Template
	css       template.CSS
	policy    string
}

func newPages() (*pages, error) {
	css, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		return nil, err
	}
	files, err := pageFiles.ReadDir("pages")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(css)
	p := &pages{
		templates: make(map[string]*template.Template),
		css:       template.CSS(css), //nolint:gosec // the style sheet is our own
		// No form-action: the redirect after the login and the consent may lead to a
		// client, and browsers hold it against that too.
		policy: "default-src 'none'; img-src 'self'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; frame-ancestors 'none'; base-uri 'none'",
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".html")
		if !ok || name == "layout" || name == "exchange" {
			continue
		}
		t, err := template.New(name).Funcs(funcs()).ParseFS(pageFiles, "pages/layout.html", "pages/exchange.html", path.Join("pages", f.Name()))
		if err != nil {
			return nil, err
		}
		p.templates[name] = t
	}
	return p, nil
}

// show writes a page at once, so that a template that fails half-way shows
// nothing of itself.
func (p *pages) show(c *gin.Context, status int, name string, data page) {
	data.CSS = p.css
	var b bytes.Buffer
	t := p.templates[name]
	if t == nil {
		panic("no such page: " + name)
	}
	if err := t.ExecuteTemplate(&b, "layout", data); err != nil {
		panic(fmt.Errorf("page %s: %w", name, err))
	}
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: a browser would then send "Origin: null" with the form.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
}

// icon serves the picture in the browser's tab.
func (p *pages) icon(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age=86400")
	c.Header("X-Content-Type-Options", "nosniff")
	c.FileFromFS("pages/icon.svg", http.FS(pageFiles))
}

func funcs() template.FuncMap {
	return template.FuncMap{"initial": initial, "span": span}
}

// initial is the letter that stands for a user.
func initial(u *model.User) string {
	name := u.Name
	if name == "" {
		name = u.ID
	}
	r, _ := utf8.DecodeRuneInString(name)
	return strings.ToUpper(string(r))
}

// span says a duration in words that stay on one line.
func span(d time.Duration) string {
	for _, u := range [...]struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d >= u.size && d%u.size == 0 {
			if n := d / u.size; n != 1 {
				return fmt.Sprintf("%d\u00a0%ss", n, u.name)
			}
			return "1\u00a0" + u.name
		}
	}
	return d.String()
}
