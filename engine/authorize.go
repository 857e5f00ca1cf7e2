package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// AuthorizeRequest is a validated authorization request (RFC 6749, section
// 4.1.1): the client may ask for this, and the redirect URI is its own. Nobody
// has approved it yet.
type AuthorizeRequest struct {
	// GrantID is the grant that an approval opens. It was drawn for this request,
	// so it can be approved once.
	GrantID model.GrantID
	// Client is the registered client. It is nil in a request that [Server.Open]
	// restored; [Server.Approve] reads the client again.
	Client   *model.Client
	ClientID string
	// RedirectURI is where the answer goes. RedirectURISent tells whether the
	// request named it.
	RedirectURI     string
	RedirectURISent bool
	// Scope is what is asked for, or the default scope.
	Scope model.Scope
	// Resources are for which resources the tokens will be (RFC 8707).
	Resources model.Resources
	// State goes back to the client byte for byte, if HasState.
	State    string
	HasState bool
	// Challenge is the S256 code challenge, if HasChallenge; see
	// [model.AuthorizationCode].
	Challenge    [32]byte
	HasChallenge bool
	// ForceConsent says that the request has prompt=consent: the user is to be
	// asked also where that could be skipped.
	ForceConsent bool

	// form is the request as it came; it is empty in one that Open restored.
	form form
	// opened says that the request comes from a page that was shown, remembered
	// that Remembered said that none is needed.
	opened, remembered bool
}

// Query returns the request as the query of an authorize URL, rebuilt from its
// checked parameters: the way back to the same request after a login. It is
// empty in a request that [Server.Open] restored.
func (a *AuthorizeRequest) Query() string { return rebuildQuery(&a.form) }

// AuthorizeRequest validates an authorization request: a GET with the
// parameters in the query, or a POST with them in a form body.
//
// The error is an *Error. It carries a RedirectURI only when client and redirect
// URI are trusted; before that it must be shown to the user, never redirected
// (RFC 6749, section 4.1.2.1).
func (s *Server) AuthorizeRequest(r *http.Request) (req *AuthorizeRequest, err error) {
	ctx := r.Context()
	defer s.caught(ctx, atAuthorize, &err)
	a := &AuthorizeRequest{}
	e := s.limitAddress(r, atAuthorize)
	if e == nil {
		e = s.readAuthorize(r, &a.form)
	}
	if e == nil {
		e = s.validateAuthorize(ctx, a)
	}
	if e == nil {
		// Not by a redirect: that would be one more request for the client.
		e = s.limitClient(r, atAuthorize, a.Client, false)
	}
	if e != nil {
		return nil, s.refused(ctx, Event{Endpoint: atAuthorize, ClientID: loggable(a.form.get("client_id"))}, e)
	}
	return a, nil
}

// loggable cuts what stands in the log for an identifier that nobody checked.
func loggable(s string) string {
	if len(s) > 255 {
		return s[:255] + "…"
	}
	return s
}

func (s *Server) readAuthorize(r *http.Request, f *form) *Error {
	switch r.Method {
	case http.MethodGet:
		return readQuery(r, f)
	case http.MethodPost:
		// One source: the body. A query that names the same things is an attempt to
		// complete or to shadow a posted form.
		if err := s.readForm(r, f); err != nil {
			return err
		}
		var query form
		if err := readQuery(r, &query); err != nil {
			return err
		}
		for _, p := range query.params {
			if f.has(p.name) {
				return refuse(CodeInvalidRequest, "repeated_parameter", "A parameter is in the query and in the body.")
			}
		}
		return nil
	}
	return methodNotAllowed("GET, POST")
}

func methodNotAllowed(allow string) *Error {
	e := refuse(CodeInvalidRequest, "method", "The method must be "+strings.ReplaceAll(allow, ", ", " or ")+".")
	e.Status = http.StatusMethodNotAllowed
	e.Header = http.Header{"Allow": {allow}}
	return e
}

// validateAuthorize has two halves: what is found wrong before client and
// redirect URI are trusted cannot be redirected, everything after it is.
func (s *Server) validateAuthorize(ctx context.Context, a *AuthorizeRequest) *Error {
	f := &a.form
	client, err := s.authorizeClient(ctx, f)
	if err != nil {
		return err
	}
	a.Client, a.ClientID = client, client.ID
	if err := s.authorizeRedirectURI(ctx, f, a); err != nil {
		return err
	}
	if f.count("state") <= 1 {
		a.State = f.get("state")
		a.HasState = a.State != ""
	}
	if err := s.authorizeParameters(f, a); err != nil {
		return a.redirect(err)
	}
	if err := s.drawGrant(&a.GrantID); err != nil {
		return a.redirect(fault(err, "random"))
	}
	return nil
}

// redirect lets the error go to the client, with its state.
func (a *AuthorizeRequest) redirect(e *Error) *Error {
	e.RedirectURI, e.State, e.HasState = a.RedirectURI, a.State, a.HasState
	return e
}

func (s *Server) drawGrant(id *model.GrantID) error {
	for {
		if err := s.random(id[:]); err != nil || !id.IsZero() {
			return err
		}
	}
}

func (s *Server) authorizeClient(ctx context.Context, f *form) (*model.Client, *Error) {
	for _, name := range [...]string{"client_id", "redirect_uri"} {
		if f.count(name) > 1 {
			return nil, refuse(CodeInvalidRequest, "repeated_parameter", "The parameter "+name+" is repeated.")
		}
	}
	id := f.get("client_id")
	if id == "" {
		return nil, refuse(CodeInvalidRequest, "client_id_missing", "The parameter client_id is missing.")
	}
	if !isPrintable(id) || len(id) > 2048 {
		return nil, refuse(CodeInvalidRequest, "client_id_malformed", "The parameter client_id is malformed.")
	}
	client, err := s.getClient(ctx, id)
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, refuse(CodeInvalidClient, "client_unknown", "There is no such client.").because(whyUnknown(id, err)).instead(id)
	case err != nil:
		return nil, asError(err, "get_client")
	case client.Disabled:
		return nil, refuse(CodeInvalidClient, "client_disabled", "There is no such client.").because(errors.New("the client is disabled"))
	}
	return client, nil
}

// authorizeRedirectURI decides where the answer goes (RFC 6749, section 3.1.2.3,
// RFC 9700, section 2.1).
func (s *Server) authorizeRedirectURI(ctx context.Context, f *form, a *AuthorizeRequest) *Error {
	sent := f.get("redirect_uri")
	registered := a.Client.RedirectURIs
	if sent == "" {
		if len(registered) != 1 {
			return refuse(CodeInvalidRequest, "redirect_uri_missing", "The parameter redirect_uri is missing.").
				because(fmt.Errorf("the client has %d registered redirect URIs, so the request must name one", len(registered))).instead("", registered...)
		}
		a.RedirectURI = registered[0]
		return s.checkRedirectURI(a.RedirectURI)
	}
	ok := s.isRegistered(a.Client, sent)
	if s.cfg.ValidateRedirectURI != nil {
		var err error
		if ok, err = s.cfg.ValidateRedirectURI(ctx, a.Client, sent); err != nil {
			return asError(err, "validate_redirect_uri")
		}
	}
	if !ok {
		return refuse(CodeInvalidRequest, "redirect_uri_mismatch", "The redirect_uri is not registered for this client.").
			because(describeMismatch(registered, sent)).instead(sent, registered...)
	}
	a.RedirectURI, a.RedirectURISent = sent, true
	return s.checkRedirectURI(sent)
}

// checkRedirectURI holds the rules for redirect URIs also for those that a
// store or a policy function let through.
func (s *Server) checkRedirectURI(uri string) *Error {
	if err := model.ValidateRedirectURI(uri); err != nil {
		return refuse(CodeInvalidRequest, "redirect_uri_unsafe", "The redirect_uri is not allowed.").
			because(fmt.Errorf("redirect URI %q %w", loggable(uri), err))
	}
	return nil
}

func (s *Server) isRegistered(c *model.Client, uri string) bool {
	for _, r := range c.RedirectURIs {
		if model.MatchRedirectURI(r, uri) {
			return true
		}
	}
	return false
}

// describeMismatch tells the developer which registered URI was nearest and
// where the two part.
func describeMismatch(registered []string, sent string) error {
	if len(registered) == 0 {
		return fmt.Errorf("sent %q, but the client has no redirect URIs", loggable(sent))
	}
	best, at := "", -1
	for _, r := range registered {
		if n := commonPrefix(r, sent); n > at {
			best, at = r, n
		}
	}
	return fmt.Errorf("sent %q, nearest registered %q: they differ from byte %d on", loggable(sent), best, at)
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// authorizeParameters checks what remains once errors can be redirected.
func (s *Server) authorizeParameters(f *form, a *AuthorizeRequest) *Error {
	if f.repeated != "" {
		return repeatedParameter(f.repeated)
	}
	switch rt := f.get("response_type"); rt {
	case "code":
	case "":
		return refuse(CodeInvalidRequest, "response_type_missing", "The parameter response_type is missing.")
	default:
		return refuse(CodeUnsupportedResponseType, "response_type", "The only response_type here is code.").because(fmt.Errorf("sent %q", loggable(rt))).instead(rt, "code")
	}
	if f.get("request") != "" {
		return refuse(CodeRequestNotSupported, "request_object", "Request objects are not supported.")
	}
	if f.get("request_uri") != "" {
		return refuse(CodeRequestURINotSupported, "request_uri", "Request objects are not supported.")
	}
	if !a.Client.AllowsGrant(model.GrantAuthorizationCode) {
		return refuse(CodeUnauthorizedClient, "client_grant", "The client may not use the authorization_code grant.")
	}
	if s.cfg.RequireState && !a.HasState {
		return refuse(CodeInvalidRequest, "state_missing", "The parameter state is missing.")
	}
	if err := s.readChallenge(f, a); err != nil {
		return err
	}
	var err *Error
	if a.Resources, err = s.requestedResources(f); err != nil {
		return err
	}
	a.ForceConsent = slices.Contains(strings.Fields(f.get("prompt")), promptConsent)
	a.Scope, err = s.requestedScope(a.Client, f.get("scope"))
	return err
}

// promptConsent is the one value of prompt that means something here. The
// parameter is that of OpenID Connect Core, section 3.1.2.1.
const promptConsent = "consent"

// rebuildQuery writes the parameters that mean something here, in a fixed order.
func rebuildQuery(f *form) string {
	var b strings.Builder
	add := func(name, value string) {
		if value == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(escape(value))
	}
	for _, name := range [...]string{"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"} {
		add(name, f.get(name))
	}
	for _, v := range f.all("resource") {
		add("resource", v)
	}
	if slices.Contains(strings.Fields(f.get("prompt")), promptConsent) {
		add("prompt", promptConsent)
	}
	return b.String()
}
