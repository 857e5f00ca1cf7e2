package engine

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// passwordGrant takes the user's password from the client (RFC 6749, section
// 4.3). It exists for the port's sake and is on only with [Config].CheckPassword.
type passwordGrant struct{ s *Server }

// Decide asks the application about the password. An unknown user and a wrong
// password get the same answer.
func (g passwordGrant) Decide(ctx context.Context, req *TokenRequest) (*Decision, error) {
	username, password := req.Param("username"), req.Param("password")
	switch {
	case username == "":
		return nil, refuse(CodeInvalidRequest, "username_missing", "The parameter username is missing.")
	case password == "":
		return nil, refuse(CodeInvalidRequest, "password_missing", "The parameter password is missing.")
	case !isText(username):
		return nil, refuse(CodeInvalidRequest, "username_malformed", "The parameter username is malformed.")
	case !isText(password):
		return nil, refuse(CodeInvalidRequest, "password_malformed", "The parameter password is malformed.")
	}
	guesses := g.s.passwordGuesses(req.http, username)
	if err := guesses.allowed(ctx); err != nil {
		return nil, err
	}
	user, err := g.s.cfg.CheckPassword(ctx, req.Client, username, password)
	switch {
	case errors.Is(err, model.ErrNoUser), err == nil && (user == nil || user.ID == ""):
		if err := guesses.failed(ctx); err != nil {
			return nil, err
		}
		return nil, refuse(CodeInvalidGrant, "user_credentials", "The user credentials are not valid.")
	case err != nil:
		return nil, asError(err, "check_password")
	}
	if err := guesses.succeeded(ctx); err != nil {
		return nil, err
	}
	return &Decision{UserID: user.ID}, nil
}

// isText reports whether s is UNICODECHARNOCRLF (RFC 6749, appendix A.15).
func isText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r != '\t' && r < 0x20 || r == 0x7f {
			return false
		}
	}
	return true
}
