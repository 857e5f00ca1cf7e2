package engine

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Grant decides one grant type at the token endpoint. It only decides: who the
// user is and which scope is due. The endpoint does the rest, once for every
// grant: client authentication, permission, the client's scope ceiling, the
// application's policies, issuing and events.
//
// An extension grant (RFC 6749, section 4.5) is put into [Config].Grants under
// its URI.
type Grant interface {
	// Decide reads the request of an authenticated client that may use this
	// grant. An *Error reaches the client as it is; any other error is a fault.
	Decide(ctx context.Context, req *TokenRequest) (*Decision, error)
}

// GrantFunc is a function that is a [Grant].
type GrantFunc func(ctx context.Context, req *TokenRequest) (*Decision, error)

// Decide calls the function.
func (f GrantFunc) Decide(ctx context.Context, req *TokenRequest) (*Decision, error) {
	return f(ctx, req)
}

// TokenRequest is a token request of an authenticated client.
type TokenRequest struct {
	Client    *model.Client
	GrantType string
	form      form
	http      *http.Request
}

// Param returns a parameter of the request, or the empty string; an empty
// parameter is the same as none. No parameter comes twice.
func (r *TokenRequest) Param(name string) string { return r.form.get(name) }

// Decision is what a grant says is due.
type Decision struct {
	// UserID is for whom the client acts; empty when for itself.
	UserID string
	// Scope is what is due. Empty: what the request asks for, or the default
	// scope. More than the client may have is refused.
	Scope model.Scope
	// NoRefreshToken issues an access token only.
	NoRefreshToken bool

	// complete saves and answers; nil opens a new grant. The built-in grants that
	// continue an open one set it.
	complete completer
}

// completer takes the token that is about to be issued, with all but its
// digests, to its answer.
type completer interface {
	complete(ctx context.Context, s *Server, t *model.Token) (*TokenResponse, *Error)
	// continues fills in what the open grant determines.
	continues(t *model.Token)
	// scope returns the scope that the request gets, before policy.
	scope(s *Server, req *TokenRequest) (model.Scope, *Error)
	// resources returns those of the grant.
	resources() model.Resources
}

func (s *Server) makeGrants() map[string]Grant {
	grants := map[string]Grant{
		model.GrantAuthorizationCode: authorizationCodeGrant{s},
		model.GrantRefreshToken:      refreshTokenGrant{s},
		model.GrantClientCredentials: clientCredentialsGrant{s},
	}
	if s.cfg.CheckPassword != nil {
		grants[model.GrantPassword] = passwordGrant{s}
	}
	if s.HasDevices() {
		grants[model.GrantDeviceCode] = deviceCodeGrant{s}
	}
	for name, g := range s.cfg.Grants {
		grants[name] = g
	}
	return grants
}

// scopeOf decides the scope of a request: of an open grant, of the decision, or
// of the parameter.
func (s *Server) scopeOf(req *TokenRequest, d *Decision) (model.Scope, *Error) {
	switch {
	case d.complete != nil:
		return d.complete.scope(s, req)
	case d.Scope != "":
		return d.Scope, s.withinClient(req.Client, d.Scope)
	}
	return s.requestedScope(req.Client, req.Param("scope"))
}

// prepare makes the record of the token that is about to be issued. Only its
// digests are missing.
func (s *Server) prepare(req *TokenRequest, d *Decision, scope model.Scope) (*model.Token, *Error) {
	c := req.Client
	resources, err := s.resourcesOf(req, d)
	if err != nil {
		return nil, err
	}
	t := &model.Token{ClientID: c.ID, UserID: d.UserID, Scope: scope, GrantScope: scope, Resources: resources, GrantResources: resources, IssuedAt: s.now()}
	if d.complete != nil {
		d.complete.continues(t)
	} else if err := s.drawGrant(&t.GrantID); err != nil {
		return nil, fault(err, "random")
	}
	lifetime := func(own, servers time.Duration) time.Time {
		if own == 0 {
			own = servers
		}
		return later(t.IssuedAt, own)
	}
	t.AccessExpiresAt = lifetime(c.AccessTokenLifetime, s.cfg.AccessTokenLifetime)
	if d.NoRefreshToken || req.GrantType == model.GrantClientCredentials || !c.AllowsGrant(model.GrantRefreshToken) {
		if t.GrantExpiresAt.IsZero() {
			t.GrantExpiresAt = t.AccessExpiresAt
		}
		return t, nil
	}
	if t.GrantExpiresAt.IsZero() {
		t.GrantExpiresAt = later(t.IssuedAt, s.cfg.GrantLifetime)
	}
	t.AccessExpiresAt = earlier(t.AccessExpiresAt, t.GrantExpiresAt)
	t.RefreshExpiresAt = earlier(lifetime(c.RefreshTokenLifetime, s.cfg.RefreshTokenLifetime), t.GrantExpiresAt)
	return t, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// hasRefresh reports whether a prepared token gets a refresh half.
func hasRefresh(t *model.Token) bool { return !t.RefreshExpiresAt.IsZero() }
