package engine

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Remembered tells what of a request the user allowed before, so that a page
// need not ask the same again: all is true if nothing is left to ask. before is
// the part of the requested scope that the user allowed for all resources of the
// request; a page can say that the rest is new.
//
// Only a client that proves who it is can skip the page (RFC 6749, section
// 10.2): a confidential client, or a public one whose redirect URIs are all
// https and so lead to nobody else. For other clients nothing is remembered. A
// request with prompt=consent is asked in any case. If the store of consents
// fails, the user is asked.
func (s *Server) Remembered(ctx context.Context, req *AuthorizeRequest, user *model.User) (all bool, before model.Scope) {
	if user == nil || user.ID == "" || req.Client == nil || !s.remembers(req.Client, req.RedirectURI) {
		return false, ""
	}
	before, err := s.allowedBefore(ctx, req, user.ID)
	if err != nil {
		ev := Event{Endpoint: atAuthorize, ClientID: req.ClientID, UserID: user.ID}
		_ = s.refused(ctx, ev, fault(err, "list_consents")) // the page is shown
		return false, ""
	}
	req.remembered = before == req.Scope && !req.ForceConsent
	return req.remembered, before
}

// allowedBefore returns the part of the requested scope that the user allowed
// for all resources of the request.
func (s *Server) allowedBefore(ctx context.Context, req *AuthorizeRequest, userID string) (model.Scope, error) {
	consents, err := s.cfg.Consents.ListConsents(ctx, userID, req.ClientID)
	if err != nil {
		return "", err
	}
	before, now := req.Scope, s.now()
	for _, resource := range resourceNames(req.Resources) {
		before = before.Intersect(allowedFor(consents, resource, now))
	}
	return before, nil
}

// takenBack looks, once the code of a request that was not asked about is saved,
// whether the consent that spared the page is still there. Who takes access back
// ends consents first and grants then: either finds the other.
func (s *Server) takenBack(ctx context.Context, req *AuthorizeRequest, userID string) *Error {
	before, err := s.allowedBefore(ctx, req, userID)
	if err == nil && before == req.Scope {
		return nil
	}
	own, cancel := ownContext(ctx)
	defer cancel()
	if revoke := s.revokeGrant(own, req.GrantID); revoke != nil {
		return fault(revoke, "revoke_grant")
	}
	if err != nil {
		return fault(err, "list_consents")
	}
	return stalePage(errors.New("the consent was taken back meanwhile"))
}

// CanRemember reports whether an approval of this request will be remembered.
func (s *Server) CanRemember(req *AuthorizeRequest) bool {
	return req.Client != nil && s.remembers(req.Client, req.RedirectURI)
}

// remembers reports whether consents to this client are remembered.
func (s *Server) remembers(c *model.Client, redirectURI string) bool {
	if s.cfg.Consents == nil || s.cfg.ConsentLifetime < 0 {
		return false
	}
	if !c.Public {
		return true
	}
	// Where a policy function decides about redirect URIs, those registered are not
	// all there are.
	for _, uri := range append([]string{redirectURI}, c.RedirectURIs...) {
		if !strings.HasPrefix(uri, "https://") {
			return false
		}
	}
	return true
}

// resourceNames are those of a request; the server's own is named by nothing.
func resourceNames(r model.Resources) []string {
	if r == "" {
		return []string{""}
	}
	return r.List()
}

// allowedFor returns the scope that the user allowed for a resource.
func allowedFor(consents []model.Consent, resource string, now time.Time) (scope model.Scope) {
	for _, c := range consents {
		if c.Resource == resource && now.Before(c.ExpiresAt) {
			scope = scope.Union(c.Scope)
		}
	}
	return scope
}

// remember keeps what the user approved on a page. The code is issued by then:
// if the store fails, the user is merely asked again.
func (s *Server) remember(ctx context.Context, c *model.Client, req *AuthorizeRequest, userID string, scope model.Scope) {
	if !req.opened || c.SkipConsent || !s.remembers(c, req.RedirectURI) {
		return
	}
	ev := Event{Endpoint: atAuthorize, GrantID: req.GrantID, ClientID: c.ID, UserID: userID, Scope: scope}
	now := s.now()
	for _, resource := range resourceNames(req.Resources) {
		err := s.cfg.Consents.AddConsent(ctx, &model.Consent{
			UserID: userID, ClientID: c.ID, Resource: resource, Scope: scope,
			GivenAt: now, ExpiresAt: later(now, s.cfg.ConsentLifetime),
		})
		if err != nil {
			_ = s.refused(ctx, ev, fault(err, "add_consent"))
			return
		}
	}
	ev.Type = EventConsentRemembered
	s.emit(ctx, ev)
}
