package ginoauth

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	// formField carries the sealed request through the consent page.
	formField = "consent_request"
	// decisionField is the name of the two buttons.
	decisionField = "decision"
	allow         = "allow"

	maxForm = 64 << 10

	// reasonCrossOrigin is the rule that a form of another site breaks.
	reasonCrossOrigin = "cross_origin"
)

// Authorize is the authorization endpoint (RFC 6749, section 3.1), for GET and
// POST. It checks the request before it asks anybody to sign in, then asks for a
// login, then for consent, and then answers the client. It ends the chain of
// handlers. It panics when wired without Options.AuthenticateHandler.
func (s *Server) Authorize() gin.HandlerFunc {
	if s.opts.AuthenticateHandler == nil {
		panic("ginoauth: Authorize needs Options.AuthenticateHandler and LoginURL")
	}
	return func(c *gin.Context) {
		defer c.Abort()
		if c.Request.Method == http.MethodPost {
			s.authorizePost(c)
			return
		}
		s.authorizeGet(c)
	}
}

func (s *Server) authorizeGet(c *gin.Context) {
	req, err := s.engine.AuthorizeRequest(c.Request)
	if err != nil {
		s.fail(c, err, &ErrorPage{})
		return
	}
	user, ok := s.user(c, req)
	if !ok {
		return
	}
	if user == nil {
		if c.Request.URL.Query().Has(returnedParam) {
			s.notSignedIn(c, "?"+req.Query())
			return
		}
		s.redirect(c, s.loginURL(s.authorizePath, req.Query()))
		return
	}
	all, before := s.engine.Remembered(c.Request.Context(), req, user)
	if all || req.Client.SkipConsent && !req.ForceConsent {
		s.approve(c, req, user)
		return
	}
	form, err := s.engine.Seal(req, user)
	if err != nil {
		s.fail(c, s.report(c, req, err), &ErrorPage{})
		return
	}
	s.askConsent(c, req, user, before, form)
}

// authorizePost takes the answer of a consent page, or an authorization request
// that a client sends as a form; that one becomes the same request as GET.
func (s *Server) authorizePost(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxForm)
	if err := c.Request.ParseForm(); err != nil {
		s.refuse(c, badForm(err))
		return
	}
	if c.Request.PostForm.Has(formField) {
		s.decide(c)
		return
	}
	req, err := s.engine.AuthorizeRequest(c.Request)
	if err != nil {
		s.fail(c, err, &ErrorPage{})
		return
	}
	s.redirect(c, "?"+req.Query())
}

func badForm(err error) *engine.Error {
	e := &engine.Error{Code: engine.CodeInvalidRequest, Description: "The form could not be read.", Reason: "malformed_form", Cause: err}
	var limit *http.MaxBytesError
	if errors.As(err, &limit) {
		e.Description, e.Status, e.Reason = "The form is larger than 64 kB.", http.StatusRequestEntityTooLarge, "body_too_large"
	}
	return e
}

// decide acts on the user's decision. Only a page of this origin can send it.
func (s *Server) decide(c *gin.Context) {
	if !s.sameOrigin(c) {
		return
	}
	user, ok := s.user(c, nil)
	if !ok {
		return
	}
	if user == nil {
		s.signInAgain(c)
		return
	}
	form := c.Request.PostForm
	req, err := s.engine.Open(c.Request.Context(), form.Get(formField), user)
	if err != nil {
		s.fail(c, err, &ErrorPage{})
		return
	}
	// Anything but an explicit yes is a no.
	if d := form[decisionField]; len(d) != 1 || d[0] != allow {
		s.fail(c, s.engine.Deny(c.Request.Context(), req, user), &ErrorPage{})
		return
	}
	s.approve(c, req, user)
}

// sameOrigin reports whether a form came from a page of this origin. If not, the
// answer is written.
func (s *Server) sameOrigin(c *gin.Context) bool {
	err := s.origin.Check(c.Request)
	if err != nil {
		s.refuse(c, crossOrigin(err))
	}
	return err == nil
}

func crossOrigin(err error) *engine.Error {
	return &engine.Error{Code: engine.CodeAccessDenied, Description: "This form came from another site.", Status: http.StatusForbidden, Reason: reasonCrossOrigin, Cause: err}
}

func (s *Server) approve(c *gin.Context, req *engine.AuthorizeRequest, user *model.User) {
	res, err := s.engine.Approve(c.Request.Context(), req, user, req.Scope)
	if err != nil {
		s.fail(c, err, &ErrorPage{})
		return
	}
	s.engine.WriteAuthorize(c.Writer, c.Request, res)
}

// refuse reports and shows an error that only the browser's user can be told.
func (s *Server) refuse(c *gin.Context, e *engine.Error) {
	s.fail(c, s.report(c, nil, e), &ErrorPage{})
}

// report reports an error of ginoauth or of the application, and returns what is
// answered: to the client of the request, or, without one, to the user.
func (s *Server) report(c *gin.Context, req *engine.AuthorizeRequest, err error) *engine.Error {
	ctx := c.Request.Context()
	if req == nil {
		switch c.Request.URL.Path {
		case s.devicePath:
			return s.engine.RefuseAt(ctx, "device", err)
		case s.applicationsPath:
			return s.engine.RefuseAt(ctx, "applications", err)
		}
	}
	return s.engine.Refuse(ctx, req, err)
}

// user asks the application who is signed in. False: the answer is written. A
// fault goes to the client if there is a validated request, else on a page.
func (s *Server) user(c *gin.Context, req *engine.AuthorizeRequest) (*model.User, bool) {
	return s.userOr(c, req, &ErrorPage{})
}

// userOr is user with the page that a fault is shown on.
func (s *Server) userOr(c *gin.Context, req *engine.AuthorizeRequest, page *ErrorPage) (*model.User, bool) {
	before := c.Writer.Status()
	user, err := s.opts.AuthenticateHandler(c)
	switch {
	case c.IsAborted() || c.Writer.Written() || c.Writer.Status() != before:
		return nil, false
	case errors.Is(err, ErrNoUser), err == nil && user == nil:
		return nil, true
	case err == nil && user.ID == "":
		err = errors.New("the authenticate handler returned a user without an ID")
	case err == nil:
		return user, true
	}
	s.fail(c, s.report(c, req, err), page)
	return nil, false
}

// notSignedIn tells the developer, rather than to send the browser round and
// round between the login and this page.
func (s *Server) notSignedIn(c *gin.Context, retry string) {
	e := &engine.Error{
		Code: engine.CodeAccessDenied, Status: http.StatusForbidden, Reason: "not_signed_in",
		Description: "The login page sent the browser back, but nobody is signed in.",
	}
	s.fail(c, s.report(c, nil, e), &ErrorPage{
		Hint:  "For the developer: the authenticate handler found no user. Does it read the session and the key that the login writes? Did the browser keep the session cookie (a Secure cookie needs https or localhost; a SameSite=Strict cookie is not sent here)?",
		Retry: retry, RetryLabel: "Sign in again",
	})
}

// signInAgain sends a user whose session ended while the page was open to the
// login, and from there to the same request afresh.
func (s *Server) signInAgain(c *gin.Context) {
	if req := s.afresh(c); req != nil {
		s.redirect(c, s.loginURL(s.authorizePath, req.Query()))
		return
	}
	s.redirect(c, s.opts.LoginURL)
}

// afresh validates the request that a consent page was shown for, which stands
// in the URL that its form was sent to. It returns nil if that is none.
func (s *Server) afresh(c *gin.Context) *engine.AuthorizeRequest {
	get := c.Request.Clone(c.Request.Context())
	get.Method, get.Body = http.MethodGet, http.NoBody
	req, err := s.engine.AuthorizeRequest(get)
	if err != nil {
		return nil
	}
	return req
}

func (s *Server) redirect(c *gin.Context, to string) {
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", to)
	c.Writer.WriteHeader(http.StatusSeeOther)
}
