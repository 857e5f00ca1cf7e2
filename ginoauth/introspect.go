package ginoauth

import "github.com/gin-gonic/gin"

// Introspect is the introspection endpoint (RFC 7662), for POST. It ends the
// chain of handlers.
func (s *Server) Introspect() gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Abort()
		in, err := s.engine.Introspect(c.Request)
		if err != nil {
			s.fail(c, err, nil)
			return
		}
		s.engine.WriteIntrospection(c.Writer, c.Request, in)
	}
}
