package engine

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"
)

// checkLoosened lists what was allowed that a strict server refuses, and what was
// left to chance.
func (c *Config) checkLoosened(f *findings) {
	if c.Keys == nil {
		f.add("keys-random", "Keys", "is not set, so consent pages are sealed with a random key of this process",
			"with several instances, or after a restart, an approval says that the page has expired; set 32 random bytes that stay", "")
	}
	for _, l := range []struct {
		on                              bool
		id, field, reason, fix, section string
	}{
		{c.CheckPassword != nil, "password-grant", "CheckPassword", "turns the password grant on, which must not be used", "move these clients to the authorization code grant, or to client_credentials", "RFC 9700, section 2.4"},
		{c.AllowPlainPKCE, "plain-pkce", "AllowPlainPKCE", "takes code challenges that whoever reads the request can answer", "have the clients send S256", "RFC 9700, section 2.1.1"},
		{c.AllowQueryToken, "query-token", "AllowQueryToken", "takes tokens from URLs, which logs, histories and Referer headers see", "have the clients send the Authorization header", "RFC 9700, section 4.3.2"},
		{c.AllowBodyToken, "body-token", "AllowBodyToken", "takes tokens from form bodies", "have the clients send the Authorization header", "RFC 6750, section 2.2"},
		{c.AllowStaleAccessTokens > 0, "stale-access-tokens", "AllowStaleAccessTokens", "takes access tokens for a while after another process revoked them", "leave it zero unless the look-ups cost more than that is worth", "RFC 7009, section 2"},
		{c.AllowInsecureIssuer, "insecure-issuer", "AllowInsecureIssuer", "lets codes and tokens travel in clear", "use https; for development a loopback host needs no leave", "RFC 9700, section 2.6"},
		{c.AllowErrorDetails, "error-details", "AllowErrorDetails", "shows visitors the registered redirect URIs of a client", "leave it to development", ""},
		{c.Registration != nil && c.Registration.AllowOpen, "registration-open", "Registration.AllowOpen", "lets everybody register clients", "keep their scopes narrow, and see what Policy lets through", "RFC 7591, section 5"},
		{c.ClientIDDocuments != nil && c.ClientIDDocuments.AllowLoopback, "document-loopback", "ClientIDDocuments.AllowLoopback", "fetches documents from the server's own machine", "leave it to development", "draft-ietf-oauth-client-id-metadata-document, section 6"},
		{c.ValidateRedirectURI != nil, "redirect-uri-policy", "ValidateRedirectURI", "takes the place of the exact comparison of redirect URIs", "see that it takes no pattern that an attacker could fit", "RFC 9700, section 4.1.3"},
		{c.RefreshTokenGrace < 0, "grace-off", "RefreshTokenGrace", "is off, so a client whose answer got lost is signed out", "leave it zero for 30 seconds", ""},
		{c.GenerateToken != nil, "custom-tokens", "GenerateToken", "makes tokens whose refresh cannot be repeated when the answer gets lost", "leave it out unless the form of tokens matters", ""},
	} {
		if l.on {
			f.add(l.id, l.field, l.reason, l.fix, l.section)
		}
	}
	for _, l := range c.RateLimits.list() {
		if isOff(l.rate) {
			section := ""
			if l.name == "Failures" {
				section = "RFC 6749, section 2.3.1"
			}
			f.add("limit-off", "RateLimits."+l.name, "is off", "see that something in front of the server limits instead", section)
		}
	}
}

// checkProportions lists lifetimes that are long or do not fit together, and
// endpoints that do not fit to the issuer.
func (c *Config) checkProportions(f *findings) {
	const day = 24 * time.Hour
	for _, l := range []struct {
		id, field string
		d, most   time.Duration
		why       string
	}{
		{"code-lifetime-generous", "CodeLifetime", c.CodeLifetime, 2 * time.Minute, "a code is exchanged within seconds"},
		{"access-token-lifetime-long", "AccessTokenLifetime", c.AccessTokenLifetime, day, "a stolen access token works as long as that"},
		{"grant-lifetime-long", "GrantLifetime", c.GrantLifetime, 400 * day, "nobody is asked again for so long"},
		{"grace-generous", "RefreshTokenGrace", c.RefreshTokenGrace, 2 * time.Minute, "a stolen refresh token can be repeated as long as that"},
	} {
		if l.d > l.most {
			f.add(l.id, l.field, fmt.Sprintf("is %v", l.d), "keep it at most "+l.most.String()+"; "+l.why, "")
		}
	}
	for _, l := range []struct {
		id, field, longer string
		d, limit          time.Duration
	}{
		{"refresh-longer-than-grant", "RefreshTokenLifetime", "GrantLifetime", c.RefreshTokenLifetime, c.GrantLifetime},
		{"access-longer-than-refresh", "AccessTokenLifetime", "RefreshTokenLifetime", c.AccessTokenLifetime, c.RefreshTokenLifetime},
	} {
		if l.d > l.limit {
			f.add(l.id, l.field, fmt.Sprintf("is %v, longer than %s, which is %v", l.d, l.longer, l.limit), "make it shorter: the other ends it", "")
		}
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil || issuer.Host == "" {
		return
	}
	for _, e := range c.Endpoints.list() {
		if u, err := url.Parse(*e.url); err == nil && u.Host != "" && u.Host != issuer.Host {
			f.add("endpoint-elsewhere", "Endpoints."+e.name, fmt.Sprintf("is on %s, the issuer on %s", u.Host, issuer.Host),
				"see that both reach this server", "")
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
