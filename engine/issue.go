package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Issue is what [Server.Issue] issues.
type Issue struct {
	// ClientID is for whom the token is: a client that is registered, be it for
	// this purpose alone. The user's page shows its name.
	ClientID string
	// UserID is for whom the client acts with it. Empty: for itself.
	UserID string
	// Scope must be within the client's. Empty: the default scope.
	Scope model.Scope
	// Resources are for which resources it is (RFC 8707). Empty: the server's own.
	Resources model.Resources
	// Lifetime of the token. Zero: the client's, or the server's. It may be longer
	// than either.
	Lifetime time.Duration
}

// Issue issues an access token without a request of a client: a personal access
// token, or one for a support tool. It opens a grant of its own, without refresh
// token, which the user finds among the applications with access. The client's
// grant types do not matter. Scope, ValidateScope and CheckUser are held as for
// every token. The error is an *Error.
//
// Whoever may call it decides the application.
func (s *Server) Issue(ctx context.Context, i Issue) (res *TokenResponse, err error) {
	defer s.caught(ctx, atIssue, &err)
	ev := Event{Endpoint: atIssue, ClientID: loggable(i.ClientID), UserID: i.UserID, Scope: i.Scope}
	res, e := s.issueFor(ctx, i)
	if e != nil {
		return nil, s.refused(ctx, ev, e)
	}
	ev.Type, ev.GrantID, ev.Scope = EventIssued, res.Token.GrantID, res.Token.Scope
	s.emit(ctx, ev)
	return res, nil
}

func (s *Server) issueFor(ctx context.Context, i Issue) (*TokenResponse, *Error) {
	if i.Lifetime != 0 && i.Lifetime < time.Second {
		return nil, fault(fmt.Errorf("engine: Issue.Lifetime is %v: give at least a second, or zero for the default", i.Lifetime), "lifetime")
	}
	c, err := s.getClient(ctx, i.ClientID)
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, refuse(CodeInvalidClient, "client_unknown", "There is no such client.").because(whyUnknown(i.ClientID, err))
	case err != nil:
		return nil, asError(err, "get_client")
	case c.Disabled:
		return nil, refuse(CodeInvalidClient, "client_disabled", "There is no such client.").because(errors.New("the client is disabled"))
	}
	scope, e := s.requestedScope(c, string(i.Scope))
	if e != nil {
		return nil, e
	}
	resources, e := s.knownResources(i.Resources.List())
	if e != nil {
		return nil, e
	}
	if scope, e = s.policyScope(ctx, ScopeRequest{Client: c, UserID: i.UserID, Scope: scope}); e != nil {
		return nil, e
	}
	if e := s.checkUser(ctx, i.UserID, CodeInvalidGrant); e != nil {
		return nil, e
	}
	t := &model.Token{
		ClientID: c.ID, UserID: i.UserID, Scope: scope, GrantScope: scope,
		Resources: resources, GrantResources: resources, IssuedAt: s.now(),
	}
	if err := s.drawGrant(&t.GrantID); err != nil {
		return nil, fault(err, "random")
	}
	lifetime := i.Lifetime
	setDefault(&lifetime, c.AccessTokenLifetime)
	setDefault(&lifetime, s.cfg.AccessTokenLifetime)
	t.AccessExpiresAt = later(t.IssuedAt, lifetime)
	t.GrantExpiresAt = t.AccessExpiresAt
	res, e := s.openGrant(ctx, t)
	if e == nil {
		s.used(ctx, c) // a token is a token: its client must not expire as unused
	}
	return res, e
}
