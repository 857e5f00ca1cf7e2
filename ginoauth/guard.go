package ginoauth

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// Guard guards the routes of an API: the resource side alone, for a service that
// runs in another process than the authorization server.
//
//	resource, err := engine.NewResource(engine.ResourceConfig{Verifier: verifier, …})
//	guard := ginoauth.NewGuard(resource)
//	api := r.Group("/api", guard.Authenticate("read"), guard.RequireUser())
type Guard struct {
	resource *engine.Resource
	fail     func(c *gin.Context, err error)
}

// NewGuard returns the handlers over a resource.
func NewGuard(resource *engine.Resource) *Guard {
	g := &Guard{resource: resource}
	g.fail = func(c *gin.Context, err error) {
		abort(c, engine.AsError(err))
		if !c.Writer.Written() {
			resource.WriteError(c.Writer, c.Request, err)
		}
	}
	return g
}

// Authenticate guards routes: only requests with a valid access token that has
// all of these scopes get through. Handlers find the token with [TokenFrom].
//
// A scope that the vocabulary lacks is a mistake in the program: Authenticate
// panics when the route is wired.
func (g *Guard) Authenticate(scopes ...string) gin.HandlerFunc {
	for _, scope := range scopes {
		if !g.resource.HasScope(scope) {
			panic("ginoauth: Authenticate(" + scope + "): there is no such scope in Config.Scopes")
		}
	}
	return func(c *gin.Context) {
		t, err := g.resource.Authenticate(c.Request, scopes...)
		if err != nil {
			g.fail(c, err)
			return
		}
		g.resource.SetHeaders(c.Writer.Header(), t, scopes...)
		c.Request = c.Request.WithContext(model.ContextWithToken(c.Request.Context(), t))
	}
}

// RequireUser guards routes behind [Guard.Authenticate] that need a user: a
// token that a client got for itself is refused.
func (g *Guard) RequireUser() gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := g.resource.RequireUser(c.Request.Context(), TokenFrom(c)); err != nil {
			g.fail(c, err)
		}
	}
}

// Metadata serves the metadata of the resource (RFC 9728), for GET, to browser
// clients of any origin.
func (g *Guard) Metadata() gin.HandlerFunc { return document(g.resource.WriteMetadata, g.fail) }

// document serves a document that is the same for everybody.
func document(write func(http.ResponseWriter, *http.Request), fail func(*gin.Context, error)) gin.HandlerFunc {
	return cors("GET", func(c *gin.Context) {
		c.Abort()
		if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
			fail(c, &engine.Error{
				Code: engine.CodeInvalidRequest, Description: "The method must be GET.", Reason: "method",
				Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {"GET, HEAD"}},
			})
			return
		}
		write(c.Writer, c.Request)
	})
}
