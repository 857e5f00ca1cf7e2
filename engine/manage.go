package engine

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// ListGrants returns the open grants of a user, of a client, or of both, newest
// first, at most limit of them (zero: all). It is for administrators; for the
// user's own page see [Server.Applications]. The error is an *Error.
func (s *Server) ListGrants(ctx context.Context, filter model.GrantFilter, limit int) (grants []model.GrantInfo, err error) {
	defer s.caught(ctx, atManage, &err)
	err = errNoGrantList
	if s.cfg.GrantList != nil {
		grants, err = s.cfg.GrantList.ListGrants(ctx, filter, s.now(), limit)
	}
	if err != nil {
		return nil, s.refused(ctx, Event{Endpoint: atManage, UserID: filter.UserID, ClientID: filter.ClientID}, asError(err, "list_grants"))
	}
	return grants, nil
}

// RevokeGrant ends one grant: its code, its access and its refresh tokens. For
// a grant that is not known it does nothing. What the user allowed stays
// remembered. The end of ctx does not stop it. The error is an *Error.
func (s *Server) RevokeGrant(ctx context.Context, id model.GrantID) (err error) {
	defer s.caught(ctx, atManage, &err)
	ev := Event{Endpoint: atManage, GrantID: id, Reason: byAdministrator}
	own, cancel := ownContext(ctx)
	defer cancel()
	if err := s.revokeGrant(own, id); err != nil {
		return s.refused(ctx, ev, fault(err, "revoke_grant"))
	}
	ev.Type = EventRevoked
	s.emit(ctx, ev)
	return nil
}

// RevokeUser ends everything that was granted for a user, codes, access and
// refresh tokens alike, and forgets what the user allowed: after a change of the
// password, or when an account is closed. The end of ctx does not stop it: whoever
// closes the page meant it all the same. It returns how many grants it revoked.
// The error is an *Error; call it again then.
func (s *Server) RevokeUser(ctx context.Context, userID string) (revoked int, err error) {
	defer s.caught(ctx, atManage, &err)
	ev := Event{Endpoint: atManage, UserID: userID, Reason: byAdministrator}
	if userID == "" {
		return 0, s.refused(ctx, ev, fault(errors.New("engine: RevokeUser needs a user"), "revoke_grants"))
	}
	own, cancel := ownContext(ctx)
	defer cancel()
	return s.revokeAll(own, ev)
}

// RevokeClient ends everything that a client was granted, for every user and for
// itself, and forgets all consents to it. It returns how many grants it revoked.
// The client can get new ones unless it is disabled first. That may take a while,
// so the end of ctx stops it. The error is an *Error; call it again then.
func (s *Server) RevokeClient(ctx context.Context, clientID string) (revoked int, err error) {
	defer s.caught(ctx, atManage, &err)
	ev := Event{Endpoint: atManage, ClientID: clientID, Reason: byAdministrator}
	if clientID == "" {
		return 0, s.refused(ctx, ev, fault(errors.New("engine: RevokeClient needs a client"), "revoke_grants"))
	}
	return s.revokeAll(ctx, ev)
}

// secretBytes is the strength of a generated client secret.
const secretBytes = 32

// RotateSecret gives a confidential client a new secret and returns it, this
// once: only its hash is stored. The secret before it goes on working for
// overlap, so that the client can be changed over; zero ends it at once. Of two
// live secrets the one that would have lived longer is the one before. The error
// is an *Error, that for an unknown client is model.ErrNotFound.
func (s *Server) RotateSecret(ctx context.Context, clientID string, overlap time.Duration) (secret string, err error) {
	b := make([]byte, secretBytes)
	fail := s.random(b)
	switch {
	case s.cfg.VerifySecret != nil:
		fail = errors.New("engine: RotateSecret: Config.VerifySecret decides about secrets, and not what is stored with the client")
	case overlap < 0:
		fail = errors.New("engine: RotateSecret: overlap must not be negative")
	}
	if fail != nil {
		return "", s.refused(ctx, Event{Endpoint: atManage, ClientID: clientID}, fault(fail, "rotate_secret"))
	}
	secret = base64.RawURLEncoding.EncodeToString(b)
	now := s.now()
	err = s.updateClient(ctx, clientID, EventSecretRotated, func(c *model.Client) error {
		if c.Public {
			return refuse(CodeInvalidRequest, "client_public", "A public client has no secret.")
		}
		old := liveSecret(c.Secrets, now)
		c.Secrets = model.HashSecrets(secret)
		if old == nil || overlap == 0 {
			return nil
		}
		before := *old
		if end := later(now, overlap); before.ExpiresAt.IsZero() || end.Before(before.ExpiresAt) {
			before.ExpiresAt = end
		}
		c.Secrets = append(c.Secrets, before)
		return nil
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// liveSecret returns the secret that lives longest from now on, or nil.
func liveSecret(secrets []model.SecretHash, now time.Time) (longest *model.SecretHash) {
	for i := range secrets {
		h := &secrets[i]
		switch {
		case h.ExpiresAt.IsZero():
			return h
		case now.Before(h.ExpiresAt) && (longest == nil || h.ExpiresAt.After(longest.ExpiresAt)):
			longest = h
		}
	}
	return longest
}

// DisableClient refuses a client everywhere from now on, as if it was not
// registered. Its access tokens run to their expiry; [Server.RevokeClient]
// after it ends them too. The error is an *Error, that for an unknown client is
// model.ErrNotFound.
func (s *Server) DisableClient(ctx context.Context, clientID string) error {
	return s.updateClient(ctx, clientID, EventClientDisabled, func(c *model.Client) error {
		c.Disabled = true
		return nil
	})
}

// EnableClient takes [Server.DisableClient] back. Refresh tokens that were not
// revoked work again. The error is that of DisableClient.
func (s *Server) EnableClient(ctx context.Context, clientID string) error {
	return s.updateClient(ctx, clientID, EventClientEnabled, func(c *model.Client) error {
		c.Disabled = false
		return nil
	})
}

func (s *Server) updateClient(ctx context.Context, clientID string, done EventType, change func(*model.Client) error) (err error) {
	defer s.caught(ctx, atManage, &err)
	ev := Event{Endpoint: atManage, ClientID: clientID}
	err = errNoClients
	if s.cfg.Clients != nil {
		err = s.cfg.Clients.UpdateClient(ctx, clientID, change)
	}
	switch {
	case errors.Is(err, model.ErrNotFound):
		e := refuse(CodeInvalidRequest, "client_unknown", "There is no such client.").because(err)
		e.Status = http.StatusNotFound
		return s.refused(ctx, ev, e)
	case err != nil:
		return s.refused(ctx, ev, asError(err, "update_client"))
	}
	ev.Type, ev.Reason = done, byAdministrator
	s.emit(ctx, ev)
	return nil
}

var errNoClients = errors.New("engine: Config.Clients is not set, and the Model does not change clients")
