package engine

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// RegistrationPolicy says who may register a client over the network, and what
// such a client can be at most. What it says of itself is checked by nobody, and
// the consent page says so.
type RegistrationPolicy struct {
	// InitialAccessTokens are the digests of the tokens that allow a registration
	// (RFC 7591, section 3); see model.DigestOf. The tokens are random, of at least
	// 128 bits.
	InitialAccessTokens []model.Digest
	// CheckInitialAccessToken decides about a token that is not among them.
	CheckInitialAccessToken func(ctx context.Context, token string) (bool, error)
	// AllowOpen lets everybody register, without a token, as often as
	// RateLimits.Registrations says.
	AllowOpen bool

	// RedirectSchemes are the schemes of redirect URIs. Default to https and, for
	// loopback hosts, http. Schemes of native apps are named one by one.
	RedirectSchemes []string
	// RedirectHosts are the hosts of https and http redirect URIs: a host, or
	// "*.example.com" for all hosts below one. Empty: any host.
	RedirectHosts []string
	// Grants are the grant types a client may have. What it asks for beyond them
	// it does not get. Default to authorization_code and refresh_token.
	Grants []string
	// Scope is the most that a client may have, and what it has if it names no
	// scope. Required.
	Scope model.Scope
	// UnusedLifetime is how long a client may wait for its first token; after that
	// it is as good as not registered. Defaults to 24 hours. A negative value lets
	// clients live on unused.
	UnusedLifetime time.Duration

	// Policy decides at last about a client that is about to be saved. It may also
	// change it, such as to narrow its Scope or to let its secret expire; identity
	// and registration token stay. An *Error is the answer, any other error a
	// fault. It may be called more than once for one registration.
	Policy func(ctx context.Context, c *model.Client) error
}

const (
	defaultUnusedLifetime = 24 * time.Hour
	minUnusedLifetime     = time.Minute
)

// setRegistrationDefaults fills the defaults into a copy of the policy.
func (c *Config) setRegistrationDefaults() {
	if c.Registration == nil {
		return
	}
	p := *c.Registration
	p.InitialAccessTokens = slices.Clone(p.InitialAccessTokens)
	p.RedirectSchemes = slices.Clone(p.RedirectSchemes)
	p.RedirectHosts = slices.Clone(p.RedirectHosts)
	p.Grants = slices.Clone(p.Grants)
	if len(p.RedirectSchemes) == 0 {
		p.RedirectSchemes = []string{"https", "http"}
	}
	if len(p.Grants) == 0 {
		p.Grants = []string{model.GrantAuthorizationCode, model.GrantRefreshToken}
	}
	setDefault(&p.UnusedLifetime, defaultUnusedLifetime)
	c.Registration = &p
}

func (c *Config) checkRegistration(f *findings) {
	p := c.Registration
	if p == nil {
		return
	}
	if c.Clients == nil {
		f.add("registration-clients", "Registration", "needs a place for clients", "set Clients, or a Model that implements model.ClientModel", "")
	}
	if strings.Contains(c.Endpoints.Registration, "?") {
		f.add("registration-query", "Endpoints.Registration", fmt.Sprintf("%q must have no query: the URLs of clients are below it", c.Endpoints.Registration), "take it off", "")
	}
	tokens := len(p.InitialAccessTokens) > 0 || p.CheckInitialAccessToken != nil
	switch {
	case !tokens && !p.AllowOpen:
		f.add("registration-nobody", "Registration", "lets nobody register", "set InitialAccessTokens or CheckInitialAccessToken, or AllowOpen to let everybody", "RFC 7591, section 3")
	case tokens && p.AllowOpen:
		f.add("registration-open-token", "Registration.AllowOpen", "makes initial access tokens pointless", "set one or the other", "RFC 7591, section 3")
	}
	if slices.ContainsFunc(p.InitialAccessTokens, model.Digest.IsZero) {
		f.add("registration-token-zero", "Registration.InitialAccessTokens", "holds a zero digest", "make them with model.DigestOf", "")
	}
	var names []string
	for _, info := range c.Scopes {
		names = append(names, info.Name)
	}
	if n, err := model.ParseScope(string(p.Scope)); err != nil || n != p.Scope || p.Scope == "" {
		f.add("registration-scope-malformed", "Registration.Scope", fmt.Sprintf("%q is not a scope in normal form", p.Scope), "name the most that such a client may ask for", "RFC 7591, section 5")
	} else if !model.NewScope(names...).Covers(p.Scope) {
		f.add("registration-scope-unknown", "Registration.Scope", fmt.Sprintf("%q has a scope that Scopes lacks", p.Scope), "add it there, or take it off here", "")
	}
	for _, g := range p.Grants {
		if reason, fix := c.registrationGrant(g); reason != "" {
			f.add("registration-grant", "Registration.Grants", fmt.Sprintf("%q %s", g, reason), fix, "")
		}
	}
	if p.UnusedLifetime >= 0 && p.UnusedLifetime < minUnusedLifetime {
		f.add("registration-unused-short", "Registration.UnusedLifetime", fmt.Sprintf("is %v", p.UnusedLifetime), "give at least a minute, zero for the default, or a negative value to let unused clients live", "")
	}
}

// registrationGrant says what is wrong with a grant type for such clients.
func (c *Config) registrationGrant(g string) (reason, fix string) {
	switch {
	case g == model.GrantPassword:
		return "is not for clients that register themselves", "leave it out"
	case g == model.GrantDeviceCode && c.Devices == nil:
		return "is off", "set Devices, or leave it out"
	case !isBuiltIn(g) && c.Grants[g] == nil:
		return "is not a grant type of this server", "add it to Config.Grants, or leave it out"
	}
	return "", ""
}

// allowsInitial reports whether this token allows a registration.
func (p *RegistrationPolicy) allowsInitial(ctx context.Context, token string) (bool, error) {
	sum, found := model.DigestOf(token), 0
	for i := range p.InitialAccessTokens {
		found |= subtle.ConstantTimeCompare(sum[:], p.InitialAccessTokens[i][:])
	}
	if found == 1 || p.CheckInitialAccessToken == nil {
		return found == 1, nil
	}
	return p.CheckInitialAccessToken(ctx, token)
}

// allowsRedirect says what the policy has against a redirect URI that is valid
// by itself.
func (p *RegistrationPolicy) allowsRedirect(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return err
	}
	if !slices.Contains(p.RedirectSchemes, u.Scheme) {
		return fmt.Errorf("must have one of the schemes %s", strings.Join(p.RedirectSchemes, ", "))
	}
	if len(p.RedirectHosts) == 0 || u.Scheme != "https" && u.Scheme != "http" {
		return nil
	}
	host := strings.ToLower(u.Hostname())
	for _, allowed := range p.RedirectHosts {
		if below, ok := strings.CutPrefix(allowed, "*"); ok && strings.HasPrefix(below, ".") {
			if strings.HasSuffix(host, below) && len(host) > len(below) {
				return nil
			}
		} else if host == allowed {
			return nil
		}
	}
	return errors.New("is not on a host that is allowed here")
}
