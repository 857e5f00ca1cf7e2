// Package uris answers what several packages ask about URIs, so that they agree.
package uris

import "net/url"

// IsLoopback reports whether a host, without port and brackets, is the machine itself: one of the three spellings that
// RFC 8252, section 7.3, and browsers agree on. Others, such as 127.0.0.2, are not, although they lead there too.
func IsLoopback(host string) bool {
	return host == "127.0.0.1" || host == "::1" || host == "localhost"
}

// IsAbsolute reports whether s is a URI with a scheme and something behind it, such as a URL or a URN.
func IsAbsolute(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.IsAbs() && (u.Host != "" || u.Opaque != "" || u.Path != "")
}
