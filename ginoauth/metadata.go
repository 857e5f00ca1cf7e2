package ginoauth

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// Metadata serves the authorization server metadata (RFC 8414), for GET.
func (s *Server) Metadata() gin.HandlerFunc { return s.document(s.engine.WriteMetadata) }

// ResourceMetadata serves the metadata of the protected resource (RFC 9728),
// for GET. It panics when wired without Config.Resource.
func (s *Server) ResourceMetadata() gin.HandlerFunc {
	if s.engine.ResourceMetadataURL() == "" {
		panic("ginoauth: ResourceMetadata needs Config.Resource")
	}
	return s.document(s.engine.WriteResourceMetadata)
}

func (s *Server) document(write func(http.ResponseWriter, *http.Request)) gin.HandlerFunc {
	return s.cors("GET", func(c *gin.Context) {
		c.Abort()
		if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
			s.fail(c, &engine.Error{
				Code: engine.CodeInvalidRequest, Description: "The method must be GET.", Reason: "method",
				Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {"GET, HEAD"}},
			}, nil)
			return
		}
		write(c.Writer, c.Request)
	})
}
