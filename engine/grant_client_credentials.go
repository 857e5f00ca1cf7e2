package engine

import (
	"context"
	"errors"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// clientCredentialsGrant issues a token to a client that acts for itself (RFC
// 6749, section 4.4). There is no refresh token: the client can ask again.
type clientCredentialsGrant struct{ s *Server }

// Decide needs a confidential client and nothing else.
func (g clientCredentialsGrant) Decide(ctx context.Context, req *TokenRequest) (*Decision, error) {
	if req.Client.Public {
		return nil, refuse(CodeUnauthorizedClient, "client_public", "A public client may not use client_credentials.")
	}
	d := &Decision{}
	if g.s.cfg.ClientUser == nil {
		return d, nil
	}
	user, err := g.s.cfg.ClientUser(ctx, req.Client)
	switch {
	case errors.Is(err, model.ErrNoUser), err == nil && user == nil:
		return d, nil
	case err != nil:
		return nil, asError(err, "client_user")
	}
	d.UserID = user.ID
	return d, nil
}
