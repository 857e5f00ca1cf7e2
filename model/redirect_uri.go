package model

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/internal/uris"
)

// maxRedirectURI bounds what a redirect URI may be, in bytes.
const maxRedirectURI = 2000

// responseParameters are those that the authorization endpoint adds itself; a
// redirect URI that has one already would answer in its place.
//
//nolint:gochecknoglobals // read only
var responseParameters = [...]string{"code", "state", "iss", "error", "error_description", "error_uri"}

// ValidateRedirectURI says whether a redirect URI may be registered (RFC 6749,
// section 3.1.2, RFC 8252, section 7, and RFC 9700, section 2.6): absolute, without
// fragment or user, https, or http to a loopback host, or a private-use scheme
// in reverse-domain form such as com.example.app:/callback. The error reads on
// after the URI: "must …".
func ValidateRedirectURI(raw string) error {
	if raw == "" || len(raw) > maxRedirectURI {
		return errors.New("must be 1 to " + strconv.Itoa(maxRedirectURI) + " bytes long")
	}
	for i := range len(raw) {
		if b := raw[i]; b <= 0x20 || b > 0x7e || strings.IndexByte("\"<>\\^`{|}", b) >= 0 {
			return errors.New("must consist of URI characters; percent-encode others, and write a host in punycode")
		}
	}
	if strings.Contains(raw, "#") {
		return errors.New("must have no fragment")
	}
	u, err := url.Parse(raw)
	if err != nil || !u.IsAbs() {
		return errors.New("must be an absolute URI")
	}
	if u.User != nil {
		return errors.New("must have no user information")
	}
	if strings.Contains(u.Host, "*") {
		return errors.New("must be complete: there are no wildcards")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return errors.New("must have a port between 1 and 65535, or none")
		}
	}
	switch u.Scheme {
	case "https":
		if u.Hostname() == "" {
			return errors.New("must name a host")
		}
	case "http":
		if !uris.IsLoopback(u.Hostname()) {
			return errors.New("must use https: plain http is only for 127.0.0.1, [::1] and localhost (RFC 9700, section 2.6)")
		}
	default:
		if !strings.Contains(u.Scheme, ".") {
			return errors.New("must use https, http on a loopback host, or a private-use scheme in reverse-domain form such as com.example.app (RFC 8252, section 7.1)")
		}
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("must have a well-formed query")
	}
	for _, name := range responseParameters {
		if q.Has(name) {
			return errors.New("must not have the parameter " + name + " in its query: the answer carries it")
		}
	}
	return nil
}

// MatchRedirectURI reports whether the redirect URI of a request is the
// registered one: byte for byte, but for the port of a loopback URI, which a
// native app picks when it starts (RFC 8252, section 7.3). Hosts are never
// interchanged: 127.0.0.1, [::1] and localhost are three.
func MatchRedirectURI(registered, sent string) bool {
	if registered == sent {
		return true
	}
	rHost, rRest, ok := splitLoopback(registered)
	if !ok {
		return false
	}
	sHost, sRest, ok := splitLoopback(sent)
	return ok && rHost == sHost && rRest == sRest
}

// splitLoopback takes an http URI of a loopback host apart into host and what
// follows the port.
func splitLoopback(uri string) (host, rest string, ok bool) {
	after, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", "", false
	}
	for _, host := range [...]string{"127.0.0.1", "[::1]", "localhost"} {
		if rest, ok := strings.CutPrefix(after, host); ok {
			rest, ok = cutPort(rest)
			return host, rest, ok
		}
	}
	return "", "", false
}

func cutPort(s string) (rest string, ok bool) {
	if s == "" || s[0] == '/' || s[0] == '?' {
		return s, true
	}
	if s[0] != ':' {
		return "", false
	}
	n := 1
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	rest = s[n:]
	port, err := strconv.ParseUint(s[1:n], 10, 16)
	return rest, err == nil && port > 0 && (rest == "" || rest[0] == '/' || rest[0] == '?')
}
