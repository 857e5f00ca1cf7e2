package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// authorizationCodeGrant exchanges a code (RFC 6749, section 4.1.3).
type authorizationCodeGrant struct{ s *Server }

// codeUnknown is the answer for a code that is none, or none of this client's.
func codeUnknown(reason string) *Error {
	return refuse(CodeInvalidGrant, reason, "The authorization code is not valid.")
}

// Decide finds the code and holds it against the request. Whether it was spent
// is asked last, by complete.
func (g authorizationCodeGrant) Decide(ctx context.Context, req *TokenRequest) (*Decision, error) {
	text := req.Param("code")
	switch {
	case text == "":
		return nil, refuse(CodeInvalidRequest, "code_missing", "The parameter code is missing.")
	case !isPrintable(text):
		return nil, refuse(CodeInvalidRequest, "code_malformed", "The parameter code is malformed.")
	}
	cred, ok := parseCode(text)
	if !ok {
		return nil, codeUnknown("code_unknown")
	}
	code, err := g.s.cfg.Model.GetAuthorizationCode(ctx, cred.key)
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, codeUnknown("code_unknown")
	case err != nil:
		return nil, asError(err, "get_authorization_code")
	case code.ClientID != req.Client.ID:
		return nil, codeUnknown("code_foreign").because(fmt.Errorf("the code was issued to client %q", code.ClientID))
	}
	if e := checkRedirect(code, req.Param("redirect_uri")); e != nil {
		return nil, e
	}
	if e := checkVerifier(code, req.Param("code_verifier")); e != nil {
		if errors.Is(e, errVerifierWrong) {
			g.burn(ctx, code)
		}
		return nil, e
	}
	return &Decision{UserID: code.UserID, complete: &codeExchange{code}}, nil
}

// checkRedirect wants the redirect URI repeated if and only if the request
// named it (RFC 6749, section 4.1.3).
func checkRedirect(code *model.AuthorizationCode, sent string) *Error {
	switch {
	case !code.RedirectURISent && sent != "":
		return refuse(CodeInvalidGrant, "redirect_uri_unexpected", "The authorization request named no redirect_uri.")
	case code.RedirectURISent && sent != code.RedirectURI:
		return refuse(CodeInvalidGrant, "redirect_uri_mismatch", "The redirect_uri is not the one of the authorization request.").
			because(describeMismatch([]string{code.RedirectURI}, sent)).instead(sent, code.RedirectURI)
	}
	return nil
}

// burn spends a code that was presented with a wrong verifier, so that nobody
// can try another. A code that was spent before stays as it is.
func (g authorizationCodeGrant) burn(ctx context.Context, code *model.AuthorizationCode) {
	own, cancel := ownContext(ctx)
	defer cancel()
	err := g.s.cfg.Model.RedeemAuthorizationCode(own, code.Key, nil)
	if err != nil && !isOutcome(err) {
		ev := Event{Type: EventFault, Endpoint: atToken, GrantType: model.GrantAuthorizationCode, GrantID: code.Key.Grant, ClientID: code.ClientID, UserID: code.UserID}
		ev.Err = fault(err, "burn_code")
		ev.Reason = ev.Err.Reason
		g.s.emit(ctx, ev)
	}
}

// codeExchange completes the exchange of a code that belongs to the request.
type codeExchange struct{ code *model.AuthorizationCode }

func (x *codeExchange) continues(t *model.Token) {
	t.GrantID, t.GrantScope, t.GrantResources = x.code.Key.Grant, x.code.Scope, x.code.Resources
}

func (x *codeExchange) resources() model.Resources { return x.code.Resources }

// scope is what the user consented to, as far as the client may still have it.
func (x *codeExchange) scope(_ *Server, req *TokenRequest) (model.Scope, *Error) {
	return remainingScope(req.Client, x.code.Scope)
}

// remainingScope is the part of a grant's scope that is still the client's.
func remainingScope(c *model.Client, granted model.Scope) (model.Scope, *Error) {
	scope := granted.Intersect(c.Scope)
	if scope == "" && granted != "" {
		return "", refuse(CodeInvalidScope, "scope_withdrawn", "The scope was withdrawn.").
			because(fmt.Errorf("granted was %q, the client may have %q", granted, c.Scope))
	}
	return scope, nil
}

func (x *codeExchange) complete(ctx context.Context, s *Server, t *model.Token) (*TokenResponse, *Error) {
	if x.code.Spent {
		return nil, x.replayed(ctx, s, t)
	}
	if !t.IssuedAt.Before(x.code.ExpiresAt) {
		return nil, codeUnknown("code_expired")
	}
	res, e := s.mint(ctx, t, nil)
	if e != nil {
		return nil, e
	}
	err := s.cfg.Model.RedeemAuthorizationCode(ctx, x.code.Key, t)
	switch {
	case err == nil:
		return res, nil
	case errors.Is(err, model.ErrRevoked), errors.Is(err, model.ErrNotFound):
		return nil, codeUnknown("grant_revoked")
	case errors.Is(err, model.ErrSpent):
		return nil, x.replayed(ctx, s, t)
	case s.landed(ctx, t):
		return res, nil
	}
	return nil, asError(err, "redeem_authorization_code")
}

// replayed revokes what was issued from a code that is presented again in a
// request that would otherwise be served: one of the two parties is a thief
// (RFC 6749, section 4.1.2).
func (x *codeExchange) replayed(ctx context.Context, s *Server, t *model.Token) *Error {
	return s.revokeReplayed(ctx, t, model.GrantAuthorizationCode, codeUnknown("code_replayed"))
}
