package engine

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/internal/uris"
)

var errPrivateURL = errors.New("must be on a public host")

// checkPublicURL says what is wrong with a URL that a client registers about
// itself. Nothing here fetches it, but what shows or checks it later might: it
// must not lead inside (RFC 7591, section 5). The page of a client in development
// may be on its own machine.
func checkPublicURL(raw string, loopback bool) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return errors.New("must be an https or http URL")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if uris.IsLoopback(host) {
		if loopback {
			return nil
		}
		return errPrivateURL
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if !isPublic(ip) {
			return errPrivateURL
		}
		return nil
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	switch last {
	case "localhost", "local", "internal", "lan", "home", "corp", "intranet", host: // host: a name without a dot
		return errPrivateURL
	}
	// What ends in a number is an address to browsers, in one of its many forms.
	if last == "" || '0' <= last[0] && last[0] <= '9' {
		return errPrivateURL
	}
	return nil
}
