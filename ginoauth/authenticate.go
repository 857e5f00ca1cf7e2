package ginoauth

import (
	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Authenticate guards routes: only requests with a valid access token that has
// all of these scopes get through. Handlers find the token with [TokenFrom].
//
// A scope that the vocabulary lacks is a mistake in the program: Authenticate
// panics when the route is wired.
func (s *Server) Authenticate(scopes ...string) gin.HandlerFunc {
	return s.guard.Authenticate(scopes...)
}

// RequireUser guards routes behind [Server.Authenticate] that need a user: a
// token that a client got for itself is refused.
func (s *Server) RequireUser() gin.HandlerFunc { return s.guard.RequireUser() }

// TokenFrom returns the access token of the request, or nil on a route without
// Authenticate. Below the handlers, where there is no *gin.Context,
// model.TokenFromContext gives the same.
func TokenFrom(c *gin.Context) *model.Token {
	return model.TokenFromContext(c.Request.Context())
}
