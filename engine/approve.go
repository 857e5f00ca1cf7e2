package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// AuthorizeResponse is an approved request, to be written with
// [Server.WriteAuthorize].
type AuthorizeResponse struct {
	// Location is the redirect URI with code, state and iss. It holds a secret:
	// it goes to the browser and nowhere else.
	Location string
	// Code is the record that was saved.
	Code *model.AuthorizationCode
}

// Approve issues an authorization code: the user said yes to this scope, which
// must not be empty nor more than was asked for. A request is approved once,
// whoever tries it again and from whichever instance; the second gets an *Error
// with ReasonStalePage, as does one whose client changed meanwhile. The client
// is read again, and [Config].CheckUser and ValidateScope are asked. What was
// approved on a page, that is in a request from [Server.Open], is remembered; see
// [Server.Remembered].
func (s *Server) Approve(ctx context.Context, req *AuthorizeRequest, user *model.User, scope model.Scope) (res *AuthorizeResponse, err error) {
	defer s.caught(ctx, atAuthorize, &err)
	if user == nil || user.ID == "" {
		return nil, errors.New("engine: Approve needs a signed-in user")
	}
	if req.GrantID.IsZero() {
		return nil, errors.New("engine: Approve needs a request made by AuthorizeRequest or Open")
	}
	ev := Event{Endpoint: atAuthorize, GrantID: req.GrantID, ClientID: req.ClientID, UserID: user.ID, Scope: scope}
	res, e := s.approve(ctx, req, user, scope)
	if e != nil {
		return nil, s.refused(ctx, ev, e)
	}
	ev.Type, ev.Scope = EventAuthorized, res.Code.Scope
	if req.remembered {
		ev.Reason = "consent_remembered"
	}
	s.emit(ctx, ev)
	return res, nil
}

func (s *Server) approve(ctx context.Context, req *AuthorizeRequest, user *model.User, scope model.Scope) (*AuthorizeResponse, *Error) {
	client, err := s.getClient(ctx, req.ClientID)
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, stalePage(errors.New("the client was removed since the page was shown"))
	case err != nil:
		return nil, asError(err, "get_client")
	}
	if e := s.stillValid(ctx, client, req); e != nil {
		return nil, e
	}
	// What the application read from its page may not be in normal form.
	approved, err := model.ParseScope(string(scope))
	if err != nil || approved == "" || !req.Scope.Covers(approved) {
		return nil, req.redirect(refuse(CodeInvalidScope, "scope_approved", "The approved scope is not what was asked for.").
			because(fmt.Errorf("asked for %q, approved %q", req.Scope, scope)))
	}
	if e := s.checkUser(ctx, user.ID, CodeAccessDenied); e != nil {
		return nil, req.redirect(e)
	}
	granted, e := s.policyScope(ctx, ScopeRequest{Client: client, UserID: user.ID, GrantType: model.GrantAuthorizationCode, Scope: approved})
	if e != nil {
		return nil, req.redirect(e)
	}
	credential, err := s.randomCredential(req.GrantID)
	if err != nil {
		return nil, req.redirect(fault(err, "random"))
	}
	code := s.newCode(req, user, granted, credential.key)
	switch err := s.cfg.Model.SaveAuthorizationCode(ctx, code); {
	case errors.Is(err, model.ErrExists):
		return nil, stalePage(errors.New("the request was approved before"))
	case err != nil:
		return nil, req.redirect(asError(err, "save_authorization_code"))
	}
	if req.remembered {
		if e := s.takenBack(ctx, req, user.ID); e != nil {
			return nil, e
		}
	}
	s.remember(ctx, client, req, user.ID, approved)
	location := s.answerURL(req.RedirectURI, "code="+credential.text, req.State, req.HasState)
	return &AuthorizeResponse{Location: location, Code: code}, nil
}

// stillValid asks of the client as it is now what was asked when the page was
// shown.
func (s *Server) stillValid(ctx context.Context, c *model.Client, req *AuthorizeRequest) *Error {
	registered := s.isRegistered(c, req.RedirectURI)
	if s.cfg.ValidateRedirectURI != nil && req.RedirectURISent {
		var err error
		if registered, err = s.cfg.ValidateRedirectURI(ctx, c, req.RedirectURI); err != nil {
			return asError(err, "validate_redirect_uri")
		}
	}
	switch {
	case c.Disabled:
		return stalePage(errors.New("the client was disabled since the page was shown"))
	case !registered:
		return stalePage(errors.New("the client lost this redirect URI since the page was shown"))
	case !c.AllowsGrant(model.GrantAuthorizationCode), !c.Scope.Covers(req.Scope):
		return stalePage(errors.New("the client lost the grant or a scope since the page was shown"))
	case !req.HasChallenge && (c.Public || !c.AllowNoPKCE):
		return stalePage(errors.New("the client must use PKCE since the page was shown"))
	}
	return nil
}

func (s *Server) newCode(req *AuthorizeRequest, user *model.User, scope model.Scope, key model.Key) *model.AuthorizationCode {
	now := s.now()
	code := &model.AuthorizationCode{
		Key: key, ClientID: req.ClientID, UserID: user.ID, Scope: scope, Resources: req.Resources,
		RedirectURI: req.RedirectURI, RedirectURISent: req.RedirectURISent,
		Challenge: req.Challenge, HasChallenge: req.HasChallenge,
		IssuedAt: now, ExpiresAt: later(now, s.cfg.CodeLifetime), RetainUntil: now.Add(replayWindow),
	}
	if code.ExpiresAt.After(code.RetainUntil) {
		code.RetainUntil = code.ExpiresAt
	}
	return code
}

// later adds a lifetime; what the result lacks of a whole millisecond is cut.
func later(now time.Time, d time.Duration) time.Time { return now.Add(d.Truncate(time.Millisecond)) }

// checkUser asks the application whether the user may still be served, and
// refuses with this code if not.
func (s *Server) checkUser(ctx context.Context, userID, code string) *Error {
	if s.cfg.CheckUser == nil || userID == "" {
		return nil
	}
	switch err := s.cfg.CheckUser(ctx, userID); {
	case err == nil:
		return nil
	case errors.Is(err, model.ErrNoUser):
		return refuse(code, "user_refused", "The user may not be served.")
	default:
		return asError(err, "check_user")
	}
}

// Deny returns the answer for a user who said no, to be written with
// [Server.WriteError]: a redirect with access_denied. Nothing is stored.
func (s *Server) Deny(ctx context.Context, req *AuthorizeRequest, user *model.User) *Error {
	e := req.redirect(refuse(CodeAccessDenied, "user_denied", "The user denied the request."))
	ev := Event{Type: EventDenied, Endpoint: atAuthorize, ClientID: req.ClientID, Scope: req.Scope, Reason: e.Reason}
	if user != nil {
		ev.UserID = user.ID
	}
	s.emit(ctx, ev)
	return e
}

// Refuse returns the answer for an authorization request that the application
// itself refuses or cannot serve, say because its session store failed; to be
// written with [Server.WriteError]. An *Error is what is answered, anything else
// becomes server_error. With a validated request the answer goes to the client,
// with a nil one it is shown to the user.
func (s *Server) Refuse(ctx context.Context, req *AuthorizeRequest, err error) *Error {
	if req == nil {
		return s.RefuseAt(ctx, atAuthorize, err)
	}
	e := asError(err, "application")
	_ = req.redirect(e) // changes e
	return s.refused(ctx, Event{Endpoint: atAuthorize, ClientID: req.ClientID, Scope: req.Scope}, e)
}

// RefuseAt is [Server.Refuse] at another endpoint, which [Event] names, such as
// "device" or "applications". The answer is shown to the user.
func (s *Server) RefuseAt(ctx context.Context, endpoint string, err error) *Error {
	return s.refused(ctx, Event{Endpoint: endpoint}, asError(err, "application"))
}
