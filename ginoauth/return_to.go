package ginoauth

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

const (
	// returnParam carries the way back through the login.
	returnParam = "return_to"
	// returnedParam marks a request that comes from the login, so that a login which
	// does not sign in is told from nobody being signed in.
	returnedParam = "login_returned"
	// maxReturn bounds the way back, in bytes. It holds a state of any size that
	// fits into a request.
	maxReturn = 256 << 10
)

// loginURL is where nobody is sent: the login page, with the way back to this
// page, which is one that ReturnTo knows.
func (s *Server) loginURL(path, query string) string {
	if query != "" {
		query += "&"
	}
	back := &url.URL{Path: path, RawQuery: query + returnedParam + "=1"}
	sep := "?"
	if strings.Contains(s.opts.LoginURL, "?") {
		sep = "&"
	}
	return s.opts.LoginURL + sep + returnParam + "=" + url.QueryEscape(back.String())
}

// ReturnTo returns where to go after a login: back to the authorization request,
// the device page or the page of applications that the user came from, or the
// fallback. It reads the parameter return_to from the login form or, if that has
// none, from the query of the login page.
//
// The way back is rebuilt from checked parts: it is always one of these pages of
// this server, whatever the parameter says.
func (s *Server) ReturnTo(c *gin.Context, fallback string) string {
	raw := ""
	if err := c.Request.ParseForm(); err == nil {
		raw = c.Request.PostForm.Get(returnParam)
	}
	if raw == "" {
		raw = c.Request.URL.Query().Get(returnParam)
	}
	if to, ok := rebuildReturn(raw, s.authorizePath, s.devicePath, s.applicationsPath); ok {
		return to
	}
	return fallback
}

func rebuildReturn(raw string, paths ...string) (string, bool) {
	if raw == "" || len(raw) > maxReturn || strings.ContainsFunc(raw, func(r rune) bool { return r <= 0x20 || r > 0x7e || r == '\\' }) {
		return "", false
	}
	u, err := url.Parse(raw)
	if err != nil || u.IsAbs() || u.Host != "" || u.Opaque != "" || u.User != nil ||
		strings.Contains(raw, "#") || u.RawPath != "" || u.Path == "" || !slices.Contains(paths, u.Path) {
		return "", false
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return "", false
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String(), true
}
