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
	// Only the first question mark begins the query; a later one is data in it.
	switch i := strings.IndexByte(redirectURI, '?'); {
	case i < 0:
		b.WriteByte('?')
	case i < len(redirectURI)-1 && !strings.HasSuffix(redirectURI, "&"):
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
	code := sanitize(e.Code)
	if code == "" {
		code = CodeServerError // a policy function's error without one; an answer must name one
	}
	params := "error=" + escape(code)
	if d := e.SafeDescription(); d != "" {
		params += "&error_description=" + escape(d)
	}
	return s.answerURL(e.RedirectURI, params, e.State, e.HasState)
}
