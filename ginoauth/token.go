package ginoauth

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// Token is the token endpoint (RFC 6749, section 3.2), for POST. It ends the
// chain of handlers.
func (s *Server) Token() gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Abort()
		res, err := s.engine.Token(c.Request)
		if err != nil {
			s.fail(c, err, nil)
			return
		}
		s.engine.WriteToken(c.Writer, c.Request, res)
	}
}

// Metadata serves the authorization server metadata (RFC 8414), for GET.
func (s *Server) Metadata() gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Abort()
		if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
			e := &engine.Error{Code: engine.CodeInvalidRequest, Description: "The method must be GET.", Status: http.StatusMethodNotAllowed, Reason: "method", Header: http.Header{"Allow": {"GET, HEAD"}}}
			s.fail(c, e, nil)
			return
		}
		s.engine.WriteMetadata(c.Writer, c.Request)
	}
}
