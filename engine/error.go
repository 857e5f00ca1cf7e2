package engine

import (
	"encoding/base32"
	"errors"
	"maps"
	"net/http"
	"slices"
)

// The error codes that stand on the wire: RFC 6749, sections 4.1.2.1 and 5.2,
// RFC 6750, section 3.1, RFC 8628, section 3.5, and OpenID Connect Core, section
// 3.1.2.6, for the two request objects that are not supported, and RFC 7591,
// section 3.2.2.
const (
	CodeAccessDenied            = "access_denied"
	CodeAuthorizationPending    = "authorization_pending"
	CodeExpiredToken            = "expired_token"
	CodeInsufficientScope       = "insufficient_scope"
	CodeInvalidClient           = "invalid_client"
	CodeInvalidClientMetadata   = "invalid_client_metadata"
	CodeInvalidGrant            = "invalid_grant"
	CodeInvalidRedirectURI      = "invalid_redirect_uri"
	CodeInvalidRequest          = "invalid_request"
	CodeInvalidScope            = "invalid_scope"
	CodeInvalidTarget           = "invalid_target"
	CodeInvalidToken            = "invalid_token"
	CodeRequestNotSupported     = "request_not_supported"
	CodeRequestURINotSupported  = "request_uri_not_supported"
	CodeServerError             = "server_error"
	CodeSlowDown                = "slow_down"
	CodeTemporarilyUnavailable  = "temporarily_unavailable"
	CodeInvalidSoftware         = "invalid_software_statement"
	CodeUnapprovedSoftware      = "unapproved_software_statement"
	CodeUnauthorizedClient      = "unauthorized_client"
	CodeUnsupportedGrantType    = "unsupported_grant_type"
	CodeUnsupportedResponseType = "unsupported_response_type"
)

// Error is the one error type of the engine: what the client is told, and for
// the developer why. A policy function of [Config] may return one itself; it
// then reaches the client as it is.
type Error struct {
	// Code is the OAuth error code. Empty on a resource request without any
	// credentials, which RFC 6750 wants answered without a code.
	Code string
	// Description is a plain sentence for the client's developer. Characters that
	// RFC 6749 does not allow in it are replaced when it is written.
	Description string
	// Status is the HTTP status. Zero: the usual one of the code.
	Status int
	// Header holds headers of the answer, such as WWW-Authenticate and Allow.
	Header http.Header

	// RedirectURI is where the error may be sent, by a redirect. It is empty as
	// long as client and redirect URI are not trusted; the error is then shown to
	// the user. State is sent along, if HasState.
	RedirectURI string
	State       string
	HasState    bool

	// Reference is a short random word that stands in the description and in the
	// log: who has a client's error finds out why it came. The engine draws it.
	Reference string
	// Reason names the rule that refused, such as "redirect_uri_mismatch"; it
	// stands in the log and in events. Cause is the detail or the fault behind
	// it. Neither is ever sent.
	Reason string
	Cause  error
	// Sent is what came and Expected what would have been taken, where a rule
	// compares the two. They stand in the log, and are shown to the developer only
	// with [Config].AllowErrorDetails.
	Sent     string
	Expected []string

	// elsewhere says that another server failed that the caller chose: a refusal
	// and no fault, whatever the status.
	elsewhere bool
}

// Error returns code, description and cause, for logs.
func (e *Error) Error() string {
	s := e.Code
	if s == "" {
		s = "unauthorized"
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// HTTPStatus returns Status or the usual status of the code.
func (e *Error) HTTPStatus() int {
	if e.Status != 0 {
		return e.Status
	}
	switch e.Code {
	case "", CodeInvalidToken:
		return http.StatusUnauthorized
	case CodeInsufficientScope:
		return http.StatusForbidden
	case CodeServerError:
		return http.StatusInternalServerError
	case CodeTemporarilyUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// SafeDescription returns the description as it stands on the wire: with the
// reference, and with the characters replaced that RFC 6749, section 5.2, does
// not allow.
func (e *Error) SafeDescription() string {
	if e.Description == "" || e.Reference == "" {
		return sanitize(e.Description)
	}
	return string(e.appendDescription(nil))
}

// appendDescription appends what SafeDescription returns.
func (e *Error) appendDescription(b []byte) []byte {
	b = appendSanitized(b, e.Description)
	if e.Description == "" || e.Reference == "" {
		return b
	}
	b = append(b, " (ref "...)
	b = appendSanitized(b, e.Reference)
	return append(b, ')')
}

// refer draws the reference of an error that is about to be answered.
func (p *process) refer(e *Error) {
	var b [5]byte
	if e.Reference != "" || p.random(b[:]) != nil {
		return // an answer without a reference is still an answer
	}
	var text [8]byte
	base32.StdEncoding.Encode(text[:], b[:])
	e.Reference = string(text[:])
}

// sanitize keeps to %x20-21 / %x23-5B / %x5D-7E: quotes become single ones,
// everything else that is not allowed a question mark.
func sanitize(s string) string {
	if isSanitized(s) {
		return s
	}
	return string(appendSanitized(make([]byte, 0, len(s)), s))
}

func isSanitized(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < 0x20 || b > 0x7e || b == '"' || b == '\\' {
			return false
		}
	}
	return true
}

// appendSanitized appends what sanitize returns.
func appendSanitized(b []byte, s string) []byte {
	if isSanitized(s) {
		return append(b, s...)
	}
	for _, r := range s {
		switch {
		case r == '"':
			b = append(b, '\'')
		case r < 0x20 || r > 0x7e || r == '\\':
			b = append(b, '?')
		default:
			b = append(b, byte(r))
		}
	}
	return b
}

// refuse makes an error of a rule: the code and sentence that the client gets,
// and the name of the rule.
func refuse(code, reason, description string) *Error {
	return &Error{Code: code, Description: description, Reason: reason}
}

// because adds the detail that only the log shows.
func (e *Error) because(cause error) *Error {
	e.Cause = cause
	return e
}

// instead adds what came and what would have been taken.
func (e *Error) instead(sent string, expected ...string) *Error {
	const most = 1024 // bytes; the log shall not grow with what is sent
	e.Sent, e.Expected = sent[:min(len(sent), most)], slices.Clone(expected)
	return e
}

// clone returns a copy that may be changed: an error from a callback may be
// shared between requests.
func (e *Error) clone() *Error {
	c := *e
	c.Header = maps.Clone(e.Header)
	return &c
}

// asError turns what a callback or the store returned into an *Error of the
// caller's own: one that the callback made passes through, anything else is a
// fault with a fixed text.
func asError(err error, what string) *Error {
	var e *Error
	if errors.As(err, &e) && e != nil {
		return e.clone()
	}
	return fault(err, what)
}

// fault is the answer to everything that is not the client's doing. The cause
// goes to the log only.
func fault(err error, what string) *Error {
	return &Error{Code: CodeServerError, Description: "The server could not complete the request.", Reason: what, Cause: err}
}
