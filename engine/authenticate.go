package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Authenticate answers for a protected resource who is calling (RFC 6750): it
// returns the token's record if the request carries a valid access token that
// has all of these scopes. The error is an *Error with its challenge.
//
// The token stands in the Authorization header. Only AllowBodyToken and
// AllowQueryToken of [Config] make the body and the query be read at all.
func (p *Resource) Authenticate(r *http.Request, scopes ...string) (t *model.Token, err error) {
	ctx := r.Context()
	defer p.caught(ctx, atAuthenticate, &err)
	if len(scopes) == 0 && p.cfg.ResourceScope != "" {
		scopes = strings.Fields(string(p.cfg.ResourceScope))
	}
	t, e := p.authenticate(r, scopes)
	if e != nil {
		p.challenge(e, scopes)
		ev := Event{Endpoint: atAuthenticate}
		if t != nil {
			ev.GrantID, ev.ClientID, ev.UserID, ev.Scope = t.GrantID, t.ClientID, t.UserID, t.Scope
		}
		return nil, p.refused(ctx, ev, e)
	}
	return t, nil
}

func (p *Resource) authenticate(r *http.Request, scopes []string) (*model.Token, *Error) {
	text, e := p.readBearer(r)
	if e != nil {
		return nil, e
	}
	if len(text) > maxCredential {
		return nil, invalidToken("token_unknown")
	}
	ctx := r.Context()
	t, err := p.cfg.Verifier.VerifyToken(ctx, text)
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, invalidToken("token_unknown")
	case err != nil:
		return nil, p.unverified(err)
	case !p.clock().Before(t.AccessExpiresAt):
		return t, invalidToken("token_expired")
	case !p.isForUs(t):
		return t, invalidToken("token_resource").because(fmt.Errorf("the token is for %q, this is %q", t.Resources, p.cfg.Resource))
	}
	return t, p.checkScopes(ctx, t, scopes)
}

// isForUs reports whether a token is for this API (RFC 8707, section 2): one
// that names resources must name it. One that names none is for the resource of
// the server that issued it.
func (p *Resource) isForUs(t *model.Token) bool {
	if t.Resources == "" {
		return p.ofIssuer || p.cfg.Resource == ""
	}
	return p.cfg.Resource != "" && t.Resources.Has(p.cfg.Resource)
}

func invalidToken(reason string) *Error {
	if reason == "token_expired" {
		return refuse(CodeInvalidToken, reason, "The access token has expired.")
	}
	return refuse(CodeInvalidToken, reason, "The access token is not valid.")
}

func (p *Resource) checkScopes(ctx context.Context, t *model.Token, scopes []string) *Error {
	if len(scopes) == 0 {
		return nil
	}
	ok := true
	if p.cfg.VerifyScope != nil {
		var err error
		if ok, err = p.cfg.VerifyScope(ctx, t, scopes); err != nil {
			return asError(err, "verify_scope")
		}
	} else {
		for _, scope := range scopes {
			ok = ok && t.Scope.Has(scope)
		}
	}
	if ok {
		return nil
	}
	return refuse(CodeInsufficientScope, "scope_insufficient", "The access token lacks a scope.").
		because(fmt.Errorf("needed is %q, the token has %q", strings.Join(scopes, " "), t.Scope))
}

// RequireUser returns an *Error if the token has no user: a client acted for
// itself where a user is needed.
func (p *Resource) RequireUser(ctx context.Context, t *model.Token) error {
	if t != nil && t.UserID != "" {
		return nil
	}
	e := refuse(CodeInsufficientScope, "user_required", "This resource needs a token of a user.")
	ev := Event{Endpoint: atAuthenticate}
	if t != nil {
		ev.GrantID, ev.ClientID, ev.Scope = t.GrantID, t.ClientID, t.Scope
	}
	p.challenge(e, nil)
	return p.refused(ctx, ev, e)
}

// challenge adds WWW-Authenticate to what RFC 6750, section 3, wants it on.
func (p *Resource) challenge(e *Error, scopes []string) {
	switch e.HTTPStatus() {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest:
	default:
		return
	}
	p.refer(e)
	b := make([]byte, 0, 256) // on the stack, for nearly all
	b = append(b, `Bearer realm="`...)
	b = append(b, p.cfg.Realm...)
	b = append(b, '"')
	if e.Code != "" {
		b = append(b, `, error="`...)
		b = appendSanitized(b, e.Code)
		b = append(b, '"')
		if e.Description != "" {
			b = append(b, `, error_description="`...)
			b = e.appendDescription(b)
			b = append(b, '"')
		}
	}
	if len(scopes) > 0 && e.Code != CodeInvalidRequest {
		b = append(b, `, scope="`...)
		for i, scope := range scopes {
			if i > 0 {
				b = append(b, ' ')
			}
			b = appendSanitized(b, scope)
		}
		b = append(b, '"')
	}
	if p.metadataURL != "" {
		b = append(b, `, resource_metadata="`...)
		b = append(b, p.metadataURL...)
		b = append(b, '"')
	}
	if e.Header == nil {
		e.Header = make(http.Header, 1)
	}
	e.Header["Www-Authenticate"] = []string{string(b)}
}

// noCredentials is the answer to a request without any: a challenge and no
// error code (RFC 6750, section 3.1).
func noCredentials() *Error { return &Error{Status: http.StatusUnauthorized, Reason: "no_credentials"} }

// readBearer finds the one bearer token of the request.
func (p *Resource) readBearer(r *http.Request) (string, *Error) {
	text, e := bearerOf(r.Header)
	if e != nil {
		return "", e
	}
	for _, place := range [...]struct {
		allowed bool
		read    func(*http.Request) (string, *Error)
	}{{p.cfg.AllowBodyToken, p.bodyToken}, {p.cfg.AllowQueryToken, queryToken}} {
		if !place.allowed {
			continue
		}
		other, e := place.read(r)
		switch {
		case e != nil:
			return "", e
		case other == "":
		case text != "":
			return "", refuse(CodeInvalidRequest, "two_methods", "The token must be sent in one way only.")
		default:
			text = other
		}
	}
	if text == "" {
		return "", noCredentials()
	}
	return text, nil
}

// bearerOf returns the token of the one Authorization header, or nothing if there
// is none.
func bearerOf(h http.Header) (string, *Error) {
	switch header := h["Authorization"]; len(header) {
	case 0:
		return "", nil
	case 1:
		return readBearerHeader(header[0])
	}
	return "", refuse(CodeInvalidRequest, "repeated_header", "The Authorization header is repeated.")
}

// readBearerHeader returns the token of an Authorization header, or nothing for
// another scheme, which is as good as no credentials.
func readBearerHeader(header string) (string, *Error) {
	n := 0
	for n < len(header) && header[n] != ' ' && header[n] != '\t' {
		n++
	}
	if !strings.EqualFold(header[:n], "Bearer") {
		return "", nil
	}
	token := header[n:]
	for token != "" && token[0] == ' ' {
		token = token[1:]
	}
	if !isBearer(token) {
		return "", refuse(CodeInvalidRequest, "bearer_malformed", "The bearer token is malformed.")
	}
	return token, nil
}

// isBearer reports whether s is a b64token (RFC 6750, section 2.1).
func isBearer(s string) bool {
	n := 0
	for n < len(s) && base64URLValues[s[n]] != notBase64URL {
		n++
	}
	if n == 0 {
		return false
	}
	for n < len(s) && s[n] == '=' {
		n++
	}
	return n == len(s)
}

func queryToken(r *http.Request) (string, *Error) {
	var f form
	if e := readQuery(r, &f); e != nil {
		return "", e
	}
	return oneToken(&f)
}

// bodyToken reads the token of a form body (RFC 6750, section 2.2) and puts the
// body back for the handler.
func (p *Resource) bodyToken(r *http.Request) (string, *Error) {
	if !isForm(r.Header) {
		return "", nil
	}
	var f form
	if r.PostForm != nil {
		if e := malformed(f.fromValues(r.PostForm)); e != nil {
			return "", e
		}
	} else {
		body, e := p.readBody(r)
		if e != nil {
			return "", e
		}
		r.Body = io.NopCloser(bytes.NewReader([]byte(body)))
		if e := malformed(f.scan(body)); e != nil {
			return "", e
		}
	}
	text, e := oneToken(&f)
	if text == "" || e != nil {
		return "", e
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return text, nil
	}
	return "", refuse(CodeInvalidRequest, "body_token_method", "A token in the body needs a method that has one.")
}

func oneToken(f *form) (string, *Error) {
	text := f.get("access_token")
	switch {
	case f.count("access_token") > 1:
		return "", refuse(CodeInvalidRequest, "repeated_parameter", "The parameter access_token is repeated.")
	case text != "" && !isBearer(text):
		return "", refuse(CodeInvalidRequest, "bearer_malformed", "The bearer token is malformed.")
	}
	return text, nil
}

// SetHeaders adds to the answer of a guarded route what belongs on its success:
// the scope headers, and Cache-Control when the query may carry tokens (RFC
// 6750, section 2.3).
func (p *Resource) SetHeaders(h http.Header, t *model.Token, scopes ...string) {
	if len(scopes) == 0 && p.cfg.ResourceScope != "" {
		scopes = strings.Fields(string(p.cfg.ResourceScope))
	}
	if len(scopes) > 0 && t.Scope != "" {
		if !p.cfg.OmitAcceptedScopesHeader {
			h["X-Accepted-Oauth-Scopes"] = p.values.join(scopes...)
		}
		if !p.cfg.OmitAuthorizedScopesHeader {
			h["X-Oauth-Scopes"] = p.values.join(string(t.Scope))
		}
	}
	if p.cfg.AllowQueryToken {
		h.Set("Cache-Control", "private")
	}
}
