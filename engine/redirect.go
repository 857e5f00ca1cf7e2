package engine

import (
	"net/url"
	"strings"
)

// escape writes a value for a query. A space becomes %20, which form decoders
// and plain percent decoders read alike.
func escape(s string) string {
	for i := range len(s) {
		if b := s[i]; !isBase64URL(b) && b != '.' && b != '~' {
			return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
		}
	}
	return s
}

// answerURL appends the parameters of an authorization response to a redirect
// URI, whose own bytes stay as they are (RFC 6749, section 3.1.2). Each answer
// names its issuer (RFC 9207).
func (s *Server) answerURL(redirectURI, params, state string, hasState bool) string {
	var b strings.Builder
	b.Grow(len(redirectURI) + len(params) + len(s.issParam) + 3*len(state) + 10)
	b.WriteString(redirectURI)
	switch {
	case !strings.Contains(redirectURI, "?"):
		b.WriteByte('?')
	case !strings.HasSuffix(redirectURI, "?") && !strings.HasSuffix(redirectURI, "&"):
		b.WriteByte('&')
	}
	b.WriteString(params)
	if hasState {
		b.WriteString("&state=")
		b.WriteString(escape(state))
	}
	b.WriteByte('&')
	b.WriteString(s.issParam)
	return b.String()
}

// errorURL is where an error goes that may redirect.
func (s *Server) errorURL(e *Error) string {
	params := "error=" + escape(e.Code)
	if d := e.SafeDescription(); d != "" {
		params += "&error_description=" + escape(d)
	}
	return s.answerURL(e.RedirectURI, params, e.State, e.HasState)
}
