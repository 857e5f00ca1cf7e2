package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// refreshTokenGrant rotates a refresh token (RFC 6749, section 6, RFC 9700,
// section 4.14.2).
type refreshTokenGrant struct{ s *Server }

func refreshUnknown(reason string) *Error {
	return refuse(CodeInvalidGrant, reason, "The refresh token is not valid.")
}

// Decide finds the refresh token. Whether it was spent is asked last, by
// complete.
func (g refreshTokenGrant) Decide(ctx context.Context, req *TokenRequest) (*Decision, error) {
	text := req.Param("refresh_token")
	switch {
	case text == "":
		return nil, refuse(CodeInvalidRequest, "refresh_token_missing", "The parameter refresh_token is missing.")
	case !isPrintable(text):
		return nil, refuse(CodeInvalidRequest, "refresh_token_malformed", "The parameter refresh_token is malformed.")
	}
	cred, ok := g.s.parseToken(text)
	if !ok {
		return nil, refreshUnknown("refresh_token_unknown")
	}
	t, err := g.s.cfg.Model.GetRefreshToken(ctx, cred.key)
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, refreshUnknown("refresh_token_unknown")
	case err != nil:
		return nil, asError(err, "get_refresh_token")
	case t.ClientID != req.Client.ID:
		// The same answer as for an unknown one: a thief learns nothing.
		return nil, refreshUnknown("refresh_token_foreign").because(fmt.Errorf("the token was issued to client %q", t.ClientID))
	}
	return &Decision{UserID: t.UserID, complete: &rotation{presented: cred, old: t}}, nil
}

// rotation completes a refresh with a token that belongs to the request.
type rotation struct {
	presented credential
	old       *model.Token
}

func (x *rotation) continues(t *model.Token) {
	t.GrantID, t.GrantScope, t.GrantExpiresAt = x.old.GrantID, x.old.GrantScope, x.old.GrantExpiresAt
	t.GrantResources = x.old.GrantResources
}

func (x *rotation) resources() model.Resources { return x.old.GrantResources }

// scope is what the request asks for within the grant, or all of the grant that
// the client may still have. A refresh never widens.
func (x *rotation) scope(s *Server, req *TokenRequest) (model.Scope, *Error) {
	asked, err := s.parseScope(req.Param("scope"))
	if err != nil {
		return "", err
	}
	if asked == "" {
		return remainingScope(req.Client, x.old.GrantScope)
	}
	if !x.old.GrantScope.Covers(asked) {
		return "", refuse(CodeInvalidScope, "scope_widened", "The scope is more than was granted.").
			because(fmt.Errorf("asked for %q, granted was %q", asked, x.old.GrantScope))
	}
	return asked, s.withinClient(req.Client, asked)
}

func (x *rotation) complete(ctx context.Context, s *Server, t *model.Token) (*TokenResponse, *Error) {
	if !x.old.SpentAt.IsZero() {
		return x.again(ctx, s, t)
	}
	if !t.IssuedAt.Before(x.old.RefreshExpiresAt) || !t.IssuedAt.Before(x.old.GrantExpiresAt) {
		return nil, refreshUnknown("refresh_token_expired")
	}
	var seed [32]byte
	for seed == [32]byte{} {
		if err := s.random(seed[:]); err != nil {
			return nil, fault(err, "random")
		}
	}
	res, e := s.mint(ctx, t, x.derivation(&seed))
	if e != nil {
		return nil, e
	}
	if t.Access == x.presented.key.Digest || t.Refresh == x.presented.key.Digest {
		return nil, fault(errors.New("GenerateToken returned the token that was presented"), "generate_token")
	}
	err := s.cfg.Model.RotateRefreshToken(ctx, x.presented.key, seed, t)
	switch {
	case err == nil:
		return res, nil
	case errors.Is(err, model.ErrRevoked), errors.Is(err, model.ErrNotFound):
		return nil, refreshUnknown("grant_revoked")
	case errors.Is(err, model.ErrSpent):
		return x.lost(ctx, s, t)
	case s.landed(ctx, t):
		return res, nil
	}
	return nil, asError(err, "rotate_refresh_token")
}

// derivation computes the secrets of the new pair from the presented token and
// the seed. A token of the application's own form has no secret to derive from.
func (x *rotation) derivation(seed *[32]byte) func(label string) [secretLen]byte {
	if !x.presented.hasSecret {
		return nil
	}
	return func(label string) [secretLen]byte { return deriveSecret(label, &x.presented, seed) }
}

// lost goes on after another request rotated the token first: it reads the
// token again and is answered like a repeat.
func (x *rotation) lost(ctx context.Context, s *Server, t *model.Token) (*TokenResponse, *Error) {
	old, err := s.cfg.Model.GetRefreshToken(ctx, x.presented.key)
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, refreshUnknown("grant_revoked")
	case err != nil:
		return nil, asError(err, "get_refresh_token")
	case old.SpentAt.IsZero():
		return nil, fault(errors.New("the store said that the refresh token was spent, and then that it was not"), "get_refresh_token")
	}
	x.old = old
	return x.again(ctx, s, t)
}

// again answers a refresh with a spent token. Its answer may have been lost, so
// within the grace window the same pair is computed and given again; nothing is
// written, so there is never a second live branch. Otherwise it is a replay.
func (x *rotation) again(ctx context.Context, s *Server, t *model.Token) (*TokenResponse, *Error) {
	if x.old.Seed == [32]byte{} {
		return nil, x.replayed(ctx, s, t)
	}
	// The age is negative when the clock of the instance that spent it is ahead.
	age := t.IssuedAt.Sub(x.old.SpentAt)
	if s.cfg.RefreshTokenGrace < 0 || age >= s.cfg.RefreshTokenGrace {
		return nil, x.replayed(ctx, s, t)
	}
	if !x.presented.hasSecret {
		return nil, refreshUnknown("grace_not_computable")
	}
	derive := x.derivation(&x.old.Seed)
	access := s.newCredential(x.old.GrantID, derive(accessLabel))
	refresh := s.newCredential(x.old.GrantID, derive(refreshLabel))
	successor, err := s.cfg.Model.GetRefreshToken(ctx, refresh.key)
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, refreshUnknown("grace_not_computable")
	case err != nil:
		return nil, asError(err, "get_refresh_token")
	case !t.IssuedAt.Before(successor.AccessExpiresAt):
		return nil, x.replayed(ctx, s, t)
	case !successor.SpentAt.IsZero():
		// Spent between the two reads: the seed that was read is history.
		return nil, x.replayed(ctx, s, t)
	case !successor.Scope.Equal(t.Scope):
		return nil, refreshUnknown("grace_scope").because(fmt.Errorf("this request would get %q, the answer that is repeated has %q", t.Scope, successor.Scope))
	case !successor.Resources.Equal(t.Resources):
		return nil, refreshUnknown("grace_resource").because(fmt.Errorf("this request would get %q, the answer that is repeated has %q", t.Resources, successor.Resources))
	case successor.Access != access.key.Digest:
		return nil, refreshUnknown("grace_not_computable")
	}
	if _, err := s.cfg.Model.GetAccessToken(ctx, access.key); errors.Is(err, model.ErrNotFound) {
		return nil, refreshUnknown("grace_access_revoked")
	} else if err != nil {
		return nil, asError(err, "get_access_token")
	}
	return &TokenResponse{
		AccessToken: access.text, RefreshToken: refresh.text,
		ExpiresIn: secondsUntil(t.IssuedAt, successor.AccessExpiresAt), Token: successor,
	}, nil
}

func (x *rotation) replayed(ctx context.Context, s *Server, t *model.Token) *Error {
	return s.revokeReplayed(ctx, t, model.GrantRefreshToken, refreshUnknown("refresh_token_replayed"))
}
