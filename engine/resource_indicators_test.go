package engine_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	resourceA = "https://as.test/api"
	resourceB = "https://other.test/api"
	resourceC = "https://third.test/api"
)

// withResources makes resourceA the server's own and knows two more.
func withResources(c *engine.Config) {
	c.Resource, c.Resources = resourceA, []string{resourceB, resourceC}
}

func TestResourceAtAuthorize(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withResources)
	for _, tc := range []struct {
		name  string
		edits []string
		want  model.Resources
	}{
		{"8707-2 none", nil, ""},
		{"8707-2 one", []string{"resource=" + resourceB}, resourceB},
		{"8707-2+8707-2.1 several", []string{"+resource=" + resourceB, "+resource=" + resourceA}, resourceB + " " + resourceA},
		{"8707-2 the same twice", []string{"+resource=" + resourceB, "+resource=" + resourceB}, resourceB},
		{"8707-2 empty is none", []string{"resource="}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f.code(t, tc.edits...)
			assert.Equal(t, tc.want, f.store.lastCode(t).Resources)
		})
	}
	for name, resource := range map[string]string{
		"8707-2 unknown":      "https://evil.test/",
		"8707-2 no URI":       "api",
		"8707-2 a fragment":   resourceA + "#x",
		"8707-2 nearly equal": resourceA + "/",
		"8707-2 other case":   "https://AS.test/api",
	} {
		t.Run(name, func(t *testing.T) {
			f.authorize("resource="+resource).assertRedirectError(t, r1, "invalid_target", "xyz")
		})
	}
	t.Run("8707-2 a server without resources ignores it", func(t *testing.T) {
		g := newFixture(t)
		g.code(t, "resource=https://any.test/")
		assert.Empty(t, g.store.lastCode(t).Resources)
	})
}

func TestResourceAtToken(t *testing.T) {
	t.Parallel()
	exchange := func(f *fixture, code string, edits ...string) answer {
		return f.token("conf", "s3cret", "authorization_code", append([]string{"code=" + code, "redirect_uri=" + r1}, edits...)...)
	}
	t.Run("8707-2.2 all that was granted", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withResources)
		code := f.code(t, "+resource="+resourceA, "+resource="+resourceB)
		access, _ := exchange(f, code).tokens(t)
		assert.Equal(t, model.Resources(resourceA+" "+resourceB), f.store.lastToken(t).Resources)
		assert.True(t, f.works(access))
	})
	t.Run("8707-2.2 one of those granted, and later another", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withResources)
		code := f.code(t, "+resource="+resourceA, "+resource="+resourceB)
		access, refresh := exchange(f, code, "resource="+resourceB).tokens(t)
		assert.Equal(t, model.Resources(resourceB), f.store.lastToken(t).Resources)
		assert.False(t, f.works(access), "it is not for this server")
		access, _ = f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh, "resource="+resourceA).tokens(t)
		assert.Equal(t, model.Resources(resourceA+" "+resourceB), f.store.lastToken(t).GrantResources)
		assert.True(t, f.works(access))
	})
	t.Run("8707-2.2 more than was granted spends nothing", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withResources)
		code := f.code(t, "resource="+resourceA)
		exchange(f, code, "resource="+resourceB).assertError(t, http.StatusBadRequest, "invalid_target")
		exchange(f, code, "resource=nonsense").assertError(t, http.StatusBadRequest, "invalid_target")
		_, refresh := exchange(f, code).tokens(t)
		f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh, "resource="+resourceB).assertError(t, http.StatusBadRequest, "invalid_target")
		assert.True(t, f.refreshes(refresh))
	})
	t.Run("8707-2.2 a grant of the server's own resource gets no other", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withResources)
		code := f.code(t)
		exchange(f, code, "resource="+resourceB).assertError(t, http.StatusBadRequest, "invalid_target")
	})
	t.Run("8707-2 client_credentials", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withResources)
		f.token("cconly", "ccs", "client_credentials", "scope=read", "resource="+resourceC).json(t)
		assert.Equal(t, model.Resources(resourceC), f.store.lastToken(t).Resources)
		f.token("cconly", "ccs", "client_credentials", "scope=read", "resource=https://evil.test/").assertError(t, http.StatusBadRequest, "invalid_target")
	})
	t.Run("8707-2.2 a repeated refresh for another resource gets nothing and revokes nothing", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withResources)
		code := f.code(t, "+resource="+resourceA, "+resource="+resourceB)
		_, refresh := exchange(f, code).tokens(t)
		access, _ := f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh, "resource="+resourceA).tokens(t)
		f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh, "resource="+resourceB).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.True(t, f.works(access))
		again, _ := f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh, "resource="+resourceA).tokens(t)
		assert.Equal(t, access, again)
	})
}

func TestResourceAtAuthenticate(t *testing.T) {
	t.Parallel()
	t.Run("2.1-5.2+9728-7.x a token for another resource is refused", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withResources)
		access, _ := f.tokens(t, "resource="+resourceB)
		a := f.resource(rs("Bearer "+access), "read")
		a.assertError(t, http.StatusUnauthorized, "invalid_token")
		assert.Equal(t, "token_resource", f.lastEvent(t).Reason)
	})
	t.Run("2.1-5.2 also by a server without a resource of its own", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) { c.Resources = []string{resourceB} })
		access, _ := f.tokens(t, "resource="+resourceB)
		assert.False(t, f.works(access))
		access, _ = f.tokens(t)
		assert.True(t, f.works(access))
	})
}
