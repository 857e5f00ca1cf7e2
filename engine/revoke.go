package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Revoke ends a token at the wish of its client (RFC 7009): a refresh token
// with its whole grant, an access token by itself. An unknown token is no error,
// for then there is nothing left to do. The error is an *Error; nil is answered
// with an empty 200, see [Server.WriteRevoked].
func (s *Server) Revoke(r *http.Request) (err error) {
	ctx := r.Context()
	defer s.caught(ctx, atRevoke, &err)
	ev := Event{Endpoint: atRevoke}
	t, e := s.revoke(r, &ev)
	if e != nil {
		return s.refused(ctx, ev, e)
	}
	if t != nil {
		ev.Type, ev.GrantID, ev.UserID, ev.Reason = EventRevoked, t.GrantID, t.UserID, "client"
		s.emit(ctx, ev)
	}
	return nil
}

func (s *Server) revoke(r *http.Request, ev *Event) (*model.Token, *Error) {
	client, f, e := s.clientRequest(r, ev)
	if e != nil {
		return nil, e
	}
	ctx := r.Context()
	t, kind, err := s.findToken(ctx, f)
	switch {
	case err != nil:
		return nil, busy(asError(err, "find_token"))
	case t == nil:
		return nil, nil
	case t.ClientID != client.ID:
		return nil, refuse(CodeInvalidGrant, "token_foreign", "The token was not issued to this client.").because(fmt.Errorf("the token was issued to client %q", t.ClientID))
	}
	// A client that is being closed does not wait for the answer, and means it.
	own, cancel := ownContext(ctx)
	defer cancel()
	if kind == RefreshToken {
		err = s.revokeGrant(own, t.GrantID)
	} else {
		err = s.revokeAccessToken(own, t.AccessKey())
	}
	if err != nil {
		return nil, busy(asError(err, "revoke"))
	}
	return t, nil
}

// busy tells a client to try again: the token may still be alive (RFC 7009,
// section 2.2.1).
func busy(e *Error) *Error {
	if e.HTTPStatus() >= http.StatusInternalServerError {
		e.Status = http.StatusServiceUnavailable
		e.Header = http.Header{"Retry-After": {"5"}}
	}
	return e
}

// clientRequest reads a form that an authenticated client posted to an endpoint
// beside the token endpoint; the rules are the same (RFC 7009, section 2.1, RFC
// 7662, section 2.1).
func (s *Server) clientRequest(r *http.Request, ev *Event) (*model.Client, *form, *Error) {
	if r.Method != http.MethodPost {
		return nil, nil, methodNotAllowed(http.MethodPost)
	}
	if err := s.limitAddress(r, ev.Endpoint); err != nil {
		return nil, nil, err
	}
	f := new(form)
	if err := s.readForm(r, f); err != nil {
		return nil, nil, err
	}
	ev.ClientID = loggable(f.get("client_id"))
	if f.repeated != "" {
		return nil, nil, repeatedParameter(f.repeated)
	}
	client, err := s.authenticateClient(r, f, ev)
	if err != nil {
		return nil, nil, err
	}
	return client, f, nil
}

// findToken looks a presented token up, first as what token_type_hint says and
// then as the other. Nil without an error: there is none.
func (s *Server) findToken(ctx context.Context, f *form) (*model.Token, TokenKind, error) {
	text := f.get("token")
	if text == "" || !isPrintable(text) {
		return nil, 0, refuse(CodeInvalidRequest, "token_missing", "The parameter token is missing or malformed.")
	}
	cred, ok := s.parseToken(text)
	if !ok {
		return nil, 0, nil
	}
	kinds := [...]TokenKind{AccessToken, RefreshToken}
	if f.get("token_type_hint") == "refresh_token" {
		kinds = [...]TokenKind{RefreshToken, AccessToken}
	}
	for _, kind := range kinds {
		get := s.cfg.Model.GetAccessToken
		if kind == RefreshToken {
			get = s.cfg.Model.GetRefreshToken
		}
		t, err := get(ctx, cred.key)
		if err == nil {
			return t, kind, nil
		}
		if !errors.Is(err, model.ErrNotFound) {
			return nil, 0, err
		}
	}
	return nil, 0, nil
}

// WriteRevoked writes the answer of a revocation: an empty 200.
func (s *Server) WriteRevoked(w http.ResponseWriter, _ *http.Request) {
	noStore(w.Header())
	w.WriteHeader(http.StatusOK)
}
