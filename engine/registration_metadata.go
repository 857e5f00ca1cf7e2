package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// The bounds of what a client may register.
const (
	maxRegisteredList = 20
	maxRegisteredName = 100 // characters
	maxRegisteredText = 2000
	maxRegisteredRest = 8 << 10 // all of Client.Metadata
)

// clientMetadata is what a client asks for (RFC 7591, section 2), read but not
// yet held against the policy.
type clientMetadata struct {
	name, method           string
	redirectURIs           []string
	grants, responses      []string
	hasGrants, hasResponse bool
	scope                  model.Scope
	rest                   map[string]json.RawMessage
	// members are all that were sent.
	members map[string]json.RawMessage
}

func badMetadata(reason, format string, args ...any) *Error {
	return refuse(CodeInvalidClientMetadata, reason, fmt.Sprintf(format, args...))
}

// readMetadata reads the JSON body of a registration. Members it does not know
// are ignored, null is the same as left out.
func (s *Server) readMetadata(r *http.Request) (*clientMetadata, *Error) {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(media), "application/json") {
		return nil, refuse(CodeInvalidRequest, "content_type", "The body must be application/json.")
	}
	body, e := s.readBody(r)
	if e != nil {
		return nil, e
	}
	m := &clientMetadata{rest: map[string]json.RawMessage{}}
	if err := json.Unmarshal([]byte(body), &m.members); err != nil || m.members == nil {
		return nil, badMetadata("malformed_json", "The body must be one JSON object.").because(err)
	}
	maps.DeleteFunc(m.members, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	if e := m.read(); e != nil {
		return nil, e
	}
	return m, nil
}

func (m *clientMetadata) read() (e *Error) {
	get := func(to *string, name string) {
		if e == nil {
			*to, e = m.text(name)
		}
	}
	list := func(to *[]string, has *bool, name string) {
		if e == nil {
			_, *has = m.members[name]
			*to, e = m.list(name)
		}
	}
	var scope string
	var hasURIs bool
	get(&m.name, "client_name")
	get(&m.method, "token_endpoint_auth_method")
	get(&scope, "scope")
	list(&m.redirectURIs, &hasURIs, "redirect_uris")
	list(&m.grants, &m.hasGrants, "grant_types")
	list(&m.responses, &m.hasResponse, "response_types")
	if e != nil {
		return e
	}
	var err error
	if m.scope, err = model.ParseScope(scope); err != nil {
		return badMetadata("scope", "The member scope is malformed.").because(err)
	}
	if e := checkName("client_name", m.name); e != nil {
		return e
	}
	if e := m.checkKeys(); e != nil {
		return e
	}
	return m.readRest()
}

func (m *clientMetadata) text(name string) (s string, _ *Error) {
	raw, ok := m.members[name]
	if !ok {
		return "", nil
	}
	if err := json.Unmarshal(raw, &s); err != nil || len(s) > maxRegisteredText {
		return "", badMetadata("member_type", "The member %s must be a string of at most %d bytes.", name, maxRegisteredText)
	}
	return s, nil
}

func (m *clientMetadata) list(name string) (l []string, _ *Error) {
	raw, ok := m.members[name]
	if !ok {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &l); err != nil || len(l) > maxRegisteredList {
		return nil, badMetadata("member_type", "The member %s must be an array of at most %d strings.", name, maxRegisteredList)
	}
	return l, nil
}

// checkName keeps what could make a page look different out of a name that users
// are shown.
func checkName(member, name string) *Error {
	if len([]rune(name)) > maxRegisteredName || strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || r == unicode.ReplacementChar
	}) {
		return badMetadata("client_name", "The member %s must have at most %d characters, and none that cannot be seen.", sanitize(member), maxRegisteredName)
	}
	if name != "" && !strings.ContainsFunc(name, isSeen) {
		return badMetadata("client_name", "The member %s has nothing that can be seen.", sanitize(member))
	}
	return nil
}

// isSeen reports whether a character leaves a mark of its own. The fillers of
// Hangul and the empty Braille pattern are letters and symbols to Unicode, and
// blank to people.
func isSeen(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u3164', '\uffa0', '\u2800':
		return false
	}
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r)
}

// checkKeys refuses keys that can only be a mistake. Keys are not kept: no
// authentication method here uses them.
func (m *clientMetadata) checkKeys() *Error {
	keys, has := m.members["jwks"]
	if _, both := m.members["jwks_uri"]; both && has {
		return badMetadata("jwks", "The members jwks and jwks_uri must not come together.")
	}
	if has {
		var set struct {
			Keys []map[string]json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal(keys, &set); err != nil || set.Keys == nil {
			return badMetadata("jwks", "The member jwks must be a JWK Set.")
		}
		for _, key := range set.Keys {
			for _, private := range [...]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
				if _, ok := key[private]; ok {
					return badMetadata("jwks_private", "The member jwks holds a private or symmetric key. Consider it compromised.")
				}
			}
		}
	}
	return nil
}

// readRest keeps what is given back without an effect: the member itself, and
// for texts and URLs its variants in other languages (RFC 7591, section 2.2).
func (m *clientMetadata) readRest() *Error {
	size := 0
	for name, raw := range m.members {
		base, _, translated := strings.Cut(name, "#")
		var keep bool
		switch base {
		case "client_name":
			text, e := m.text(name)
			if e == nil {
				e = checkName(name, text)
			}
			if e != nil {
				return e
			}
			keep = translated
		case "client_uri", "logo_uri", "tos_uri", "policy_uri", "jwks_uri":
			text, e := m.text(name)
			if e != nil {
				return e
			}
			if text == "" {
				continue
			}
			if err := checkPublicURL(text, base == "client_uri"); err != nil {
				return badMetadata("uri", "The member %s %v.", sanitize(name), err)
			}
			keep = base != "jwks_uri"
		case "contacts":
			if _, e := m.list(name); e != nil {
				return e
			}
			keep = !translated
		case "software_id", "software_version":
			if _, e := m.text(name); e != nil {
				return e
			}
			keep = !translated
		default:
			keep = false
		}
		if keep {
			m.rest[name] = raw
			size += len(name) + len(raw)
		}
	}
	if size > maxRegisteredRest {
		return badMetadata("metadata_size", "The descriptive members are larger than %d bytes together.", maxRegisteredRest)
	}
	return nil
}

// applyMetadata makes the client what the metadata ask for, as far as the policy
// lets it.
func (s *Server) applyMetadata(c *model.Client, m *clientMetadata) *Error {
	p := s.cfg.Registration
	c.Name, c.RedirectURIs = m.name, nil
	if e := s.applyMethod(c, m.method); e != nil {
		return e
	}
	if e := s.applyGrants(c, m); e != nil {
		return e
	}
	if c.AllowsGrant(model.GrantAuthorizationCode) && len(m.redirectURIs) == 0 {
		return refuse(CodeInvalidRedirectURI, "redirect_uris_missing", "The member redirect_uris is missing.")
	}
	for _, uri := range m.redirectURIs {
		err := model.ValidateRedirectURI(uri)
		if err == nil {
			err = p.allowsRedirect(uri)
		}
		if err != nil {
			return refuse(CodeInvalidRedirectURI, "redirect_uri", "A redirect URI "+err.Error()+".").because(fmt.Errorf("sent %q", loggable(uri)))
		}
		if !slices.Contains(c.RedirectURIs, uri) {
			c.RedirectURIs = append(c.RedirectURIs, uri)
		}
	}
	c.Scope = p.Scope
	if m.scope != "" {
		if c.Scope = m.scope.Intersect(p.Scope); c.Scope == "" {
			return badMetadata("scope_ceiling", "None of the scopes can be had by a client that registers itself.")
		}
	}
	c.Metadata = nil
	if len(m.rest) > 0 {
		var err error
		if c.Metadata, err = json.Marshal(m.rest); err != nil {
			return fault(err, "client_metadata")
		}
	}
	return nil
}

func (s *Server) applyMethod(c *model.Client, method string) *Error {
	if method == "" {
		method = model.AuthSecretBasic
	}
	switch method {
	case model.AuthNone:
		c.Public, c.AuthMethod = true, ""
		return nil
	case model.AuthSecretBasic, model.AuthSecretPost:
		// A verifier of the application's own does not know a secret that is made here.
		if s.cfg.VerifySecret == nil {
			c.Public, c.AuthMethod = false, method
			return nil
		}
	}
	return badMetadata("auth_method", "The token_endpoint_auth_method is not supported: see the metadata of this server.").because(fmt.Errorf("sent %q", loggable(method)))
}

// applyGrants gives the client those of the grant types that the policy has. The
// two lists must fit together (RFC 7591, section 2.1).
func (s *Server) applyGrants(c *model.Client, m *clientMetadata) *Error {
	asked := m.grants
	if !m.hasGrants {
		asked = []string{model.GrantAuthorizationCode}
	}
	code := slices.Contains(asked, model.GrantAuthorizationCode)
	for _, response := range m.responses {
		if response != "code" {
			return badMetadata("response_type", "The only response type is code.").because(fmt.Errorf("sent %q", loggable(response)))
		}
	}
	if m.hasResponse && code != (len(m.responses) > 0) {
		return badMetadata("grant_response", "The grant type authorization_code and the response type code go together.")
	}
	c.Grants = nil
	opens := false
	for _, g := range asked {
		if slices.Contains(s.cfg.Registration.Grants, g) && !slices.Contains(c.Grants, g) {
			c.Grants = append(c.Grants, g)
			opens = opens || g != model.GrantRefreshToken
		}
	}
	if !opens {
		return badMetadata("grant_types", "None of the grant types can be had by a client that registers itself.")
	}
	if m.hasResponse && code && !c.AllowsGrant(model.GrantAuthorizationCode) {
		return badMetadata("grant_types", "A client that registers itself cannot have the grant type authorization_code.")
	}
	if c.Public && c.AllowsGrant(model.GrantClientCredentials) {
		return badMetadata("grant_types", "The grant type client_credentials needs a client that authenticates.")
	}
	return nil
}

// members are those of the answer: everything as it is stored.
func (res *ClientResponse) members() map[string]any {
	c := res.Client
	m := map[string]any{}
	if len(c.Metadata) > 0 {
		var rest map[string]json.RawMessage
		if json.Unmarshal(c.Metadata, &rest) == nil {
			for name, raw := range rest {
				m[name] = raw
			}
		}
	}
	grants, responses := c.Grants, []string{}
	if len(grants) == 0 {
		grants = []string{model.GrantAuthorizationCode, model.GrantRefreshToken}
	}
	if c.AllowsGrant(model.GrantAuthorizationCode) {
		responses = append(responses, "code")
	}
	m["client_id"] = c.ID
	m["token_endpoint_auth_method"] = c.Method()
	m["grant_types"], m["response_types"] = grants, responses
	m["scope"] = string(c.Scope)
	m["registration_access_token"] = res.RegistrationToken
	m["registration_client_uri"] = res.RegistrationURI
	if !c.RegisteredAt.IsZero() {
		m["client_id_issued_at"] = c.RegisteredAt.Unix()
	}
	if c.Name != "" {
		m["client_name"] = c.Name
	}
	if len(c.RedirectURIs) > 0 {
		m["redirect_uris"] = c.RedirectURIs
	}
	if res.Secret != "" {
		m["client_secret"], m["client_secret_expires_at"] = res.Secret, secretExpiry(c)
	}
	return m
}

// secretExpiry is when the first secret expires, in seconds; 0 means never.
func secretExpiry(c *model.Client) int64 {
	if len(c.Secrets) == 0 || c.Secrets[0].ExpiresAt.IsZero() {
		return 0
	}
	return c.Secrets[0].ExpiresAt.Unix()
}
