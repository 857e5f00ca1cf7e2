package engine

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// ManageClient serves a client that reads (GET), replaces (PUT) or ends (DELETE)
// its own registration, with its registration token (RFC 7592). The client is
// named by the last segment of the path. The response is nil after DELETE. The
// error is an *Error.
func (s *Server) ManageClient(r *http.Request) (res *ClientResponse, err error) {
	ctx := r.Context()
	defer s.caught(ctx, atRegister, &err)
	ev := Event{Endpoint: atRegister, Reason: byClient}
	res, e := s.manageClient(r, &ev)
	if e != nil {
		return nil, s.refused(ctx, ev, e)
	}
	if ev.Type != "" {
		s.emit(ctx, ev)
	}
	return res, nil
}

// byClient is why a grant was revoked, as events name it.
const byClient = "client"

func (s *Server) manageClient(r *http.Request, ev *Event) (*ClientResponse, *Error) {
	if !s.HasRegistration() {
		return nil, fault(errNoRegistration, "registration")
	}
	switch r.Method {
	case http.MethodGet, http.MethodPut, http.MethodDelete:
	default:
		return nil, methodNotAllowed("GET, PUT, DELETE")
	}
	if e := s.limitAddress(r, atRegister); e != nil {
		return nil, e
	}
	id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	ev.ClientID = loggable(id)
	token, e := s.registrationBearer(r)
	if e != nil {
		return nil, e
	}
	ctx := r.Context()
	client, err := s.getClient(ctx, id)
	if err != nil && !errors.Is(err, model.ErrNotFound) {
		return nil, asError(err, "get_client")
	}
	if err != nil || client.Disabled || !isRegistrationToken(client, token) {
		return nil, s.registrationTokenRefused()
	}
	switch r.Method {
	case http.MethodPut:
		return s.replaceClient(r, client, token, ev)
	case http.MethodDelete:
		if !client.SelfRegistered {
			return nil, clientAdopted()
		}
		return nil, s.deleteClient(ctx, client.ID, ev)
	}
	return s.clientResponse(client, token), nil
}

func isRegistrationToken(c *model.Client, token string) bool {
	sum := model.DigestOf(token)
	return subtle.ConstantTimeCompare(sum[:], c.RegistrationToken[:]) == 1 && !c.RegistrationToken.IsZero()
}

// registrationTokenRefused is one answer for a wrong token and for a client that
// is not there (RFC 7592, section 2.1).
func (s *Server) registrationTokenRefused() *Error {
	return s.bearerChallenge(refuse(CodeInvalidToken, "registration_token", "The registration access token is not valid."))
}

// clientAdopted is the answer to a client that an administrator vouched for
// (RFC 7592, sections 2.2 and 2.3).
func clientAdopted() *Error {
	return &Error{
		Code: CodeAccessDenied, Status: http.StatusForbidden, Reason: "client_adopted",
		Description: "An administrator looks after this client: it cannot change or end itself any more.",
	}
}

// replaceClient replaces everything that a client registered (RFC 7592, section
// 2.2). Users are asked again after it: what they allowed was another client.
func (s *Server) replaceClient(r *http.Request, before *model.Client, token string, ev *Event) (*ClientResponse, *Error) {
	id := before.ID
	m, e := s.readMetadata(r)
	if e != nil {
		return nil, e
	}
	if sent, e := m.text("client_id"); e != nil || sent != id {
		return nil, refuse(CodeInvalidRequest, "client_id_mismatch", "The member client_id must be that of the client.")
	}
	for _, name := range [...]string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"} {
		if _, ok := m.members[name]; ok {
			return nil, refuse(CodeInvalidRequest, "server_member", "The member "+name+" is the server's and must not be sent (RFC 7592, section 2.2).")
		}
	}
	sentSecret, e := m.text("client_secret")
	if e != nil {
		return nil, e
	}
	_, _, secret, err := s.drawRegistration()
	if err != nil {
		return nil, fault(err, "random")
	}
	ctx := r.Context()
	everybody := model.GrantFilter{ClientID: id}
	// A client that becomes confidential is shown its secret this once, so what can
	// fail comes first: with nothing changed, it can ask again.
	if before.Public && s.cfg.Consents != nil {
		if err := s.cfg.Consents.DeleteConsents(ctx, everybody); err != nil {
			return nil, busy(asError(err, "delete_consents"))
		}
	}
	var saved *model.Client
	var shown string
	err = s.cfg.Clients.UpdateClient(ctx, id, func(c *model.Client) error {
		switch {
		case !isRegistrationToken(c, token):
			return s.registrationTokenRefused()
		case !c.SelfRegistered:
			return clientAdopted()
		case sentSecret != "" && !c.MatchesSecret(sentSecret, s.now()):
			return refuse(CodeInvalidRequest, "client_secret", "The member client_secret is not the client's: the server chooses it.")
		}
		var e *Error
		if shown, e = s.fillClient(ctx, c, m, secret); e != nil {
			return e
		}
		saved = c.Clone()
		return nil
	})
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, s.registrationTokenRefused()
	case err != nil:
		return nil, asError(err, "update_client")
	}
	ev.Type, ev.Scope = EventClientChanged, saved.Scope
	// Not with the caller's context: a client that hangs up now must not keep what
	// users allowed to what it was before.
	own, cancel := ownContext(ctx)
	defer cancel()
	if err := s.forget(own, everybody, *ev); err != nil {
		e := asError(err, "delete_consents")
		if shown == "" {
			return nil, busy(e)
		}
		_ = s.refused(own, *ev, e) // its users were forgotten a moment ago, and the secret would be lost
	}
	res := s.clientResponse(saved, token)
	res.Secret = shown
	return res, nil
}

// deleteClient ends a client with everything it was granted (RFC 7592, section
// 2.3). The client goes last, so that it can ask again if something fails, and
// what was granted meanwhile after it.
func (s *Server) deleteClient(ctx context.Context, id string, ev *Event) *Error {
	own, cancel := ownContext(ctx)
	defer cancel()
	if err := s.revokeOfClient(own, *ev); err != nil {
		return busy(asError(err, "revoke_grants"))
	}
	if err := s.cfg.Clients.DeleteClient(own, id); err != nil {
		return busy(asError(err, "delete_client"))
	}
	ev.Type = EventClientDeleted
	if err := s.revokeOfClient(own, *ev); err != nil {
		_ = s.refused(ctx, *ev, fault(err, "revoke_grants")) // it is gone all the same
	}
	return nil
}

// revokeOfClient ends what the client of the event was granted, if the store can
// find it.
func (s *Server) revokeOfClient(ctx context.Context, ev Event) error {
	filter := model.GrantFilter{ClientID: ev.ClientID}
	err := s.forget(ctx, filter, ev)
	if s.cfg.GrantList == nil {
		return err
	}
	n, fail := s.revokeGrants(ctx, filter)
	if n > 0 && fail == nil {
		ev.Type = EventRevoked
		s.emit(ctx, ev)
	}
	return errors.Join(err, fail)
}
