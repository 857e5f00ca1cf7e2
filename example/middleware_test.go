package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is behind the middlewares sees the client's address, as far as a proxy
// that is trusted says it.
func TestFromClient(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		trusted []string
		from    string
		headers []string
		want    string
	}{
		{"nobody is trusted", nil, "127.0.0.1:40000", []string{"X-Forwarded-For", "192.0.2.1"}, "127.0.0.1:40000"},
		{"a trusted proxy", []string{"127.0.0.1"}, "127.0.0.1:40000", []string{"X-Forwarded-For", "192.0.2.1"}, "192.0.2.1:0"},
		{"a trusted network", []string{"10.0.0.0/8"}, "10.1.2.3:40000", []string{"X-Forwarded-For", "2001:db8::1"}, "[2001:db8::1]:0"},
		{"two proxies", []string{"10.0.0.0/8"}, "10.1.2.3:40000", []string{"X-Forwarded-For", "192.0.2.1, 10.9.9.9"}, "192.0.2.1:0"},
		{"what the client made up", []string{"10.0.0.0/8"}, "10.1.2.3:40000", []string{"X-Forwarded-For", "198.51.100.1, 192.0.2.1"}, "192.0.2.1:0"},
		{"another header", []string{"10.0.0.0/8"}, "10.1.2.3:40000", []string{"X-Real-IP", "192.0.2.1"}, "10.1.2.3:40000"},
		{"no address", []string{"10.0.0.0/8"}, "10.1.2.3:40000", []string{"X-Forwarded-For", "unknown"}, "10.1.2.3:40000"},
		{"someone else", []string{"10.0.0.0/8"}, "192.0.2.9:40000", []string{"X-Forwarded-For", "192.0.2.1"}, "192.0.2.9:40000"},
		{"the demo itself", []string{"127.0.0.1"}, "127.0.0.1:0", nil, "127.0.0.1:0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := gin.New()
			r.RemoteIPHeaders = []string{"X-Forwarded-For"}
			require.NoError(t, r.SetTrustedProxies(tc.trusted))
			r.Use(fromClient)
			var got string
			r.GET("/", func(c *gin.Context) { got = c.Request.RemoteAddr })
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			req.RemoteAddr = tc.from
			for i := 0; i+1 < len(tc.headers); i += 2 {
				req.Header.Set(tc.headers[i], tc.headers[i+1])
			}
			r.ServeHTTP(httptest.NewRecorder(), req)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestLimitTime(t *testing.T) {
	t.Parallel()
	r := gin.New()
	r.Use(limitTime(time.Millisecond))
	r.GET("/", func(c *gin.Context) {
		<-c.Request.Context().Done()
		c.Status(http.StatusServiceUnavailable)
	})
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
}
