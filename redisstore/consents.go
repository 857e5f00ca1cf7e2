package redisstore

import (
	"context"
	"errors"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gin-oauth/gin-oauth-server/model"
)

var _ model.ConsentModel = (*Store)(nil)

var errNoUserID = errors.New("redisstore: a consent needs a user")

// What a user allowed is one hash, with a field for each client and resource. To
// forget a client, its users are found through an index as grants are; see index.go.

func (s *Store) consentKey(userID string) string { return s.prefix + "consent:" + userID }

// consentIndex is where the users are noted who have a consent for the client.
func (s *Store) consentIndex(clientID string, part byte) string {
	return s.prefix + "allowed:" + partName(part) + ":" + clientID
}

func partOfUser(userID string) byte {
	h := fnv.New32a()
	_, _ = h.Write([]byte(userID)) // never fails
	return byte(h.Sum32() % parts)
}

// clientFields is what the fields of a client begin with, and those of no other: the
// length says where its id ends.
func clientFields(clientID string) string {
	return strconv.Itoa(len(clientID)) + ":" + clientID
}

// ListConsents implements [model.ConsentModel].
func (s *Store) ListConsents(ctx context.Context, userID, clientID string) ([]model.Consent, error) {
	const what = "list consents"
	if err := ctx.Err(); err != nil {
		return nil, fault(what, err)
	}
	fields, err := s.client.HGetAll(ctx, s.consentKey(userID)).Result()
	if err != nil {
		return nil, fault(what, err)
	}
	var found []model.Consent
	for field, value := range fields {
		c, err := decodeConsent(field, value)
		if err != nil {
			return nil, fault(what, err)
		}
		if c.UserID = userID; clientID == "" || clientID == c.ClientID {
			found = append(found, c)
		}
	}
	return found, nil
}

// decodeConsent reads a field, which Go writes, and its value, which the script does.
func decodeConsent(field, value string) (c model.Consent, err error) {
	length, rest, _ := strings.Cut(field, ":")
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > len(rest) {
		return c, errRecord
	}
	c.ClientID, c.Resource = rest[:n], rest[n:]
	given, rest, _ := strings.Cut(value, " ")
	expires, scope, _ := strings.Cut(rest, " ")
	givenMs, err1 := strconv.ParseInt(given, 10, 64)
	expiresMs, err2 := strconv.ParseInt(expires, 10, 64)
	if err1 != nil || err2 != nil {
		return c, errRecord
	}
	c.Scope, c.GivenAt, c.ExpiresAt = model.Scope(scope), time.UnixMilli(givenMs).UTC(), time.UnixMilli(expiresMs).UTC()
	return c, nil
}

// AddConsent implements [model.ConsentModel].
func (s *Store) AddConsent(ctx context.Context, consent *model.Consent) error {
	if consent.UserID == "" {
		return errNoUserID
	}
	ttl, given := s.ttl(consent.GivenAt, consent.ExpiresAt), consent.GivenAt.UnixMilli()
	return s.write(ctx, "add consent", &indexedWrite{
		key: s.consentKey(consent.UserID), member: consent.UserID, ttl: ttl,
		indexes: []string{s.consentIndex(consent.ClientID, partOfUser(consent.UserID))},
		script:  &s.scripts.consentAdd,
		behind: []any{
			ttl, clientFields(consent.ClientID) + consent.Resource,
			given, consent.ExpiresAt.UnixMilli(), string(consent.Scope), given - s.skew,
		},
	})
}

// DeleteConsents implements [model.ConsentModel]. With a user it is one round trip;
// with a client alone it looks at every user who allowed it, 500 in a round trip.
func (s *Store) DeleteConsents(ctx context.Context, filter model.GrantFilter) error {
	const what = "delete consents"
	if err := errors.Join(ctx.Err(), filter.Check()); err != nil {
		return fault(what, err)
	}
	if filter.ClientID == "" {
		if err := s.client.Process(ctx, once{redis.NewCmd(ctx, "del", s.consentKey(filter.UserID))}); err != nil {
			return fault(what, err)
		}
		return nil
	}
	forget := func(users []string) error {
		calls := make([]call, len(users))
		for i, user := range users {
			calls[i] = call{script: &s.scripts.consentDelete, keys: []string{s.consentKey(user)}, args: []any{clientFields(filter.ClientID)}}
		}
		_, err := s.runAll(ctx, calls)
		return err
	}
	var err error
	if filter.UserID != "" {
		err = forget([]string{filter.UserID})
	} else {
		for part := byte(0); part < parts && err == nil; part++ {
			err = s.scan(ctx, s.consentIndex(filter.ClientID, part), forget)
		}
	}
	if err != nil {
		return fault(what, err)
	}
	return nil
}
