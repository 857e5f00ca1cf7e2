package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// ClientResponse is what the registration endpoints answer (RFC 7591, section
// 3.2.1), to be written with [Server.WriteClient].
type ClientResponse struct {
	// Client is the client as it is stored.
	Client *model.Client
	// Secret is the client secret, when it is new: it is not shown again. Empty for
	// a public client.
	Secret string
	// RegistrationToken is the token with which the client manages its
	// registration at RegistrationURI.
	RegistrationToken, RegistrationURI string
	// Created tells a new client from one that is there.
	Created bool
}

// idBytes is the randomness of a client_id. In base64url no id can look like
// the URL of a client ID metadata document.
const idBytes = 16

var errNoRegistration = errors.New("registration is off: set Config.Registration")

// HasRegistration reports whether clients can register themselves.
func (s *Server) HasRegistration() bool { return s.cfg.Registration != nil }

// RegisterClient registers a client at its own wish (RFC 7591, section 3.1). The
// error is an *Error.
func (s *Server) RegisterClient(r *http.Request) (res *ClientResponse, err error) {
	ctx := r.Context()
	defer s.caught(ctx, atRegister, &err)
	ev := Event{Endpoint: atRegister}
	res, e := s.registerClient(r)
	if e != nil {
		return nil, s.refused(ctx, ev, e)
	}
	ev.Type, ev.ClientID, ev.Scope = EventClientRegistered, res.Client.ID, res.Client.Scope
	s.emit(ctx, ev)
	return res, nil
}

func (s *Server) registerClient(r *http.Request) (*ClientResponse, *Error) {
	switch {
	case !s.HasRegistration():
		return nil, fault(errNoRegistration, "registration")
	case r.Method != http.MethodPost:
		return nil, methodNotAllowed(http.MethodPost)
	}
	if e := s.limitAddress(r, atRegister); e != nil {
		return nil, e
	}
	if e := s.checkInitialToken(r); e != nil {
		return nil, e
	}
	m, e := s.readMetadata(r)
	if e != nil {
		return nil, e
	}
	ctx, now := r.Context(), s.now()
	id, token, secret, err := s.drawRegistration()
	if err != nil {
		return nil, fault(err, "random")
	}
	c := &model.Client{ID: id, RegistrationToken: model.DigestOf(token), RegisteredAt: now}
	if d := s.cfg.Registration.UnusedLifetime; d > 0 {
		c.ExpiresAt = later(now, d)
	}
	shown, e := s.fillClient(ctx, c, m, secret)
	if e != nil {
		return nil, e
	}
	if e := s.limitRegistration(r); e != nil {
		return nil, e
	}
	if err := s.cfg.Clients.CreateClient(ctx, c); err != nil {
		return nil, asError(err, "create_client")
	}
	res := s.clientResponse(c, token)
	res.Secret, res.Created = shown, true
	return res, nil
}

// checkInitialToken looks at the initial access token, if one is needed.
func (s *Server) checkInitialToken(r *http.Request) *Error {
	p := s.cfg.Registration
	if p.AllowOpen {
		return nil
	}
	token, e := s.registrationBearer(r)
	if e != nil {
		return e
	}
	ok, err := p.allowsInitial(r.Context(), token)
	if err != nil {
		return asError(err, "check_initial_access_token")
	}
	if !ok {
		return s.bearerChallenge(refuse(CodeInvalidToken, "initial_token", "The initial access token is not valid."))
	}
	return nil
}

// registrationBearer returns the one bearer token of the request.
func (s *Server) registrationBearer(r *http.Request) (string, *Error) {
	token, e := bearerOf(r.Header)
	if e != nil {
		return "", e
	}
	if token == "" || len(token) > maxCredential {
		return "", s.bearerChallenge(noCredentials())
	}
	return token, nil
}

// bearerChallenge adds WWW-Authenticate. It names no resource metadata: those
// lead to access tokens, which do not help here.
func (s *Server) bearerChallenge(e *Error) *Error {
	s.refer(e)
	value := `Bearer realm="` + s.cfg.Realm + `"`
	if e.Code != "" {
		value += `, error="` + e.Code + `", error_description="` + e.SafeDescription() + `"`
	}
	e.Header = http.Header{"Www-Authenticate": {value}}
	return e
}

// drawRegistration draws what a registration needs of randomness.
func (s *Server) drawRegistration() (id, token, secret string, err error) {
	var b [idBytes + 2*secretBytes]byte
	if err := s.random(b[:]); err != nil {
		return "", "", "", err
	}
	text := base64.RawURLEncoding.EncodeToString
	return text(b[:idBytes]), text(b[idBytes : idBytes+secretBytes]), text(b[idBytes+secretBytes:]), nil
}

// fillClient makes a client what its metadata ask for, within the policy. secret
// is for a client that has none yet and needs one; it is returned if it was used.
func (s *Server) fillClient(ctx context.Context, c *model.Client, m *clientMetadata, secret string) (shown string, e *Error) {
	if e := s.applyMetadata(c, m); e != nil {
		return "", e
	}
	c.SelfRegistered = true
	switch {
	case c.Public:
		c.Secrets = nil
	case len(c.Secrets) == 0:
		c.Secrets, shown = model.HashSecrets(secret), secret
	}
	if err := c.Validate(); err != nil {
		return "", refuse(CodeInvalidClientMetadata, "client_invalid", "The client metadata do not fit together: see the grant types, the redirect URIs and the authentication method.").because(err)
	}
	if s.cfg.Registration.Policy == nil {
		return shown, nil
	}
	pinned := *c
	if err := s.cfg.Registration.Policy(ctx, c); err != nil {
		return "", asError(err, "registration_policy")
	}
	c.ID, c.RegistrationToken, c.RegisteredAt, c.SelfRegistered = pinned.ID, pinned.RegistrationToken, pinned.RegisteredAt, true
	if err := c.Validate(); err != nil {
		return "", fault(fmt.Errorf("Registration.Policy made the client invalid: %w", err), "registration_policy")
	}
	return shown, nil
}

func (s *Server) clientResponse(c *model.Client, token string) *ClientResponse {
	return &ClientResponse{Client: c, RegistrationToken: token, RegistrationURI: s.cfg.Endpoints.Registration + "/" + c.ID}
}

// WriteClient writes the answer of the registration endpoints: the client, or
// for a nil response, after a client was deleted, nothing.
func (s *Server) WriteClient(w http.ResponseWriter, r *http.Request, res *ClientResponse) {
	if res == nil {
		noStore(w.Header())
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, err := json.Marshal(res.members())
	if err != nil {
		s.WriteError(w, r, err)
		return
	}
	noStore(w.Header())
	status := http.StatusOK
	if res.Created {
		status = http.StatusCreated
	}
	writeJSON(w, status, body)
}

// getClient is the one way in which the engine reads clients, but for
// administration: a URL is looked up as a document if those are on, any other id
// in the model. A client that expired unused is as good as not registered. Not
// found is model.ErrNotFound, also wrapped.
func (s *Server) getClient(ctx context.Context, id string) (*model.Client, error) {
	if s.documents != nil && isDocumentID(id) {
		return s.documents.get(ctx, id)
	}
	c, err := s.cfg.Model.GetClient(ctx, id)
	if err == nil && !c.ExpiresAt.IsZero() && c.Expired(s.now()) {
		return nil, fmt.Errorf("%w: the client expired unused", model.ErrNotFound)
	}
	return c, err
}

// used lets a client live on that was issued its first token. If that fails, the
// next token is another chance.
func (s *Server) used(ctx context.Context, c *model.Client) {
	if c.ExpiresAt.IsZero() || s.cfg.Clients == nil {
		return
	}
	own, cancel := ownContext(ctx)
	defer cancel()
	err := s.cfg.Clients.UpdateClient(own, c.ID, func(c *model.Client) error {
		c.ExpiresAt = time.Time{}
		return nil
	})
	if err != nil {
		_ = s.refused(ctx, Event{Endpoint: atToken, ClientID: c.ID}, fault(err, "update_client"))
	}
}
