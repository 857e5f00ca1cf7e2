package engine

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/internal/uris"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// Finding is something in a configuration that is wrong, or that somebody should
// have decided knowingly.
type Finding struct {
	// ID is a short name that does not change, such as "issuer-not-https".
	ID string
	// Field is the field of Config that it is about, such as "Issuer".
	Field string
	// Reason says what is wrong with it, and Fix what to do.
	Reason, Fix string
	// Section is where a standard says so, such as "RFC 9700, section 2.4", or
	// empty.
	Section string
	// Fatal tells that New refuses to start.
	Fatal bool
}

// String returns field, reason, fix and section as one sentence.
func (f Finding) String() string {
	s := "Config." + f.Field + " " + f.Reason
	if f.Fix != "" {
		s += ": " + f.Fix
	}
	if f.Section != "" {
		s += " (" + f.Section + ")"
	}
	return s
}

// Check lists what is wrong, unsafe or contradictory in a configuration, which it
// does not change. What is fatal comes first; [New] fails on it, and logs the
// rest as warnings. An empty list means that there is nothing to say.
func Check(cfg Config) []Finding {
	cfg.setDefaults()
	return cfg.check()
}

// check is Check of a configuration whose defaults are filled in.
func (c *Config) check() []Finding {
	f := findings{fatal: true}
	if c.Model == nil {
		f.add("model-missing", "Model", "is missing", "set a store, such as memstore.New()", "")
	}
	c.checkStorage(&f)
	c.checkURLs(&f)
	c.checkScopes(&f)
	c.checkLifetimes(&f)
	c.checkLimits(&f)
	c.checkTokens(&f)
	checkStale(&f, c.AllowStaleAccessTokens, c.AccessTokenCacheSize)
	c.checkGrants(&f)
	c.checkRegistration(&f)
	c.checkClientIDDocuments(&f)
	f.fatal = false
	c.checkLoosened(&f)
	c.checkProportions(&f)
	return f.list
}

// findings collects.
type findings struct {
	list  []Finding
	fatal bool
}

func (f *findings) add(id, field, reason, fix, section string) {
	f.list = append(f.list, Finding{id, field, reason, fix, section, f.fatal})
}

// fatalError returns what is fatal, joined in one error.
func fatalError(list []Finding) error {
	var errs []error
	for _, f := range list {
		if f.Fatal {
			errs = append(errs, errors.New("engine: "+f.String()))
		}
	}
	return errors.Join(errs...)
}

// isQuotable reports whether s can stand between quotes in a header.
func isQuotable(s string) bool { return isSanitized(s) }

func isBuiltIn(grantType string) bool {
	switch grantType {
	case model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantClientCredentials, model.GrantPassword, model.GrantDeviceCode:
		return true
	}
	return false
}

func (c *Config) checkURLs(f *findings) {
	if c.Issuer == "" {
		f.add("issuer-missing", "Issuer", "is missing", `set the public URL of this server, such as "https://auth.example.com"`, "")
		return
	}
	c.checkURL(f, "issuer", "Issuer", c.Issuer)
	if strings.Contains(c.Issuer, "?") {
		f.add("issuer-query", "Issuer", fmt.Sprintf("%q must have no query", c.Issuer), "take it off", "RFC 8414, section 2")
	}
	for _, e := range c.Endpoints.list() {
		// A default is as good or bad as the issuer, which was looked at.
		if *e.url != c.endpoint(e.path) {
			c.checkURL(f, "endpoint", "Endpoints."+e.name, *e.url)
		}
	}
	if c.Resource != "" {
		c.checkURL(f, "resource", "Resource", c.Resource)
	}
	for _, r := range c.Resources {
		if _, err := model.ParseResources(r); err != nil || r == "" {
			f.add("resources-malformed", "Resources", fmt.Sprintf("%q: %v", r, model.ErrBadResource), "give the URL of the API", "RFC 8707, section 2")
		}
	}
}

func (c *Config) checkURL(f *findings, id, field, raw string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		f.add(id+"-malformed", field, fmt.Sprintf("%q must be an absolute URL", raw), `such as "https://auth.example.com"`, "")
	case strings.Contains(raw, "#"):
		f.add(id+"-fragment", field, fmt.Sprintf("%q must have no fragment", raw), "take it off", "RFC 6749, section 3.1")
	case u.User != nil:
		f.add(id+"-user", field, "must have no user information", "take it off", "")
	case u.Scheme == "http" && !uris.IsLoopback(u.Hostname()) && !c.AllowInsecureIssuer:
		f.add(id+"-not-https", field, fmt.Sprintf("%q must use https", raw),
			"codes and tokens travel there. Plain http is for loopback hosts; behind a proxy give the public URL; AllowInsecureIssuer is for closed test networks", "RFC 6749, section 3.1")
	}
}

func (c *Config) checkScopes(f *findings) {
	if len(c.Scopes) == 0 {
		f.add("scopes-empty", "Scopes", "is empty", `name each scope there is, such as {Name: "read", Title: "Read your notes"}`, "")
	}
	var names []string
	for i, info := range c.Scopes {
		p, err := model.ParseScope(info.Name)
		if err != nil || info.Name == "" || string(p) != info.Name || strings.Contains(info.Name, " ") {
			f.add("scope-malformed", fmt.Sprintf("Scopes[%d].Name", i), fmt.Sprintf("%q is not a scope token", info.Name),
				`one word of printable ASCII without " and \`, "RFC 6749, section 3.3")
			continue
		}
		if info.Title == "" {
			f.add("scope-title-missing", fmt.Sprintf("Scopes[%d].Title", i), fmt.Sprintf("of %q is missing", info.Name), "say in the user's words what it allows", "")
		}
		names = append(names, info.Name)
	}
	vocabulary := model.NewScope(names...)
	if len(names) > 0 && strings.Count(string(vocabulary), " ")+1 != len(names) {
		f.add("scope-repeated", "Scopes", "names a scope twice", "remove one", "")
	}
	for _, s := range []struct {
		id, field string
		scope     model.Scope
	}{{"default-scope", "DefaultScope", c.DefaultScope}, {"resource-scope", "ResourceScope", c.ResourceScope}} {
		if p, err := model.ParseScope(string(s.scope)); err != nil || p != s.scope {
			f.add(s.id+"-malformed", s.field, fmt.Sprintf("%q is not a scope in normal form", s.scope), "make it with model.NewScope", "RFC 6749, section 3.3")
		} else if !vocabulary.Covers(s.scope) {
			f.add(s.id+"-unknown", s.field, fmt.Sprintf("%q has a scope that Scopes lacks", s.scope), "add it there, or take it off here", "")
		}
	}
}

func (c *Config) checkLifetimes(f *findings) {
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
			f.add("lifetime-short", l.field, fmt.Sprintf("is %v", l.d), "give at least a second, or zero for the default", "")
		}
	}
	if c.ConsentLifetime > 0 && c.ConsentLifetime < time.Second {
		f.add("lifetime-short", "ConsentLifetime", fmt.Sprintf("is %v", c.ConsentLifetime), "give at least a second, zero for the default, or a negative value to remember nothing", "")
	}
	if c.CodeLifetime > maxCodeLifetime {
		f.add("code-lifetime-long", "CodeLifetime", fmt.Sprintf("is %v", c.CodeLifetime), "at most 10 minutes", "RFC 6749, section 4.1.2")
	}
	if c.RefreshTokenGrace > maxGrace {
		f.add("grace-long", "RefreshTokenGrace", fmt.Sprintf("is %v", c.RefreshTokenGrace), "at most 10 minutes; it is for answers that got lost", "")
	}
	if c.DeviceCodeLifetime > maxDeviceLifetime {
		f.add("device-code-lifetime-long", "DeviceCodeLifetime", fmt.Sprintf("is %v", c.DeviceCodeLifetime),
			"at most 30 minutes, so that a user code cannot be guessed", "RFC 8628, section 5.1")
	}
	if c.DevicePollInterval%time.Second != 0 || c.DevicePollInterval > time.Minute {
		f.add("device-poll-interval", "DevicePollInterval", fmt.Sprintf("is %v", c.DevicePollInterval), "give whole seconds, at most a minute", "RFC 8628, section 3.2")
	}
}

const maxGrace = 10 * time.Minute

func (c *Config) checkLimits(f *findings) {
	for _, l := range c.RateLimits.list() {
		switch r := l.rate; {
		case isOff(r):
		case r.Interval == 0 || r.Burst < 1:
			f.add("limit-incomplete", "RateLimits."+l.name, fmt.Sprintf("has an interval of %v and a burst of %d", r.Interval, r.Burst),
				"give both, or a negative interval to turn it off", "")
		case time.Duration(r.Burst) > maxLimitWindow/r.Interval:
			f.add("limit-long", "RateLimits."+l.name, "takes more than a day to allow a burst again", "make the burst or the interval smaller", "")
		}
	}
}

func (c *Config) checkTokens(f *findings) {
	for i, k := range c.Keys {
		if len(k) != 32 {
			f.add("key-length", fmt.Sprintf("Keys[%d]", i), fmt.Sprintf("has %d bytes", len(k)), "make each of 32 random bytes", "")
		}
	}
	if c.Keys != nil && len(c.Keys) == 0 {
		f.add("keys-empty", "Keys", "is empty", "give at least one key, or leave it nil", "")
	}
	if !isQuotable(c.Realm) {
		f.add("realm-malformed", "Realm", fmt.Sprintf("%q must be printable ASCII", c.Realm), `leave " and \ out`, "RFC 9110, section 11.5")
	}
	if len(c.TokenPrefix) > 32 || strings.ContainsFunc(c.TokenPrefix, func(r rune) bool { return r > 0x7e || !isBase64URL(byte(r)) }) {
		f.add("token-prefix-malformed", "TokenPrefix", fmt.Sprintf("%q must be at most 32 of [A-Za-z0-9_-]", c.TokenPrefix), "choose another", "")
	}
	if (c.GenerateToken == nil) != (c.TokenGrant == nil) {
		f.add("generate-token-alone", "GenerateToken", "and TokenGrant belong together", "set both, or neither", "")
	}
}

func (c *Config) checkGrants(f *findings) {
	for _, name := range sortedKeys(c.Grants) {
		field := fmt.Sprintf("Grants[%q]", name)
		if c.Grants[name] == nil {
			f.add("grant-nil", field, "is nil", "remove the entry or give a Grant", "")
		}
		if !isBuiltIn(name) && !uris.IsAbsolute(name) {
			f.add("grant-name", field, "must be named by an absolute URI", `such as "urn:example:my-grant"`, "RFC 6749, section 4.5")
		}
	}
}
