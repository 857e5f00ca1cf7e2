package engine

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// metadata is the document of RFC 8414, section 2. It is made from the
// configuration once, never from a request.
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	DeviceEndpoint        string   `json:"device_authorization_endpoint,omitempty"`
	RegistrationEndpoint  string   `json:"registration_endpoint,omitempty"`
	ScopesSupported       []string `json:"scopes_supported,omitempty"`
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	RevocationMethods     []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionMethods  []string `json:"introspection_endpoint_auth_methods_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	IssParameter          bool     `json:"authorization_response_iss_parameter_supported"`
	ClientIDDocuments     bool     `json:"client_id_metadata_document_supported,omitempty"`
}

func (s *Server) makeMetadata() ([]byte, error) {
	methods := []string{model.AuthSecretBasic, model.AuthSecretPost, model.AuthNone}
	device := ""
	if s.HasDevices() {
		device = s.cfg.Endpoints.DeviceAuthorization
	}
	registration := ""
	if s.HasRegistration() {
		registration = s.cfg.Endpoints.Registration
	}
	return json.Marshal(metadata{
		Issuer:                s.cfg.Issuer,
		AuthorizationEndpoint: s.cfg.Endpoints.Authorization,
		TokenEndpoint:         s.cfg.Endpoints.Token,
		RevocationEndpoint:    s.cfg.Endpoints.Revocation,
		IntrospectionEndpoint: s.cfg.Endpoints.Introspection,
		DeviceEndpoint:        device,
		RegistrationEndpoint:  registration,
		ScopesSupported:       slices.Collect(s.vocabulary.Tokens()),
		ResponseTypes:         []string{"code"},
		ResponseModes:         []string{"query"},
		GrantTypes:            slices.Sorted(maps.Keys(s.grants)),
		AuthMethods:           methods,
		RevocationMethods:     methods,
		IntrospectionMethods:  methods,
		ChallengeMethods:      s.challengeMethods(),
		IssParameter:          true,
		ClientIDDocuments:     s.documents != nil,
	})
}

// Metadata returns the authorization server metadata (RFC 8414) as JSON.
func (s *Server) Metadata() []byte { return slices.Clone(s.metadata) }

// WriteMetadata answers a GET of the metadata.
func (s *Server) WriteMetadata(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Cache-Control"] = []string{"public, max-age=300"}
	writeJSON(w, http.StatusOK, s.metadata)
}

// MetadataPath is where RFC 8414, section 3, looks for the metadata: the
// well-known path goes between the host and the path of the issuer. It is escaped
// as in a URL.
func (s *Server) MetadataPath() string {
	path := ""
	if u, err := url.Parse(s.cfg.Issuer); err == nil {
		path = strings.TrimSuffix(u.EscapedPath(), "/")
	}
	return WellKnownPath + path
}

// WellKnownPath is the metadata path of an issuer without a path.
const WellKnownPath = "/.well-known/oauth-authorization-server"
