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
	for _, scope := range scopes {
		if !s.engine.HasScope(scope) {
			panic("ginoauth: Authenticate(" + scope + "): there is no such scope in Config.Scopes")
		}
	}
	return func(c *gin.Context) {
		t, err := s.engine.Authenticate(c.Request, scopes...)
		if err != nil {
			s.fail(c, err, nil)
			return
		}
		s.engine.SetHeaders(c.Writer.Header(), t, scopes...)
		c.Request = c.Request.WithContext(model.ContextWithToken(c.Request.Context(), t))
	}
}

// RequireUser guards routes behind [Server.Authenticate] that need a user: a
// token that a client got for itself is refused.
func (s *Server) RequireUser() gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := s.engine.RequireUser(c.Request.Context(), TokenFrom(c)); err != nil {
			s.fail(c, err, nil)
		}
	}
}

// TokenFrom returns the access token of the request, or nil on a route without
// [Server.Authenticate]. Below the handlers, where there is no *gin.Context,
// model.TokenFromContext gives the same.
func TokenFrom(c *gin.Context) *model.Token {
	return model.TokenFromContext(c.Request.Context())
}
