package engine

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// resourceMetadata is the document of RFC 9728, section 2: where a client that
// was refused finds out which authorization server gives tokens for this API.
type resourceMetadata struct {
	Resource             string   `json:"resource"`
	ResourceName         string   `json:"resource_name,omitempty"`
	AuthorizationServers []string `json:"authorization_servers"`
	ScopesSupported      []string `json:"scopes_supported,omitempty"`
	BearerMethods        []string `json:"bearer_methods_supported"`
}

// ResourceWellKnownPath is the metadata path of a resource without a path.
const ResourceWellKnownPath = "/.well-known/oauth-protected-resource"

// makeResourceMetadata makes the document of a resource, and the URL where RFC
// 9728, section 3, looks for it.
func makeResourceMetadata(resource, name string, servers []string, scopes model.Scope, methods []string) (doc []byte, at string, err error) {
	u, err := url.Parse(resource)
	if err != nil {
		return nil, "", err
	}
	at = u.Scheme + "://" + u.Host + ResourceWellKnownPath + strings.TrimSuffix(u.EscapedPath(), "/")
	if u.RawQuery != "" {
		at += "?" + u.RawQuery
	}
	doc, err = json.Marshal(resourceMetadata{
		Resource: resource, ResourceName: name, AuthorizationServers: servers,
		ScopesSupported: slices.Collect(scopes.Tokens()), BearerMethods: methods,
	})
	return doc, at, err
}

// bearerMethods is where this resource looks for tokens.
func (c *ResourceConfig) bearerMethods() []string {
	methods := []string{"header"}
	if c.AllowBodyToken {
		methods = append(methods, "body")
	}
	if c.AllowQueryToken {
		methods = append(methods, "query")
	}
	return methods
}

// MetadataURL is where the metadata of this resource are, as its challenges name
// it. It is empty without [ResourceConfig].Resource.
func (p *Resource) MetadataURL() string { return p.metadataURL }

// WriteMetadata answers a GET of the resource's metadata (RFC 9728).
func (p *Resource) WriteMetadata(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Cache-Control"] = []string{"public, max-age=300"}
	writeJSON(w, http.StatusOK, p.metadata)
}
