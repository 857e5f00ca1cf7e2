package ginoauth

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// The values of headers that are always the same. Nobody changes a header's
// value in place; Gin shares its own in the same way.
//
//nolint:gochecknoglobals // read only
var (
	anyOriginValue = []string{"*"}
	exposedValue   = []string{"WWW-Authenticate, Retry-After"}
)

// cors lets browser clients of any origin call an endpoint (RFC 9700, section
// 2.6). It needs no list of origins, because nothing here looks at a cookie: who
// calls proves it with what is in the request. The authorization endpoint and
// the pages never get it.
func cors(method string, handler gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h["Access-Control-Allow-Origin"] = anyOriginValue
		h["Access-Control-Expose-Headers"] = exposedValue
		if c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", method)
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Max-Age", "600")
			c.AbortWithStatus(http.StatusNoContent)
			return
		}
		handler(c)
	}
}
