package demo

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// A Visitor is a user with a browser: a cookie jar, forms that are filled in and sent back with their hidden fields, and
// redirects that are followed as long as they stay on the server.
type Visitor struct {
	t      testing.TB
	server *Server
	http   *http.Client
	secret []string
	via    func(*http.Request) *Server // nil: the server itself
}

// Secrets are what nobody else may learn of this visitor: cookies, and what was in the forms that were sent.
func (v *Visitor) Secrets() []string { return v.secret }

// NewVisitor is a visitor that nobody knows yet.
func (s *Server) NewVisitor(t testing.TB) *Visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	v := &Visitor{t: t, server: s}
	v.http = &http.Client{
		Jar: jar, Transport: v,
		CheckRedirect: func(req *http.Request, _ []*http.Request) error {
			if !strings.HasPrefix(req.URL.String(), s.URL+"/") {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
	return v
}

// Via lets a proxy choose to which instance a request goes. To the visitor they are one server.
func (v *Visitor) Via(choose func(*http.Request) *Server) { v.via = choose }

// RoundTrip implements http.RoundTripper.
func (v *Visitor) RoundTrip(r *http.Request) (*http.Response, error) {
	if v.via == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	sent := r.Clone(r.Context())
	sent.Host = r.URL.Host // as the visitor's browser has it
	sent.URL.Host = v.via(r).addr
	res, err := http.DefaultTransport.RoundTrip(sent)
	if err == nil {
		res.Request = r // of which redirects and forms are seen
	}
	return res, err
}

// Open opens a page as it is, and returns its status and text.
func (v *Visitor) Open(path string) (status int, text string) {
	v.t.Helper()
	p := v.do(http.MethodGet, v.server.URL+path, nil)
	return p.response.StatusCode, p.body
}

// SignIn signs in without a client's request and returns the status of the page that comes of it.
func (v *Visitor) SignIn(username, password string) int {
	v.t.Helper()
	page := v.do(http.MethodGet, v.server.URL+"/login", nil)
	f := page.form("username")
	require.NotNil(v.t, f, page.body)
	f.fields.Set("username", username)
	f.fields.Set("password", password)
	return v.submit(page, f).response.StatusCode
}

// Authorize opens an authorization URL as alice: signs in if asked to, answers the consent page with the decision (allow or
// deny), and returns where the browser is sent in the end, which is the client's redirect URI with its parameters.
func (v *Visitor) Authorize(authorizeURL, decision string) *url.URL {
	v.t.Helper()
	page := v.do(http.MethodGet, authorizeURL, nil)
	if f := page.form("username"); f != nil {
		f.fields.Set("username", "alice")
		f.fields.Set("password", "wonderland")
		page = v.submit(page, f)
	}
	if f := page.form("decision=" + decision); f != nil {
		f.fields.Set("decision", decision)
		page = v.submit(page, f)
	}
	location, err := page.response.Location()
	require.NoError(v.t, err, "%s: expected a redirect to the client: %s", page.response.Status, page.body)
	return location
}

// WalkThrough goes through the demo client's pages as alice up to the tokens, and returns the text of the page then.
func (v *Visitor) WalkThrough() string {
	v.t.Helper()
	page := v.do(http.MethodGet, v.server.URL+"/client", nil)
	f := page.form("scope")
	require.NotNil(v.t, f, page.body)
	page = v.submit(page, f)
	link := page.link(v.server.URL + "/oauth/authorize?")
	require.NotEmpty(v.t, link, page.body)
	page = v.do(http.MethodGet, link, nil)
	if f := page.form("username"); f != nil {
		f.fields.Set("username", "alice")
		f.fields.Set("password", "wonderland")
		page = v.submit(page, f)
	}
	if f := page.form("decision=allow"); f != nil {
		f.fields.Set("decision", "allow")
		page = v.submit(page, f)
	}
	return page.body
}

// Press opens a page and presses the button with this name=value, and returns the status of the page that comes of it.
func (v *Visitor) Press(path, button string) int {
	v.t.Helper()
	page := v.do(http.MethodGet, v.server.URL+path, nil)
	f := page.form(button)
	require.NotNil(v.t, f, page.body)
	name, value, _ := strings.Cut(button, "=")
	f.fields.Set(name, value)
	return v.submit(page, f).response.StatusCode
}

// Device opens the link of a device as alice: signs in if asked to, sends the code that the link filled in, answers the
// confirmation with the decision and returns what the last page says.
func (v *Visitor) Device(link, decision string) string {
	v.t.Helper()
	page := v.do(http.MethodGet, link, nil)
	if f := page.form("username"); f != nil {
		f.fields.Set("username", "alice")
		f.fields.Set("password", "wonderland")
		page = v.submit(page, f)
	}
	f := page.form("user_code")
	require.NotNil(v.t, f, page.body)
	page = v.submit(page, f)
	f = page.form("decision=" + decision)
	require.NotNil(v.t, f, page.body)
	f.fields.Set("decision", decision)
	return v.submit(page, f).body
}

// A page is an answer, read.
type page struct {
	response *http.Response
	body     string
}

func (v *Visitor) do(method, target string, form url.Values) page {
	v.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(v.t.Context(), method, target, body)
	require.NoError(v.t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", v.server.URL)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := v.http.Do(req)
	require.NoError(v.t, err)
	defer res.Body.Close()
	for _, cookie := range v.http.Jar.Cookies(res.Request.URL) {
		v.secret = append(v.secret, cookie.Value)
	}
	text, err := io.ReadAll(res.Body)
	require.NoError(v.t, err)
	return page{res, string(text)}
}

func (v *Visitor) submit(p page, f *form) page {
	v.t.Helper()
	target, err := p.response.Request.URL.Parse(f.action)
	require.NoError(v.t, err)
	for name, values := range f.fields {
		if name != "decision" && name != "username" && name != "return_to" && name != "scope" {
			v.secret = append(v.secret, values...)
		}
	}
	return v.do(strings.ToUpper(f.method), target.String(), f.fields)
}

// link returns where the first link leads that begins so.
func (p page) link(begin string) string {
	doc, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		return ""
	}
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			if n.Data == "a" && a.Key == "href" && strings.HasPrefix(a.Val, begin) {
				return a.Val
			}
		}
	}
	return ""
}

// A form of a page, with the fields that a browser would send.
type form struct {
	action, method string
	fields         url.Values
	buttons        []string // name=value
}

// form returns the first form that has an input of this name or a button of this name=value; nil if there is none.
func (p page) form(has string) *form {
	doc, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		return nil
	}
	var found, current *form
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		switch {
		case n.Data == "form":
			current = &form{action: attr["action"], method: attr["method"], fields: url.Values{}}
		case current == nil:
		case n.Data == "button" || n.Data == "input" && attr["type"] == "submit":
			current.buttons = append(current.buttons, attr["name"]+"="+attr["value"])
		case n.Data == "input" && attr["name"] != "":
			current.fields.Add(attr["name"], attr["value"])
		}
		if found == nil && current != nil && current.has(has) {
			found = current
		}
	}
	return found
}

func (f *form) has(what string) bool {
	for _, b := range f.buttons {
		if b == what {
			return true
		}
	}
	return f.fields.Has(what)
}
