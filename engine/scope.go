package engine

import (
	"context"
	"fmt"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// parseScope reads a scope parameter and looks each token up in the vocabulary.
func (s *Server) parseScope(raw string) (model.Scope, *Error) {
	scope, err := model.ParseScope(raw)
	if err != nil {
		return "", refuse(CodeInvalidScope, "scope_malformed", "The scope is malformed.")
	}
	if !s.vocabulary.Covers(scope) {
		return "", refuse(CodeInvalidScope, "scope_unknown", "The scope has a value that is not known here.").
			because(fmt.Errorf("asked for %q, known are %q", loggable(string(scope)), s.vocabulary))
	}
	return scope, nil
}

// requestedScope returns the scope that a request asks for: its own, which must
// be within the client's, or the part of the default scope that the client may
// have (RFC 6749, section 3.3).
func (s *Server) requestedScope(c *model.Client, raw string) (model.Scope, *Error) {
	scope, err := s.parseScope(raw)
	if err != nil {
		return "", err
	}
	if scope == "" {
		if scope = s.cfg.DefaultScope.Intersect(c.Scope); scope == "" {
			return "", refuse(CodeInvalidScope, "scope_missing", "The parameter scope is missing.")
		}
		return scope, nil
	}
	return scope, s.withinClient(c, scope)
}

func (s *Server) withinClient(c *model.Client, scope model.Scope) *Error {
	if c.Scope.Covers(scope) {
		return nil
	}
	return refuse(CodeInvalidScope, "scope_client", "The client may not ask for this scope.").
		because(fmt.Errorf("asked for %q, the client may have %q", scope, c.Scope))
}

// policyScope asks the application's policy, which may narrow and never widen.
func (s *Server) policyScope(ctx context.Context, req ScopeRequest) (model.Scope, *Error) {
	if s.cfg.ValidateScope == nil {
		return req.Scope, nil
	}
	allowed, err := s.cfg.ValidateScope(ctx, req)
	if err != nil {
		return "", asError(err, "validate_scope")
	}
	scope := req.Scope.Intersect(allowed)
	if scope == "" {
		return "", refuse(CodeInvalidScope, "scope_policy", "The scope is not allowed.").
			because(fmt.Errorf("ValidateScope allowed %q of %q", allowed, req.Scope))
	}
	return scope, nil
}
