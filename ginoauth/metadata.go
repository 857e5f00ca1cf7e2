package ginoauth

import "github.com/gin-gonic/gin"

// Metadata serves the authorization server metadata (RFC 8414), for GET.
func (s *Server) Metadata() gin.HandlerFunc { return document(s.engine.WriteMetadata, s.failJSON) }

// ResourceMetadata serves the metadata of the protected resource (RFC 9728),
// for GET. It panics when wired without Config.Resource.
func (s *Server) ResourceMetadata() gin.HandlerFunc {
	if s.engine.Resource().MetadataURL() == "" {
		panic("ginoauth: ResourceMetadata needs Config.Resource")
	}
	return s.guard.Metadata()
}
