package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Application is a client as its user sees it: what it has access to now, and
// what it would get again without asking.
type Application struct {
	ClientID string
	// Client is nil when it is registered no longer.
	Client *model.Client
	// Grants are the open grants, newest first.
	Grants []model.GrantInfo
	// Remembered is the scope for which the user is not asked again.
	Remembered model.Scope
	// LastUsedAt is when a token was last issued in any of the grants, or, before
	// that, when the user last said yes.
	LastUsedAt time.Time
}

// Name is what to show to people.
func (a *Application) Name() string {
	if a.Client == nil {
		return a.ClientID
	}
	return a.Client.DisplayName()
}

// maxApplicationGrants bounds what Applications lists.
const maxApplicationGrants = 1000

var errNoGrantList = errors.New("engine: Config.GrantList is not set, and the Model does not list grants")

// HasGrantList reports whether there is a store that lists grants.
func (s *Server) HasGrantList() bool { return s.cfg.GrantList != nil }

// Applications returns the applications with access to a user's account (OAuth
// 2.1, section 7.9), the one used last first. Of more than 1000 grants the
// newest are listed. The error is an *Error.
func (s *Server) Applications(ctx context.Context, userID string) (apps []Application, err error) {
	defer s.caught(ctx, atApplications, &err)
	apps, err = s.applications(ctx, userID)
	if err != nil {
		return nil, s.refused(ctx, Event{Endpoint: atApplications, UserID: userID}, asError(err, "list_applications"))
	}
	return apps, nil
}

func (s *Server) applications(ctx context.Context, userID string) ([]Application, error) {
	grants, err := s.grantsOfUser(ctx, userID, maxApplicationGrants)
	if err != nil {
		return nil, err
	}
	byClient := map[string]*Application{}
	app := func(clientID string, at time.Time) *Application {
		a := byClient[clientID]
		if a == nil {
			a = &Application{ClientID: clientID}
			byClient[clientID] = a
		}
		if at.After(a.LastUsedAt) {
			a.LastUsedAt = at
		}
		return a
	}
	for _, g := range grants {
		at := g.LastUsedAt
		if at.IsZero() {
			at = g.IssuedAt
		}
		a := app(g.ClientID, at)
		a.Grants = append(a.Grants, g)
	}
	if s.cfg.Consents != nil {
		consents, err := s.cfg.Consents.ListConsents(ctx, userID, "")
		if err != nil {
			return nil, err
		}
		now := s.now()
		for _, c := range consents {
			if now.Before(c.ExpiresAt) {
				a := app(c.ClientID, time.Time{})
				a.Remembered = a.Remembered.Union(c.Scope)
				if len(a.Grants) == 0 && c.GivenAt.After(a.LastUsedAt) {
					a.LastUsedAt = c.GivenAt
				}
			}
		}
	}
	apps := make([]Application, 0, len(byClient))
	for _, a := range byClient {
		a.Client, err = s.knownClient(ctx, a.ClientID)
		if err != nil && !errors.Is(err, model.ErrNotFound) {
			return nil, err
		}
		apps = append(apps, *a)
	}
	slices.SortFunc(apps, func(a, b Application) int {
		return cmp.Or(b.LastUsedAt.Compare(a.LastUsedAt), cmp.Compare(a.ClientID, b.ClientID))
	})
	return apps, nil
}

// grantsOfUser lists a user's open grants. An empty user would mean everybody's.
func (s *Server) grantsOfUser(ctx context.Context, userID string, limit int) ([]model.GrantInfo, error) {
	switch {
	case s.cfg.GrantList == nil:
		return nil, errNoGrantList
	case userID == "":
		return nil, errors.New("engine: a user's applications need a user")
	}
	return s.cfg.GrantList.ListGrants(ctx, model.GrantFilter{UserID: userID}, s.now(), limit)
}

// RevokeApplication ends, at the wish of the user, everything that a client was
// granted, codes, access and refresh tokens alike, and forgets the user's consent.
// It returns how many grants it revoked; none is no error. The error is an *Error.
func (s *Server) RevokeApplication(ctx context.Context, userID, clientID string) (revoked int, err error) {
	defer s.caught(ctx, atApplications, &err)
	if userID == "" || clientID == "" {
		return 0, s.refused(ctx, Event{Endpoint: atApplications}, fault(errors.New("engine: RevokeApplication needs a user and a client"), "revoke_grants"))
	}
	// Not with the caller's context: whoever closes the page while the answer is
	// under way means it all the same.
	own, cancel := ownContext(ctx)
	defer cancel()
	return s.revokeAll(own, Event{Endpoint: atApplications, UserID: userID, ClientID: clientID, Reason: byUser})
}

// RevokeApplications is [Server.RevokeApplication] for all applications.
func (s *Server) RevokeApplications(ctx context.Context, userID string) (revoked int, err error) {
	defer s.caught(ctx, atApplications, &err)
	if userID == "" {
		return 0, s.refused(ctx, Event{Endpoint: atApplications}, fault(errors.New("engine: RevokeApplications needs a user"), "revoke_grants"))
	}
	own, cancel := ownContext(ctx)
	defer cancel()
	return s.revokeAll(own, Event{Endpoint: atApplications, UserID: userID, Reason: byUser})
}

// RevokeApplicationGrant ends one grant of the user and forgets the consent to
// its client, which would else get the same again without asking. The error is an
// *Error: with status 404 for a grant that is not open or not this user's.
func (s *Server) RevokeApplicationGrant(ctx context.Context, userID string, id model.GrantID) (err error) {
	defer s.caught(ctx, atApplications, &err)
	ev := Event{Endpoint: atApplications, UserID: userID, GrantID: id, Reason: byUser}
	grants, err := s.grantsOfUser(ctx, userID, 0)
	if err != nil {
		return s.refused(ctx, ev, asError(err, "list_grants"))
	}
	i := slices.IndexFunc(grants, func(g model.GrantInfo) bool { return g.ID == id && g.UserID == userID })
	if i < 0 {
		e := refuse(CodeInvalidRequest, "grant_unknown", "There is no such access.").because(fmt.Errorf("the user has no open grant %v", id))
		e.Status = http.StatusNotFound
		return s.refused(ctx, ev, e)
	}
	ev.ClientID, ev.Scope = grants[i].ClientID, grants[i].Scope
	own, cancel := ownContext(ctx)
	defer cancel()
	forgotten := s.forget(own, model.GrantFilter{UserID: userID, ClientID: ev.ClientID}, ev)
	if err := errors.Join(forgotten, s.revokeGrant(own, id)); err != nil {
		return s.refused(ctx, ev, fault(err, "revoke_grant"))
	}
	ev.Type = EventRevoked
	s.emit(ctx, ev)
	return nil
}

// Why a grant was revoked, as events name it.
const (
	byUser          = "user"
	byAdministrator = "administrator"
)

// revokeAll ends what the event names: all of a user, of a client or of both.
func (s *Server) revokeAll(ctx context.Context, ev Event) (int, error) {
	filter := model.GrantFilter{UserID: ev.UserID, ClientID: ev.ClientID}
	if s.cfg.GrantList == nil {
		return 0, s.refused(ctx, ev, fault(errNoGrantList, "revoke_grants"))
	}
	// Consents go first. What is approved after that was asked anew, and what was
	// approved before is among the grants that are revoked now.
	forgotten := s.forget(ctx, filter, ev)
	// Devices that have not fetched their tokens come before those that have.
	devices, denied := s.denyDevices(ctx, filter)
	n, err := s.revokeGrants(ctx, filter)
	n += devices
	if err := errors.Join(forgotten, denied, err); err != nil {
		return n, s.refused(ctx, ev, fault(err, "revoke_grants"))
	}
	ev.Type = EventRevoked
	s.emit(ctx, ev)
	return n, nil
}

// denyDevices takes back what was approved for a device that has not fetched its
// tokens yet.
func (s *Server) denyDevices(ctx context.Context, filter model.GrantFilter) (int, error) {
	if !s.HasDevices() {
		return 0, nil
	}
	return s.cfg.Devices.RevokeDeviceCodes(ctx, filter)
}

// forget makes the user be asked again.
func (s *Server) forget(ctx context.Context, filter model.GrantFilter, ev Event) error {
	if s.cfg.Consents == nil {
		return nil
	}
	if err := s.cfg.Consents.DeleteConsents(ctx, filter); err != nil {
		return err
	}
	ev.Type, ev.GrantID, ev.Scope = EventConsentForgotten, model.GrantID{}, ""
	s.emit(ctx, ev)
	return nil
}
