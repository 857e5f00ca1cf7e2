package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const callbackPath = "/client/callback"

// walkthrough is the demo client: an OAuth client like any other, that shows
// what it sends and what it gets. It knows of the authorization server only what
// a client knows: its own registration and the server's URLs.
type walkthrough struct {
	site         *site
	secret       string
	redirectURI  string
	authorizeURL string
	tokenURL     string
	revokeURL    string
	issuer       string
	http         *http.Client
	flows        *flows
	now          func() time.Time
}

func newWalkthrough(s *site, k keys, server http.Handler) (*walkthrough, error) {
	flows, err := newFlows(s.storage.drawer, k.flows, strings.HasPrefix(s.origin, "https://"))
	if err != nil {
		return nil, err
	}
	endpoints := s.oauth.Engine().Config().Endpoints
	return &walkthrough{
		site: s, secret: k.demoSecret, redirectURI: s.origin + callbackPath,
		authorizeURL: endpoints.Authorization, tokenURL: endpoints.Token, revokeURL: endpoints.Revocation, issuer: s.cfg.issuer,
		http:  &http.Client{Transport: inProcess{server}, Timeout: 10 * time.Second},
		flows: flows,
		now:   time.Now,
	}, nil
}

// clientData is what the walk-through shows.
type clientData struct {
	Connected, SignedOut     bool
	Authorize, Answer, Token *exchange
	// The newest first.
	Calls, Refreshes, Breaks []*exchange
	GrantedScope             string
	SpentRefresh             bool
	// SignedOut, and how the tokens were given back.
	Revoked *exchange

	// AuthorizeURL is set while the request waits for its answer.
	AuthorizeURL string
	Scopes       []scopeChoice
	Grace        time.Duration
	CodeLifetime time.Duration
	Hint         *seedUser
	Canonical    string
}

type scopeChoice struct{ Name, Title string }

func (w *walkthrough) show(c *gin.Context) {
	f, err := w.flows.read(c)
	if err != nil {
		w.site.fault(c, "demo client", err)
		return
	}
	if f == nil {
		f = &flow{}
	}
	d := clientData{
		Connected: f.connected(), SignedOut: f.SignedOut, Revoked: f.Revoked,
		Authorize: f.Authorize, Answer: f.Answer, Token: f.Token,
		Calls: f.Calls, Refreshes: f.Refreshes, Breaks: f.Breaks,
		GrantedScope: f.GrantedScope, SpentRefresh: f.SpentRefresh != "",
		Grace: w.site.cfg.refreshTokenGrace, CodeLifetime: w.site.cfg.codeLifetime,
		Canonical: w.site.canonical(c.Request),
	}
	if f.Authorize != nil && f.State != "" {
		d.AuthorizeURL = f.AuthorizeURL
	}
	for _, info := range scopeInfos() {
		d.Scopes = append(d.Scopes, scopeChoice{info.Name, info.Title})
	}
	if w.site.seed.BuiltIn {
		d.Hint = &w.site.seed.Users[0]
	}
	w.site.pages.show(c, http.StatusOK, "client", page{Title: "Walk through the flow", Here: "client", User: w.site.user(c), Data: d})
}

// start makes an authorization request. The page then shows it, with a link that
// sends it.
func (w *walkthrough) start(c *gin.Context) {
	form, ok := w.site.form(c)
	if !ok {
		return
	}
	var scope []string
	for _, known := range vocabulary() {
		if slices.Contains(form["scope"], known) {
			scope = append(scope, known)
		}
	}
	if len(scope) == 0 {
		w.site.message(c, http.StatusBadRequest, "Choose at least one scope", "A client that asks for nothing gets nothing.")
		return
	}
	if w.tooOften(c) {
		w.site.message(c, http.StatusTooManyRequests, "Too many at once", "Please wait a moment and try again.")
		return
	}
	f := &flow{State: rand.Text(), Verifier: rand.Text() + rand.Text()}
	challenge := sha256.Sum256([]byte(f.Verifier))
	query := encode(
		"response_type", "code",
		"client_id", demoClientID,
		"redirect_uri", w.redirectURI,
		"scope", strings.Join(scope, " "),
		"state", f.State,
		"code_challenge", base64.RawURLEncoding.EncodeToString(challenge[:]),
		"code_challenge_method", "S256",
	)
	f.AuthorizeURL = w.authorizeURL + "?" + query
	f.Authorize = f.see(&exchange{
		Title: "The request, in the address bar", At: w.now(), Request: addressText(f.AuthorizeURL), Sent: decodeQuery(query),
	})
	if err := w.flows.begin(c, f); err != nil {
		w.site.fault(c, "demo client", err)
		return
	}
	w.see(c, "#step-1")
}

// startBurst is how often one address may begin at once, and about how often in a
// minute: everybody may, and what each begins is kept for a while.
const startBurst = 60

func (w *walkthrough) tooOften(c *gin.Context) bool {
	limits, ok := w.site.storage.model.(model.LimitModel)
	if !ok {
		return false
	}
	wait, err := limits.Take(c.Request.Context(), "demo client "+c.ClientIP(), 1, model.Rate{Interval: time.Second, Burst: startBurst}, w.now())
	return err == nil && wait > 0
}

// Why an answer of the authorization server is not taken.
var (
	errStray       = errors.New("nobody waits for this answer")
	errOtherServer = errors.New("the answer comes from another server")
)

// step lets act work on the browser's flow, which is nil if there is none, keeps
// what became of it and goes to the place on the page that act names.
func (w *walkthrough) step(c *gin.Context, act func(f *flow) (anchor string, err error)) {
	var anchor string
	err := w.flows.change(c, func(f *flow) (err error) {
		anchor, err = act(f)
		return err
	})
	switch {
	case err == nil:
		w.see(c, anchor)
	case errors.Is(err, errStray):
		w.site.message(c, http.StatusBadRequest, "Nobody waits for this answer",
			"The parameter state does not belong to a request that this browser began here, so the client does not look at the rest. It may have been answered already.")
	case errors.Is(err, errOtherServer):
		w.site.message(c, http.StatusBadRequest, "This answer comes from another server", "The parameter iss does not name the server that was asked (RFC 9207). The code is not sent anywhere.")
	default:
		w.site.fault(c, "demo client", err)
	}
}

// callback takes the answer of the authorization server and, if it is a code,
// exchanges it at once: codes are short-lived.
func (w *walkthrough) callback(c *gin.Context) {
	w.step(c, func(f *flow) (anchor string, err error) {
		q := c.Request.URL.Query()
		switch {
		case f == nil || f.State == "" || q.Get("state") != f.State:
			// An old one, one of another browser, or one that another site made up.
			return "", errStray
		case q.Get("iss") != w.issuer:
			return "", errOtherServer
		}
		verifier := f.Verifier
		f.State, f.Verifier = "", ""
		f.Answer = f.see(&exchange{
			Title: "The answer, by a redirect", At: w.now(), Status: http.StatusSeeOther,
			Request: addressText(w.redirectURI + "?" + c.Request.URL.RawQuery), Sent: decodeQuery(c.Request.URL.RawQuery),
		})
		code := q.Get("code")
		if code == "" {
			f.Answer.Status = http.StatusForbidden
			return "#step-2", nil
		}
		f.SpentCode, f.SpentVerifier = code, verifier
		a, err := w.tokenRequest(c, "The code for tokens", w.codeForm(code, verifier))
		if err != nil {
			return "", err
		}
		f.Token = f.see(a.exchange)
		f.take(a)
		return "#step-3", nil
	})
}

func (w *walkthrough) codeForm(code, verifier string) string {
	return encode(
		"grant_type", "authorization_code",
		"code", code,
		"redirect_uri", w.redirectURI,
		"code_verifier", verifier,
	)
}

// tokenAnswer is an exchange at the token endpoint with what it brought.
type tokenAnswer struct {
	exchange *exchange
	tokens   tokens
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
}

// tokenRequest sends a form to the token endpoint.
func (w *walkthrough) tokenRequest(c *gin.Context, title, form string) (*tokenAnswer, error) {
	e, body, err := w.postForm(c, title, w.tokenURL, form)
	if err != nil {
		return nil, err
	}
	a := &tokenAnswer{exchange: e}
	if err := json.Unmarshal(body, &a.tokens); err != nil {
		return nil, errors.New("the token endpoint answered no JSON")
	}
	return a, nil
}

// postForm sends a form as the client, authenticated by its id and secret (RFC
// 6749, section 2.3.1).
func (w *walkthrough) postForm(c *gin.Context, title, target, form string) (*exchange, []byte, error) {
	ctx := c.Request.Context()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(demoClientID), url.QueryEscape(w.secret))
	e, body, err := w.do(ctx, title, r, form)
	if err != nil {
		return nil, nil, err
	}
	e.Sent = append([]parameter{{"Authorization", demoClientID + " : " + hidden, "the client’s id and secret, as HTTP Basic"}}, decodeQuery(form)...)
	return e, body, nil
}

// take keeps the tokens of an answer that has some.
func (f *flow) take(a *tokenAnswer) {
	if !a.exchange.OK() {
		return
	}
	f.Access, f.Refresh, f.GrantedScope = a.tokens.Access, a.tokens.Refresh, a.tokens.Scope
}

// encode makes a form or query of names and values, in this order.
func encode(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(pairs[i]) + "=" + url.QueryEscape(pairs[i+1]))
	}
	return b.String()
}

// see goes back to a place on the page after a form.
func (w *walkthrough) see(c *gin.Context, anchor string) { w.site.see(c, "/client"+anchor) }
