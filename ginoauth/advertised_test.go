package ginoauth_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// TestAdvertised holds the metadata against the routes, both ways: what is
// advertised is there, and what is there is advertised.
func TestAdvertised(t *testing.T) {
	t.Parallel()
	for name, mod := range map[string]func(*engine.Config, *ginoauth.Options){
		"8414-2 as it comes": nil,
		"8414-2 with a resource": func(c *engine.Config, _ *ginoauth.Options) {
			c.Resource = c.Issuer + "/api"
		},
		"8414-2 a store of the ten verbs alone": func(c *engine.Config, _ *ginoauth.Options) {
			c.Model = modelOnly{c.Model} // none of the interfaces besides
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, mod)
			res := a.do("GET", engine.WellKnownPath, nil, nil)
			require.Equal(t, http.StatusOK, res.StatusCode)
			var doc map[string]any
			require.NoError(t, json.Unmarshal([]byte(res.body), &doc))

			advertised := map[string]bool{}
			for member, v := range doc {
				if !strings.HasSuffix(member, "_endpoint") {
					continue
				}
				u, err := url.Parse(v.(string))
				require.NoError(t, err)
				advertised[u.Path] = true
				assert.NotEqual(t, http.StatusNotFound, a.do("POST", u.Path, url.Values{}, nil).StatusCode, member)
			}
			// What people open, and documents, are no endpoints of the metadata.
			pages := []string{"/oauth/applications", "/device", engine.WellKnownPath, engine.ResourceWellKnownPath + "/api"}
			for _, r := range a.router.Routes() {
				ours := strings.HasPrefix(r.Path, "/oauth/") || strings.HasPrefix(r.Path, "/.well-known/")
				if ours && !advertised[r.Path] && !slices.ContainsFunc(pages, func(p string) bool { return r.Path == p }) {
					t.Errorf("%s %s is there and not advertised", r.Method, r.Path)
				}
			}

			// Each grant type that is advertised is known, and no other.
			var grants []string
			for _, g := range doc["grant_types_supported"].([]any) {
				grants = append(grants, g.(string))
			}
			for _, g := range []string{"authorization_code", "refresh_token", "client_credentials", "password", "urn:ietf:params:oauth:grant-type:device_code", "implicit"} {
				_, tok := a.token(url.Values{"grant_type": {g}})
				assert.Equal(t, slices.Contains(grants, g), tok["error"] != "unsupported_grant_type", g)
			}
		})
	}
}

// modelOnly hides everything of a store but the ten verbs.
type modelOnly struct{ model.Model }
