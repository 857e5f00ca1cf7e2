package ginoauth

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// Register is the registration endpoint (RFC 7591), for POST. Browser clients of
// any origin may call it. It ends the chain of handlers.
func (s *Server) Register() gin.HandlerFunc {
	return cors("POST", s.registration(s.engine.RegisterClient))
}

// ManageClient is where a client looks after its registration (RFC 7592), for
// GET, PUT and DELETE. The route ends in the client_id. It ends the chain of
// handlers.
func (s *Server) ManageClient() gin.HandlerFunc {
	return cors("GET, PUT, DELETE", s.registration(s.engine.ManageClient))
}

func (s *Server) registration(serve func(*http.Request) (*engine.ClientResponse, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Abort()
		res, err := serve(c.Request)
		if err != nil {
			s.fail(c, err, nil)
			return
		}
		s.engine.WriteClient(c.Writer, c.Request, res)
	}
}
