package ginoauth

import "github.com/gin-gonic/gin"

// Revoke is the revocation endpoint (RFC 7009), for POST. Browser clients of
// any origin may call it. It ends the chain of handlers.
func (s *Server) Revoke() gin.HandlerFunc {
	return cors("POST", func(c *gin.Context) {
		c.Abort()
		if err := s.engine.Revoke(c.Request); err != nil {
			s.fail(c, err, nil)
			return
		}
		s.engine.WriteRevoked(c.Writer, c.Request)
	})
}
