package engine

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Introspection is what the introspection endpoint says about a token (RFC
// 7662, section 2.2). Of a token that is not active it says nothing else.
type Introspection struct {
	Active bool `json:"active"`
	// Subject is the user; it is absent from a token that a client got for itself,
	// so that no client can look like a user.
	Subject   string   `json:"sub,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	Scope     string   `json:"scope,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	// IssuedAt and ExpiresAt are in seconds since 1970; the expiry is rounded up.
	IssuedAt  int64 `json:"iat,omitempty"`
	ExpiresAt int64 `json:"exp,omitempty"`
}

// Introspect tells an authenticated client about a token (RFC 7662). A client
// may ask about its own tokens, one that is marked as a resource server about
// all. A token that the caller may not see is as good as none.
func (s *Server) Introspect(r *http.Request) (in *Introspection, err error) {
	ctx := r.Context()
	defer s.caught(ctx, atIntrospect, &err)
	ev := Event{Endpoint: atIntrospect}
	in, e := s.introspect(r, &ev)
	if e != nil {
		return nil, s.refused(ctx, ev, e)
	}
	return in, nil
}

func (s *Server) introspect(r *http.Request, ev *Event) (*Introspection, *Error) {
	client, f, e := s.clientRequest(r, ev)
	if e != nil {
		return nil, e
	}
	t, kind, err := s.findToken(r.Context(), f)
	if err != nil {
		return nil, asError(err, "find_token")
	}
	if t == nil || !client.ResourceServer && t.ClientID != client.ID {
		return &Introspection{}, nil
	}
	return s.describe(t, kind), nil
}

func (s *Server) describe(t *model.Token, kind TokenKind) *Introspection {
	expires, scope, resources := t.AccessExpiresAt, t.Scope, t.Resources
	if kind == RefreshToken {
		expires, scope, resources = t.RefreshExpiresAt, t.GrantScope, t.GrantResources
	}
	if !s.now().Before(expires) || !t.SpentAt.IsZero() {
		return &Introspection{}
	}
	in := &Introspection{
		Active: true, Subject: t.UserID, ClientID: t.ClientID, Scope: string(scope), Issuer: s.cfg.Issuer,
		IssuedAt: t.IssuedAt.Unix(), ExpiresAt: (expires.UnixMilli() + 999) / 1000,
		Audience: strings.Fields(string(resources)),
	}
	if kind == AccessToken {
		in.TokenType = "Bearer"
	}
	return in
}

// WriteIntrospection writes the answer of an introspection.
func (s *Server) WriteIntrospection(w http.ResponseWriter, r *http.Request, in *Introspection) {
	body, err := json.Marshal(in)
	if err != nil {
		s.WriteError(w, r, fault(err, "introspection"))
		return
	}
	noStore(w.Header())
	writeJSON(w, http.StatusOK, body)
}
