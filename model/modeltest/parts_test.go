package modeltest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// broken is a store that breaks the contract of one of the further interfaces in
// one way.
type broken struct {
	*memstore.Store
	way string

	mu     sync.Mutex
	misses map[string]*model.Client
}

func (b *broken) is(ways ...string) bool { return slices.Contains(ways, b.way) }

func (b *broken) GetClient(ctx context.Context, id string) (*model.Client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.misses[id]; c != nil {
		return c, nil
	}
	return b.Store.GetClient(ctx, id)
}

func (b *broken) CreateClient(ctx context.Context, c *model.Client) error {
	switch {
	case b.is("create keeps what is passed"):
		b.mu.Lock()
		defer b.mu.Unlock()
		b.misses[c.ID] = c
		return nil
	case b.is("create replaces"):
		return b.AddClient(*c)
	case b.is("create takes anything") && c.Validate() != nil:
		b.mu.Lock()
		defer b.mu.Unlock()
		b.misses[c.ID] = c
		return nil
	case b.is("create looks first"):
		if _, err := b.Store.GetClient(ctx, c.ID); err == nil {
			return model.ErrExists
		}
		time.Sleep(time.Millisecond)
		return b.AddClient(*c)
	}
	return b.Store.CreateClient(ctx, c)
}

func (b *broken) UpdateClient(ctx context.Context, id string, change func(*model.Client) error) error {
	old, err := b.Store.GetClient(ctx, id)
	switch {
	case b.is("update makes new clients") && err != nil:
		c := newClient()
		c.ID = id
		return b.AddClient(*c)
	case err != nil:
		return err
	case b.is("update in place"):
		return change(old)
	case b.is("update forgets"):
		return change(old.Clone())
	case b.is("update saves what was refused"):
		c := old.Clone()
		err := change(c)
		return errors.Join(err, b.AddClient(*c))
	case b.is("update loses updates"):
		c := old.Clone()
		if err := change(c); err != nil {
			return err
		}
		if c.ID != id {
			return errors.New("the ID cannot be changed")
		}
		time.Sleep(time.Millisecond)
		return b.AddClient(*c)
	}
	return b.Store.UpdateClient(ctx, id, change)
}

func (b *broken) DeleteClient(ctx context.Context, id string) error {
	if b.is("delete disables") {
		return b.Store.UpdateClient(ctx, id, func(c *model.Client) error { c.Disabled = true; return nil })
	}
	return b.Store.DeleteClient(ctx, id)
}

func (b *broken) ListConsents(ctx context.Context, userID, clientID string) ([]model.Consent, error) {
	if b.is("lists all clients") {
		clientID = ""
	}
	return b.Store.ListConsents(ctx, userID, clientID)
}

func (b *broken) AddConsent(ctx context.Context, c *model.Consent) error {
	d := *c
	old, err := b.Store.ListConsents(ctx, c.UserID, c.ClientID)
	if err != nil {
		return err
	}
	switch {
	case b.is("one consent for all resources"):
		d.Resource = "https://api.test/v1"
	case b.is("consent replaces") && len(old) > 0:
		_ = b.Store.DeleteConsents(ctx, model.GrantFilter{UserID: c.UserID, ClientID: c.ClientID})
	case b.is("consent adds to what expired") && len(old) == 1:
		d.Scope = d.Scope.Union(old[0].Scope)
	case b.is("consent reads first") && len(old) < 2:
		if len(old) == 1 {
			d.Scope = d.Scope.Union(old[0].Scope)
		}
		time.Sleep(time.Millisecond)
		_ = b.Store.DeleteConsents(ctx, model.GrantFilter{UserID: c.UserID, ClientID: c.ClientID})
	}
	return b.Store.AddConsent(ctx, &d)
}

func (b *broken) DeleteConsents(ctx context.Context, f model.GrantFilter) error {
	switch {
	case b.is("forgets all clients"):
		f.ClientID = ""
	case b.is("an empty filter forgets nothing, silently") && f == model.GrantFilter{}:
		return nil
	}
	return b.Store.DeleteConsents(ctx, f)
}

func (b *broken) ListGrants(ctx context.Context, f model.GrantFilter, now time.Time, limit int) ([]model.GrantInfo, error) {
	switch {
	case b.is("lists any client") && f.UserID != "":
		f.ClientID = ""
	case b.is("lists what expired"):
		now = now.Add(-365 * 24 * time.Hour)
	case b.is("no limit"):
		limit = 0
	case b.is("an empty filter lists nothing, silently") && f == model.GrantFilter{}:
		return nil, nil
	}
	grants, err := b.Store.ListGrants(ctx, f, now, limit)
	if b.is("oldest first") {
		slices.Reverse(grants)
	}
	for i := range grants {
		if b.is("last used at first") {
			grants[i].LastUsedAt = grants[i].IssuedAt
		}
	}
	return grants, err
}

func (b *broken) RevokeGrants(ctx context.Context, f model.GrantFilter) (int, error) {
	switch {
	case b.is("revokes any client") && f.UserID != "":
		f.ClientID = ""
	case b.is("revokes access tokens only"):
		grants, err := b.Store.ListGrants(ctx, f, now, 0)
		return len(grants), err
	}
	n, err := b.Store.RevokeGrants(ctx, f)
	if b.is("counts nothing") {
		n = 0
	}
	return n, err
}

// Each store is broken in one way, and the rule that is named must find it.
// Every rule of the parts is needed: some store is there for each.
func TestBrokenPartsAreFound(t *testing.T) {
	t.Parallel()
	raiseProcs(t)
	named := map[string]bool{}
	for _, tt := range []struct{ way, rule string }{
		{"create keeps what is passed", "CreateClientSaves"},
		{"create replaces", "CreateClientOnce"},
		{"create takes anything", "CreateClientValidates"},
		{"update in place", "UpdateClientSaves"},
		{"update forgets", "UpdateClientSaves"},
		{"update saves what was refused", "UpdateClientRefused"},
		{"update makes new clients", "UpdateUnknownClient"},
		{"delete disables", "DeleteClientEndsIt"},
		{"create looks first", "RaceCreateClient"},
		{"update loses updates", "RaceUpdateClient"},

		{"lists all clients", "ConsentIsListedAsAdded"},
		{"one consent for all resources", "ConsentIsOfUserClientAndResource"},
		{"consent replaces", "AddConsentAdds"},
		{"consent adds to what expired", "AddConsentReplacesWhatExpired"},
		{"forgets all clients", "DeleteConsents"},
		{"an empty filter forgets nothing, silently", "DeleteConsentsNeedsAFilter"},
		{"consent reads first", "RaceAddConsent"},

		{"last used at first", "GrantIsListedAsItIs"},
		{"lists any client", "ListGrantsSelects"},
		{"oldest first", "ListGrantsNewestFirst"},
		{"no limit", "ListGrantsNewestFirst"},
		{"lists what expired", "EndedGrantsAreNotListed"},
		{"revokes access tokens only", "RevokeGrantsEndsThem"},
		{"counts nothing", "RevokeGrantsEndsThem"},
		{"revokes any client", "RevokeGrantsEndsNothingElse"},
		{"an empty filter lists nothing, silently", "EmptyFilterSelectsNothing"},
		{"revokes access tokens only", "RaceRevokeGrants"},
	} {
		named[tt.rule] = true
		if tt.way == "update in place" && raceEnabled {
			continue // it shares memory with its caller: the race detector says so, and ends the test
		}
		failed := false
		// A race that nothing forces happens when it likes, on a busy machine less often.
		for tries := 0; !failed && tries < 50 && (tries == 0 || strings.HasPrefix(tt.rule, "Race")); tries++ {
			failed = failingParts(t, tt.way)[tt.rule]
		}
		if !failed {
			t.Errorf("%s: %s does not find it", tt.way, tt.rule)
		}
	}
	for rule := range failingParts(t, "") {
		t.Errorf("%s fails for a store that keeps the contract", rule)
	}
	for _, rules := range [][]string{names(clientRules[:]), names(consentRules[:]), names(listingRules[:])} {
		for _, rule := range rules {
			if !named[rule] {
				t.Errorf("no store is there for %s", rule)
			}
		}
	}
}

func names[S any](rules []partRule[S]) []string {
	var all []string
	for _, r := range rules {
		all = append(all, r.name)
	}
	return all
}

// failingParts runs the rules of all parts against a broken store.
func failingParts(t *testing.T, way string) map[string]bool {
	t.Helper()
	failed := map[string]bool{}
	newStore := func() *broken {
		return &broken{Store: memstore.New(), way: way, misses: map[string]*model.Client{}}
	}
	run := func(name string, check func(*checker)) {
		rec, done := new(recorder), make(chan struct{})
		go func() {
			defer close(done)
			check(&checker{T: rec, ctx: t.Context()})
		}()
		<-done
		if len(rec.failures) > 0 {
			failed[name] = true
		}
	}
	for _, r := range clientRules {
		run(r.name, func(c *checker) { r.check(c, newStore()) })
	}
	for _, r := range consentRules {
		run(r.name, func(c *checker) { r.check(c, newStore()) })
	}
	for _, r := range listingRules {
		run(r.name, func(c *checker) { r.check(c, newStore()) })
	}
	return failed
}
