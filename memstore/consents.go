package memstore

import (
	"context"
	"errors"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// consentRecord is a remembered consent. Those of a user are a list: nobody has
// many applications.
type consentRecord struct {
	given, expires                int64  // ms
	user, client, resource, scope uint32 // in values; user is 0 in a free slot
	next                          uint32 // of the same user, or 0
}

var errNoUserID = errors.New("memstore: a consent needs a user")

// ListConsents implements [model.ConsentModel].
func (s *Store) ListConsents(ctx context.Context, userID, clientID string) ([]model.Consent, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := s.shardOfUser(userID)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	var found []model.Consent
	for i := sh.allowed[sh.values.ids[userID]]; i != 0; {
		c := sh.consents.at(i)
		i = c.next
		client := sh.values.get(c.client)
		if clientID != "" && clientID != client {
			continue
		}
		found = append(found, model.Consent{
			UserID: sh.values.get(c.user), ClientID: client, Resource: sh.values.get(c.resource),
			Scope:   model.Scope(sh.values.get(c.scope)),
			GivenAt: fromMilli(c.given), ExpiresAt: fromMilli(c.expires),
		})
	}
	return found, nil
}

// AddConsent implements [model.ConsentModel].
func (s *Store) AddConsent(ctx context.Context, consent *model.Consent) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if consent.UserID == "" {
		return errNoUserID
	}
	sh := s.shardOfUser(consent.UserID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	given, scope := consent.GivenAt.UnixMilli(), consent.Scope
	i := sh.consent(consent)
	s.pause(ctx)
	if i == 0 {
		i = sh.consents.alloc()
		user := sh.values.add(consent.UserID)
		*sh.consents.at(i) = consentRecord{
			user:     user,
			client:   sh.values.add(consent.ClientID),
			resource: sh.values.add(consent.Resource),
			next:     sh.allowed[user],
		}
		sh.allowed[user] = i
	}
	c := sh.consents.at(i)
	if given < c.expires {
		scope = model.Scope(sh.values.get(c.scope)).Union(scope)
	}
	sh.values.drop(c.scope)
	c.scope = sh.values.add(string(scope))
	c.given, c.expires = given, consent.ExpiresAt.UnixMilli()
	sh.inserted(given)
	return nil
}

// consent returns the record for the same user, client and resource, or 0.
func (sh *shard) consent(of *model.Consent) uint32 {
	i := sh.allowed[sh.values.ids[of.UserID]]
	for i != 0 {
		c := sh.consents.at(i)
		if sh.values.get(c.client) == of.ClientID && sh.values.get(c.resource) == of.Resource {
			break
		}
		i = c.next
	}
	return i
}

// DeleteConsents implements [model.ConsentModel]. With a user it costs as much
// as the user has consents; with a client alone it looks at every consent that
// there is, in steps of bounded length under the lock of one shard.
func (s *Store) DeleteConsents(ctx context.Context, filter model.GrantFilter) error {
	if err := filter.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if filter.UserID != "" {
		sh := s.shardOfUser(filter.UserID)
		sh.mu.Lock()
		defer sh.mu.Unlock()
		s.pause(ctx)
		for i := sh.allowed[sh.values.ids[filter.UserID]]; i != 0; {
			c := sh.consents.at(i)
			next := c.next
			if filter.ClientID == "" || sh.values.get(c.client) == filter.ClientID {
				sh.removeConsent(i)
			}
			i = next
		}
		return nil
	}
	for i := range s.shards {
		for at, more := uint32(0), true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			at, more = s.forget(ctx, &s.shards[i], filter.ClientID, at)
		}
	}
	return nil
}

// forget removes the consents of a client from a bounded number of slots.
func (s *Store) forget(ctx context.Context, sh *shard, clientID string, at uint32) (next uint32, more bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	client, ok := sh.values.ids[clientID]
	if !ok {
		return at, false
	}
	s.pause(ctx)
	for last := min(sh.consents.n, at+slotsPerLock); at < last; {
		at++
		if c := sh.consents.at(at); c.user != 0 && c.client == client {
			sh.removeConsent(at)
		}
	}
	return at, at < sh.consents.n
}

func (sh *shard) removeConsent(i uint32) {
	c := sh.consents.at(i)
	switch first := sh.allowed[c.user]; {
	case first != i:
		before := sh.consents.at(first)
		for before.next != i {
			before = sh.consents.at(before.next)
		}
		before.next = c.next
	case c.next == 0:
		delete(sh.allowed, c.user)
	default:
		sh.allowed[c.user] = c.next
	}
	sh.values.drop(c.user)
	sh.values.drop(c.client)
	sh.values.drop(c.resource)
	sh.values.drop(c.scope)
	sh.consents.release(i)
}
