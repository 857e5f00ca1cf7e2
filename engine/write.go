package engine

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
)

// WriteToken writes a token response (RFC 6749, section 5.1).
func (s *Server) WriteToken(w http.ResponseWriter, _ *http.Request, res *TokenResponse) {
	noStore(w.Header())
	b := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(b)
	*b = res.appendJSON((*b)[:0])
	writeJSON(w, http.StatusOK, *b)
}

// appendJSON appends the members in the order of the RFC's example. Tokens and numbers
// need no escaping in JSON; scope and attributes were checked when they came in.
func (res *TokenResponse) appendJSON(b []byte) []byte {
	t := res.Token
	b = append(b, `{"access_token":"`...)
	b = append(b, res.AccessToken...)
	b = append(b, `","token_type":"Bearer","expires_in":`...)
	b = strconv.AppendInt(b, res.ExpiresIn, 10)
	if res.RefreshToken != "" {
		b = append(b, `,"refresh_token":"`...)
		b = append(b, res.RefreshToken...)
		b = append(b, '"')
	}
	if t.Scope != "" {
		b = append(b, `,"scope":"`...)
		b = append(b, t.Scope...)
		b = append(b, '"')
	}
	if n := len(t.Extra); n > 2 {
		b = append(b, ',')
		b = append(b, t.Extra[1:n-1]...)
	}
	return append(b, '}')
}

// WriteAuthorize redirects the browser to the client with the code: 302, and 303
// after a POST, so that no form is sent on (RFC 9700, section 4.12).
func (s *Server) WriteAuthorize(w http.ResponseWriter, r *http.Request, res *AuthorizeResponse) {
	redirect(w, r, res.Location)
}

func redirect(w http.ResponseWriter, r *http.Request, location string) {
	h := w.Header()
	noStore(h)
	h["Referrer-Policy"] = noReferrerValue
	h["Location"] = []string{location}
	if r.Method == http.MethodGet {
		w.WriteHeader(http.StatusFound)
		return
	}
	w.WriteHeader(http.StatusSeeOther)
}

// WriteError writes the answer for an error of any method of [Server]: a
// redirect if it may be one, else JSON with status and headers. What is not an
// *Error becomes server_error; its text is not sent.
func (s *Server) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	e := AsError(err)
	if e.RedirectURI != "" {
		redirect(w, r, s.errorURL(e))
		return
	}
	s.writeError(w, e)
}

func (p *process) writeError(w http.ResponseWriter, e *Error) {
	SetErrorHeaders(w.Header(), e)
	if e.Code == "" {
		w.WriteHeader(e.HTTPStatus())
		return
	}
	b := p.buffers.Get().(*[]byte)
	defer p.buffers.Put(b)
	*b = e.appendJSON((*b)[:0])
	writeJSON(w, e.HTTPStatus(), *b)
}

// AsError returns the *Error in err, or server_error with err as its cause.
func AsError(err error) *Error {
	if e, ok := err.(*Error); ok && e != nil { //nolint:errorlint // what errors.As finds first, without its reflection
		return e
	}
	var e *Error
	if errors.As(err, &e) && e != nil {
		return e
	}
	return fault(err, "application")
}

// SetErrorHeaders sets the headers that belong to the error's answer.
func SetErrorHeaders(h http.Header, e *Error) {
	noStore(h)
	for name, values := range e.Header {
		h[name] = slices.Clip(values) // the error may be shared: who adds one gets a copy
	}
}

// appendJSON appends the answer as JSON (RFC 6749, section 5.2).
func (e *Error) appendJSON(b []byte) []byte {
	b = append(b, `{"error":"`...)
	b = escapeHTML(appendSanitized(b, e.Code), len(b))
	if e.Description != "" {
		b = append(b, `","error_description":"`...)
		b = escapeHTML(e.appendDescription(b), len(b))
	}
	return append(b, `"}`...)
}

// escapeHTML escapes what b has from a position on for HTML, as encoding/json
// does. It is all that sanitized text needs to stand in JSON.
func escapeHTML(b []byte, from int) []byte {
	if !bytes.ContainsAny(b[from:], "<>&") {
		return b
	}
	text := string(b[from:])
	b = b[:from]
	for i := range len(text) {
		switch c := text[i]; c {
		case '<':
			b = append(b, `\u003c`...)
		case '>':
			b = append(b, `\u003e`...)
		case '&':
			b = append(b, `\u0026`...)
		default:
			b = append(b, c)
		}
	}
	return b
}

// noStore is for everything that carries or tells about secrets (RFC 6749,
// section 5.1).
func noStore(h http.Header) {
	h["Cache-Control"] = noStoreValue
	h["Pragma"] = noCacheValue
}

// The values of headers that are always the same. Nobody changes a header's
// value in place; Gin shares its own in the same way.
//
//nolint:gochecknoglobals // read only
var (
	noStoreValue    = []string{"no-store"}
	noCacheValue    = []string{"no-cache"}
	noReferrerValue = []string{"no-referrer"}
	jsonTypeValue   = []string{"application/json"}
	noSniffValue    = []string{"nosniff"}
)

// maxUncounted is up to which length of an answer net/http counts it itself, which
// costs less than a header that it has to copy.
const maxUncounted = 1024

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonTypeValue
	h["X-Content-Type-Options"] = noSniffValue // what a client sent may stand in the answer
	if len(body) > maxUncounted {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	// An error here means that the client is gone; there is nobody to tell.
	_, _ = w.Write(body)
}
