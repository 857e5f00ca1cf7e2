package ginoauth

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// cors lets browser clients of any origin call an endpoint (RFC 9700, section
// 2.6). It needs no list of origins, because nothing here looks at a cookie: who
// calls proves it with what is in the request. The authorization endpoint and
// the pages never get it.
func cors(method string, handler gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After")
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
