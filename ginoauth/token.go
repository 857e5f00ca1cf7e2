package ginoauth

import "github.com/gin-gonic/gin"

// Token is the token endpoint (RFC 6749, section 3.2), for POST. Browser
// clients of any origin may call it. It ends the chain of handlers.
func (s *Server) Token() gin.HandlerFunc {
	return cors("POST", func(c *gin.Context) {
		c.Abort()
		res, err := s.engine.Token(c.Request)
		if err != nil {
			s.fail(c, err, nil)
			return
		}
		s.engine.WriteToken(c.Writer, c.Request, res)
	})
}
