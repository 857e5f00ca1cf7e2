package engine

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// validate returns everything that is wrong with a configuration whose defaults
// are filled in.
func (c *Config) validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("engine: Config.%s %s", field, fmt.Sprintf(format, args...)))
	}
	if c.Model == nil {
		bad("Model", "is missing: set a store, such as memstore.New()")
	}
	c.validateURLs(bad)
	c.validateScopes(bad)
	c.validateLifetimes(bad)
	c.validateTokens(bad)
	for i, k := range c.Keys {
		if len(k) != 32 {
			bad(fmt.Sprintf("Keys[%d]", i), "has %d bytes: make each of 32 random bytes", len(k))
		}
	}
	for _, l := range c.RateLimits.list() {
		switch r := l.rate; {
		case isOff(r):
		case r.Interval == 0 || r.Burst < 1:
			bad("RateLimits."+l.name, "has an interval of %v and a burst of %d: give both, or a negative interval to turn it off", r.Interval, r.Burst)
		case time.Duration(r.Burst) > maxLimitWindow/r.Interval:
			bad("RateLimits."+l.name, "takes more than a day to allow a burst again: make the burst or the interval smaller")
		}
	}
	if c.Keys != nil && len(c.Keys) == 0 {
		bad("Keys", "is empty: give at least one key, or leave it nil")
	}
	if !isQuotable(c.Realm) {
		bad("Realm", `%q must be printable ASCII without " and \`, c.Realm)
	}
	for name, g := range c.Grants {
		if g == nil {
			bad(fmt.Sprintf("Grants[%q]", name), "is nil: remove the entry or give a Grant")
		}
		if u, err := url.Parse(name); !isBuiltIn(name) && (err != nil || !u.IsAbs()) {
			bad(fmt.Sprintf("Grants[%q]", name), "must be named by an absolute URI (RFC 6749, section 4.5)")
		}
	}
	return errors.Join(errs...)
}

// isQuotable reports whether s can stand between quotes in a header.
func isQuotable(s string) bool { return sanitize(s) == s }

func isBuiltIn(grantType string) bool {
	switch grantType {
	case model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantClientCredentials, model.GrantPassword, model.GrantDeviceCode:
		return true
	}
	return false
}

func (c *Config) validateURLs(bad func(field, format string, args ...any)) {
	if c.Issuer == "" {
		bad("Issuer", `is missing: set the public URL of this server, such as "https://auth.example.com"`)
		return
	}
	c.validateURL("Issuer", c.Issuer, bad)
	if strings.ContainsAny(c.Issuer, "?") {
		bad("Issuer", "%q must have no query (RFC 8414, section 2)", c.Issuer)
	}
	for _, e := range c.Endpoints.list() {
		// A default is as good or bad as the issuer, which was looked at.
		if *e.url != c.endpoint(e.path) {
			c.validateURL("Endpoints."+e.name, *e.url, bad)
		}
	}
	if c.Resource != "" {
		c.validateURL("Resource", c.Resource, bad)
	}
	for _, r := range c.Resources {
		if _, err := model.ParseResources(r); err != nil || r == "" {
			bad("Resources", "%q: %v", r, model.ErrBadResource)
		}
	}
}

func (c *Config) validateURL(field, raw string, bad func(field, format string, args ...any)) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		bad(field, `%q must be an absolute URL, such as "https://auth.example.com"`, raw)
	case strings.Contains(raw, "#"):
		bad(field, "%q must have no fragment", raw)
	case u.User != nil:
		bad(field, "must have no user information")
	case u.Scheme == "http" && !isLoopback(u.Hostname()) && !c.AllowInsecureIssuer:
		bad(field, "%q must use https: codes and tokens travel there. Plain http is for loopback hosts; behind a proxy give the public URL; AllowInsecureIssuer is for closed test networks", raw)
	}
}

func isLoopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

func (c *Config) validateScopes(bad func(field, format string, args ...any)) {
	if len(c.Scopes) == 0 {
		bad("Scopes", `is empty: name each scope there is, such as {Name: "read", Title: "Read your notes"}`)
	}
	var names []string
	for i, info := range c.Scopes {
		p, err := model.ParseScope(info.Name)
		if err != nil || info.Name == "" || string(p) != info.Name || strings.Contains(info.Name, " ") {
			bad(fmt.Sprintf("Scopes[%d].Name", i), "%q is not a scope token: one word of printable ASCII without \" and \\", info.Name)
			continue
		}
		if info.Title == "" {
			bad(fmt.Sprintf("Scopes[%d].Title", i), "of %q is missing: say in the user's words what it allows", info.Name)
		}
		names = append(names, info.Name)
	}
	vocabulary := model.NewScope(names...)
	if len(names) > 0 && strings.Count(string(vocabulary), " ")+1 != len(names) {
		bad("Scopes", "names a scope twice")
	}
	for _, f := range []struct {
		field string
		scope model.Scope
	}{{"DefaultScope", c.DefaultScope}, {"ResourceScope", c.ResourceScope}} {
		if p, err := model.ParseScope(string(f.scope)); err != nil || p != f.scope {
			bad(f.field, "%q is not a scope in normal form", f.scope)
		} else if !vocabulary.Covers(f.scope) {
			bad(f.field, "%q has a scope that Scopes lacks", f.scope)
		}
	}
}

func (c *Config) validateLifetimes(bad func(field, format string, args ...any)) {
	for _, l := range []struct {
		field string
		d     time.Duration
	}{
		{"CodeLifetime", c.CodeLifetime},
		{"AccessTokenLifetime", c.AccessTokenLifetime},
		{"RefreshTokenLifetime", c.RefreshTokenLifetime},
		{"GrantLifetime", c.GrantLifetime},
		{"DeviceCodeLifetime", c.DeviceCodeLifetime},
		{"DevicePollInterval", c.DevicePollInterval},
	} {
		if l.d < time.Second {
			bad(l.field, "is %v: give at least a second, or zero for the default", l.d)
		}
	}
	if c.CodeLifetime > maxCodeLifetime {
		bad("CodeLifetime", "is %v: at most 10 minutes (RFC 6749, section 4.1.2)", c.CodeLifetime)
	}
	if c.DeviceCodeLifetime > maxDeviceLifetime {
		bad("DeviceCodeLifetime", "is %v: at most 30 minutes, so that a user code cannot be guessed (RFC 8628, section 5.1)", c.DeviceCodeLifetime)
	}
	if c.DevicePollInterval%time.Second != 0 || c.DevicePollInterval > time.Minute {
		bad("DevicePollInterval", "is %v: give whole seconds, at most a minute", c.DevicePollInterval)
	}
	if c.RefreshTokenGrace > maxGrace {
		bad("RefreshTokenGrace", "is %v: at most 10 minutes; it is for answers that got lost", c.RefreshTokenGrace)
	}
}

const maxGrace = 10 * time.Minute

func (c *Config) validateTokens(bad func(field, format string, args ...any)) {
	if len(c.TokenPrefix) > 32 || strings.ContainsFunc(c.TokenPrefix, func(r rune) bool { return r > 0x7e || !isBase64URL(byte(r)) }) {
		bad("TokenPrefix", "%q must be at most 32 of [A-Za-z0-9_-]", c.TokenPrefix)
	}
	if (c.GenerateToken == nil) != (c.TokenGrant == nil) {
		bad("GenerateToken", "and TokenGrant belong together: set both, or neither")
	}
}
