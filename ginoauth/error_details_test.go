package ginoauth_test

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func explaining(c *engine.Config, _ *ginoauth.Options) { c.AllowErrorDetails = true }

// In development the page says what differs, to the character.
func TestErrorDetails(t *testing.T) {
	t.Parallel()
	const registered = "https://web.test/cb"
	for _, tt := range []struct {
		name, sent  string
		want        string // how what was sent stands on the page
		explanation string
	}{
		{"a slash more", registered + "/", `https://web.test/cb<del>/</del>`, "a slash more at the end"},
		{"plain http", "http://web.test/cb", `http://web.test/cb`, "What differs is the scheme."},
		{"another host", "https://evil.test/cb", `https://<del>evil</del>.test/cb`, "What differs is the host."},
		{"another port", "https://web.test:8443/cb", `https://web.test<del>:8443</del>/cb`, "What differs is the port."},
		{"another path and a query", registered + "2?x=1", `https://web.test/cb<del>2?x=1</del>`, "What differs is the path and the query."},
		{"letter case", "https://web.test/CB", `https://web.test/<del>CB</del>`, "Upper and lower case differ."},
		{"escaped otherwise", "https://web.test/%63b", `https://web.test/<del>%63</del>b`, "written differently"},
		{"a space", registered + " ", `https://web.test/cb<del> </del>`, "a space too much"},
		{"a character that cannot be seen", registered + "\u200b", `https://web.test/cb<del>\u200b</del>`, "What differs is the path."},
		{"no URI", "cb", `Sent: <code>cb</code>`, "no absolute URI"},
		{"markup", registered + "<script>", `https://web.test/cb<del>&lt;script&gt;</del>`, "What differs is the path."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, explaining)
			res := a.do("GET", "/oauth/authorize?"+authorizeQuery("redirect_uri", tt.sent).Encode(), nil, nil)
			assert.Equal(t, http.StatusBadRequest, res.StatusCode)
			assert.Contains(t, res.body, "redirect_uri_mismatch")
			assert.Contains(t, res.body, "client <code>web</code>")
			assert.NotContains(t, res.body, "<script>")
			assert.Contains(t, res.body, tt.want)
			assert.Contains(t, res.body, tt.explanation)
		})
	}
}

func TestErrorPageReference(t *testing.T) {
	t.Parallel()
	bad := "/oauth/authorize?" + authorizeQuery("redirect_uri", "https://evil.test/").Encode()
	reference := regexp.MustCompile(`reference <code>([A-Z2-7]{8})</code>`)
	t.Run("it always stands there, the details do not", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		res := a.do("GET", bad, nil, nil)
		m := reference.FindStringSubmatch(res.body)
		require.NotNil(t, m, res.body)
		events := a.events.all()
		ev := events[len(events)-1]
		assert.Equal(t, ev.Err.Reference, m[1])
		assert.Equal(t, "https://evil.test/", ev.Err.Sent)
		assert.Equal(t, []string{"https://web.test/cb"}, ev.Err.Expected)
		assert.NotContains(t, res.body, "developer")
		assert.NotContains(t, res.body, "https://web.test/cb", "what is registered is nobody's business")
		assert.NotContains(t, res.body, "evil.test")
	})
	t.Run("the cause of a fault is not shown", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, o *ginoauth.Options) {
			c.AllowErrorDetails = true
			o.AuthenticateHandler = func(*gin.Context) (*model.User, error) { return nil, errors.New("password of the database: x") }
		})
		res := a.do("GET", bad, nil, nil)
		assert.Contains(t, res.body, "For the developer")
		res = a.do("POST", "/oauth/authorize", url.Values{"consent_request": {"x"}}, http.Header{"Sec-Fetch-Site": {"same-origin"}})
		assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
		assert.Contains(t, res.body, "For the developer")
		assert.NotContains(t, res.body, "password of the database")
		assert.Regexp(t, reference, res.body)
	})
	t.Run("JSON never has them", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, explaining)
		res := a.do("POST", "/oauth/token", url.Values{"grant_type": {"zauberei"}}, http.Header{"Authorization": {basic("web", secret)}})
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.NotContains(t, res.body, "zauberei")
		assert.NotContains(t, res.body, "expected")
	})
	t.Run("who has to wait is told so", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) {
			c.RateLimits.Address = model.Rate{Interval: time.Hour, Burst: 1}
		})
		a.do("GET", bad, nil, nil)
		res := a.do("GET", bad, nil, nil)
		assert.Equal(t, http.StatusTooManyRequests, res.StatusCode)
		assert.Equal(t, "3600", res.Header.Get("Retry-After"))
		assert.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
		assert.Contains(t, res.body, "wait a moment")
		assert.Regexp(t, reference, res.body)
	})
}

// Routes match decoded paths, so an issuer whose path is escaped is found too.
func TestMetadataOfEscapedIssuer(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.Issuer += "/my%20tenant" })
	assert.Equal(t, metadataPath+"/my%20tenant", a.oauth.Engine().MetadataPath())
	res := a.do("GET", metadataPath+"/my%20tenant", nil, nil)
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Contains(t, res.body, "/my%20tenant")
}
