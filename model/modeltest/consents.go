package modeltest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// RunConsents tests that the stores which newStore returns keep the contract of
// [model.ConsentModel]. User and client ids are random. [Run] does it by itself
// for a store that implements the interface.
func RunConsents(t *testing.T, newStore func(t *testing.T) model.ConsentModel) {
	t.Helper()
	raiseProcs(t)
	for _, r := range consentRules {
		t.Run(r.name, func(t *testing.T) {
			r.check(&checker{T: t, ctx: t.Context()}, newStore(t))
		})
	}
}

var consentRules = [...]partRule[model.ConsentModel]{
	{"ConsentIsListedAsAdded", consentIsListedAsAdded},
	{"ConsentIsOfUserClientAndResource", consentIsOfUserClientAndResource},
	{"AddConsentAdds", addConsentAdds},
	{"AddConsentReplacesWhatExpired", addConsentReplacesWhatExpired},
	{"DeleteConsents", deleteConsents},
	{"DeleteConsentsNeedsAFilter", deleteConsentsNeedsAFilter},
	{"RaceAddConsent", raceAddConsent},
}

func newConsent() *model.Consent {
	return &model.Consent{
		UserID: newGrant().String(), ClientID: newGrant().String(), Resource: "https://api.test/v1",
		Scope: "read write", GivenAt: now, ExpiresAt: now.Add(90 * 24 * time.Hour),
	}
}

func (c *checker) addConsent(s model.ConsentModel, consent *model.Consent) {
	c.Helper()
	passed := *consent
	c.ok(s.AddConsent(c.ctx, &passed), "AddConsent")
}

// consents says that just these are listed; the order of scopes does not matter.
func (c *checker) consents(s model.ConsentModel, userID, clientID string, want ...*model.Consent) {
	c.Helper()
	got, err := s.ListConsents(c.ctx, userID, clientID)
	c.ok(err, "ListConsents")
	if len(got) != len(want) {
		c.Fatalf("ListConsents: got %d, want %d: %+v", len(got), len(want), got)
	}
	for _, w := range want {
		i := slices.IndexFunc(got, func(g model.Consent) bool {
			return g.UserID == w.UserID && g.ClientID == w.ClientID && g.Resource == w.Resource
		})
		if i < 0 {
			c.Fatalf("ListConsents: got %+v, want one like %+v", got, *w)
		}
		var d diff
		if !got[i].Scope.Equal(w.Scope) || strings.Count(string(got[i].Scope), " ") != strings.Count(string(w.Scope), " ") {
			d.field("Scope", got[i].Scope, w.Scope)
		}
		d.time("GivenAt", got[i].GivenAt, w.GivenAt)
		d.time("ExpiresAt", got[i].ExpiresAt, w.ExpiresAt)
		if len(d) > 0 {
			c.Fatalf("ListConsents: %s", d)
		}
	}
}

func consentIsListedAsAdded(c *checker, s model.ConsentModel) {
	consent := newConsent()
	c.consents(s, consent.UserID, consent.ClientID)
	c.consents(s, consent.UserID, "")
	c.addConsent(s, consent)
	c.consents(s, consent.UserID, consent.ClientID, consent)
	c.consents(s, consent.UserID, "", consent)
	c.consents(s, consent.UserID, newGrant().String())
	c.consents(s, newGrant().String(), consent.ClientID)
	c.consents(s, newGrant().String(), "")
	c.consents(s, "", consent.ClientID)
}

func consentIsOfUserClientAndResource(c *checker, s model.ConsentModel) {
	first := newConsent()
	otherUser, otherClient, otherResource, own := *first, *first, *first, *first
	otherUser.UserID, otherClient.ClientID, otherResource.Resource, own.Resource = newGrant().String(), newGrant().String(), "https://api.test/v2", ""
	otherUser.Scope, otherClient.Scope, otherResource.Scope, own.Scope = "a", "b", "c", "d"
	for _, consent := range []*model.Consent{first, &otherUser, &otherClient, &otherResource, &own} {
		c.addConsent(s, consent)
	}
	c.consents(s, first.UserID, first.ClientID, first, &otherResource, &own)
	c.consents(s, first.UserID, "", first, &otherResource, &own, &otherClient)
	c.consents(s, otherUser.UserID, "", &otherUser)
}

func addConsentAdds(c *checker, s model.ConsentModel) {
	want := newConsent()
	c.addConsent(s, want)
	again := *want
	again.Scope, again.GivenAt, again.ExpiresAt = "write admin", now.Add(time.Hour), now.Add(2*time.Hour)
	c.addConsent(s, &again)
	want.Scope, want.GivenAt, want.ExpiresAt = "read write admin", again.GivenAt, again.ExpiresAt
	c.consents(s, want.UserID, "", want)
}

func addConsentReplacesWhatExpired(c *checker, s model.ConsentModel) {
	want := newConsent()
	c.addConsent(s, want)
	again := *want
	again.Scope, again.GivenAt, again.ExpiresAt = "admin", want.ExpiresAt, want.ExpiresAt.Add(time.Hour)
	c.addConsent(s, &again)
	c.consents(s, want.UserID, "", &again)
}

func deleteConsents(c *checker, s model.ConsentModel) {
	add := func(user, client, resource string) *model.Consent {
		consent := newConsent()
		consent.UserID, consent.ClientID, consent.Resource = user, client, resource
		c.addConsent(s, consent)
		return consent
	}
	alice, bob, web, app := newGrant().String(), newGrant().String(), newGrant().String(), newGrant().String()
	add(alice, web, "")
	add(alice, web, "https://api.test/v1")
	aliceApp, bobWeb, bobApp := add(alice, app, ""), add(bob, web, ""), add(bob, app, "")
	for range 2 {
		c.ok(s.DeleteConsents(c.ctx, model.GrantFilter{UserID: alice, ClientID: web}), "DeleteConsents of a user and client")
		c.consents(s, alice, "", aliceApp)
		c.consents(s, bob, "", bobWeb, bobApp)
	}
	c.ok(s.DeleteConsents(c.ctx, model.GrantFilter{ClientID: app}), "DeleteConsents of a client")
	c.consents(s, alice, "")
	c.consents(s, bob, "", bobWeb)
	bobApp = add(bob, app, "")
	add(alice, app, "")
	c.ok(s.DeleteConsents(c.ctx, model.GrantFilter{UserID: alice}), "DeleteConsents of a user")
	c.consents(s, alice, "")
	c.consents(s, bob, "", bobWeb, bobApp)
}

func deleteConsentsNeedsAFilter(c *checker, s model.ConsentModel) {
	consent := newConsent()
	c.addConsent(s, consent)
	c.is(s.DeleteConsents(c.ctx, model.GrantFilter{}), "DeleteConsents of everything", model.ErrEmptyFilter)
	c.consents(s, consent.UserID, "", consent)
}

// raceAddConsent adds a scope from each of several callers: one that is lost is
// missing in the end.
func raceAddConsent(c *checker, s model.ConsentModel) {
	want, scopes := newConsent(), []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, err := range race(len(scopes), func(i int) error {
		consent := *want
		consent.Scope = model.Scope(scopes[i])
		return s.AddConsent(c.ctx, &consent)
	}) {
		c.ok(err, "AddConsent at the same time")
	}
	want.Scope = model.NewScope(scopes...)
	c.consents(s, want.UserID, "", want)
}
