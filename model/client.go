package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/internal/uris"
)

// The grant types that the engine knows by itself, as they stand in
// [Client.Grants] and in the grant_type parameter. An extension grant is named
// by an absolute URI (RFC 6749, section 4.5).
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials"
	GrantPassword          = "password"
	GrantDeviceCode        = "urn:ietf:params:oauth:grant-type:device_code"
)

// The ways in which a client proves who it is at the token endpoint; names as
// in RFC 7591, section 2.
const (
	AuthNone        = "none"
	AuthSecretBasic = "client_secret_basic"
	AuthSecretPost  = "client_secret_post"
)

// Client is an application that is registered with the authorization server.
// Its zero values are the strict ones.
type Client struct {
	// ID is the client_id: 1 to 255 printable ASCII characters.
	ID string
	// Name is shown to the user on the consent page. Empty: the ID is shown.
	Name string

	// Public marks a client that cannot keep a secret: a browser or native app.
	Public bool
	// Secrets are the hashes of the live secrets of a confidential client, one,
	// or two while it is being rotated; see [HashSecrets].
	Secrets []SecretHash
	// AuthMethod is the one way in which the client authenticates. Defaults to
	// client_secret_basic, and to none for a public client.
	AuthMethod string

	// RedirectURIs are complete and compared byte for byte; only the port of a
	// loopback URI floats. None is needed without the authorization_code grant.
	RedirectURIs []string
	// Grants are the grant types the client may use. Defaults to
	// authorization_code and refresh_token.
	Grants []string
	// Scope is the most that the client may ask for. Empty: no scope at all.
	Scope Scope

	// AccessTokenLifetime and RefreshTokenLifetime replace the server's. Zero
	// means the server's own.
	AccessTokenLifetime, RefreshTokenLifetime time.Duration

	// SkipConsent is for first-party clients: the user is not asked. Only for
	// confidential clients, and public ones with https redirect URIs.
	SkipConsent bool
	// AllowNoPKCE lets a confidential client leave out the code challenge.
	AllowNoPKCE bool
	// ResourceServer lets the client introspect every token (RFC 7662), and not
	// only its own. Confidential clients only.
	ResourceServer bool
	// Disabled refuses the client everywhere, as if it was not registered.
	// Access tokens it already has run to their expiry.
	Disabled bool

	// SelfRegistered marks a client that came by dynamic registration (RFC 7591) or
	// as a client ID metadata document: what it says of itself was checked by
	// nobody, and users are told so.
	SelfRegistered bool
	// RegistrationToken is the digest of the token with which the client manages
	// its registration (RFC 7592). Zero: it cannot.
	RegistrationToken Digest
	// RegisteredAt is when the client registered itself.
	RegisteredAt time.Time
	// ExpiresAt is from when on a client that was never used is as good as not
	// registered, and a store may remove it. The zero time means never.
	ExpiresAt time.Time
	// Metadata is a JSON object with what else the client registered about itself,
	// such as client_uri and contacts. It is given back and has no effect.
	Metadata json.RawMessage
}

// Expired reports whether the client expired unused before the time now.
func (c *Client) Expired(now time.Time) bool {
	return !c.ExpiresAt.IsZero() && !now.Before(c.ExpiresAt)
}

// Method returns AuthMethod or its default.
func (c *Client) Method() string {
	switch {
	case c.AuthMethod != "":
		return c.AuthMethod
	case c.Public:
		return AuthNone
	}
	return AuthSecretBasic
}

// AllowsGrant reports whether the client may use this grant type.
func (c *Client) AllowsGrant(grantType string) bool {
	if len(c.Grants) == 0 {
		return grantType == GrantAuthorizationCode || grantType == GrantRefreshToken
	}
	return slices.Contains(c.Grants, grantType)
}

// DisplayName returns the name to show to people: Name, or else the ID.
func (c *Client) DisplayName() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// Clone returns a copy that shares nothing with c.
func (c *Client) Clone() *Client {
	d := *c
	d.Secrets = slices.Clone(c.Secrets)
	d.RedirectURIs = slices.Clone(c.RedirectURIs)
	d.Grants = slices.Clone(c.Grants)
	d.Metadata = slices.Clone(c.Metadata)
	return &d
}

// Validate is the one place that says what a client may be. It returns all
// problems joined in one error, each naming the field and the fix.
func (c *Client) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("client %q: "+format, append([]any{c.ID}, args...)...))
	}
	if c.ID == "" || len(c.ID) > 255 || strings.ContainsFunc(c.ID, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		bad("ID must be 1 to 255 printable ASCII characters")
	}
	if strings.ContainsFunc(c.Name, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		bad("Name must have no control characters")
	}
	if strings.HasPrefix(c.ID, "https://") && !c.SelfRegistered {
		bad("ID must not begin with https://, which is for client ID metadata documents")
	}
	c.validateAuth(bad)
	c.validateGrants(bad)
	c.validateRedirectURIs(bad)
	if p, err := ParseScope(string(c.Scope)); err != nil {
		bad("Scope %q: %v", c.Scope, err)
	} else if p != c.Scope {
		bad("Scope %q is not in normal form: write %q", c.Scope, p)
	}
	if c.AccessTokenLifetime < 0 || c.RefreshTokenLifetime < 0 {
		bad("AccessTokenLifetime and RefreshTokenLifetime must not be negative; leave them zero for the server's own")
	}
	if c.SelfRegistered && (c.SkipConsent || c.ResourceServer || c.AllowNoPKCE) {
		bad("a client that registered itself cannot have SkipConsent, ResourceServer or AllowNoPKCE: clear SelfRegistered once you vouch for it")
	}
	return errors.Join(errs...)
}

func (c *Client) validateAuth(bad func(string, ...any)) {
	switch method := c.Method(); {
	case method != AuthNone && method != AuthSecretBasic && method != AuthSecretPost:
		bad("AuthMethod %q is unknown: use %s, %s or %s", method, AuthSecretBasic, AuthSecretPost, AuthNone)
	case c.Public && method != AuthNone:
		bad("a public client has no secret to authenticate with: leave AuthMethod empty")
	case !c.Public && method == AuthNone:
		bad("AuthMethod none is for public clients: set Public, or use %s", AuthSecretBasic)
	}
	switch {
	case c.Public && len(c.Secrets) > 0:
		bad("a public client must not have Secrets: remove them, or Public")
	case !c.Public && len(c.Secrets) == 0:
		bad("a confidential client needs Secrets: set them with model.HashSecrets, or set Public")
	case len(c.Secrets) > 2:
		bad("at most two Secrets can be live, the old and the new one")
	}
	if slices.ContainsFunc(c.Secrets, func(h SecretHash) bool { return h.Digest.IsZero() || h.Digest == DigestOf("") }) {
		bad("Secrets holds the digest of nothing: make them with model.HashSecrets")
	}
	if c.Public && c.ResourceServer {
		bad("ResourceServer is for confidential clients only: the endpoint must know who asks (RFC 7662, section 2.1)")
	}
	if c.Public && c.AllowNoPKCE {
		bad("AllowNoPKCE is for confidential clients only (RFC 9700, section 2.1.1)")
	}
}

func (c *Client) validateGrants(bad func(string, ...any)) {
	for i, g := range c.Grants {
		switch {
		case g == GrantAuthorizationCode, g == GrantRefreshToken, g == GrantClientCredentials, g == GrantPassword, g == GrantDeviceCode:
		case g == "implicit":
			bad("Grants: the implicit grant does not exist here; use authorization_code with PKCE")
		case !uris.IsAbsolute(g):
			bad("Grants: %q is neither a known grant type nor an absolute URI", g)
		}
		if slices.Contains(c.Grants[:i], g) {
			bad("Grants names %q twice", g)
		}
	}
	if c.Public && c.AllowsGrant(GrantClientCredentials) {
		bad("client_credentials is for confidential clients only (RFC 6749, section 4.4)")
	}
}

func (c *Client) validateRedirectURIs(bad func(string, ...any)) {
	if len(c.RedirectURIs) == 0 && c.AllowsGrant(GrantAuthorizationCode) {
		bad("the authorization_code grant needs RedirectURIs")
	}
	for i, raw := range c.RedirectURIs {
		if err := ValidateRedirectURI(raw); err != nil {
			bad("RedirectURIs: %q %v", raw, err)
		} else if c.Public && c.SkipConsent && !strings.HasPrefix(raw, "https://") {
			bad("SkipConsent of a public client needs https redirect URIs, %q is none: any program could pose as it", raw)
		}
		if slices.Contains(c.RedirectURIs[:i], raw) {
			bad("RedirectURIs names %q twice", raw)
		}
	}
}
