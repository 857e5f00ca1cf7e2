package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gin-oauth/gin-oauth-server/model"
)

var _ model.ClientModel = (*Store)(nil)

// A client is JSON under a key of its own, to be read by people too. It stays until
// it is deleted, unless it has an ExpiresAt.

func (s *Store) clientKey(id string) string { return s.prefix + "client:" + id }

// clientTTL is for how many milliseconds the client is kept from now on, or 0 if
// for ever. Without RegisteredAt there is nothing to reckon from.
func (s *Store) clientTTL(c *model.Client) int64 {
	if c.ExpiresAt.IsZero() || c.RegisteredAt.IsZero() {
		return 0
	}
	return s.ttl(c.RegisteredAt, c.ExpiresAt)
}

// clientRecord is a client as it is stored: digests as base64, and no null.
type clientRecord struct {
	*model.Client
	Secrets           []secretRecord  `json:",omitempty"`
	RegistrationToken []byte          `json:",omitempty"`
	Metadata          json.RawMessage `json:",omitempty"`
}

type secretRecord struct {
	Digest    []byte
	ExpiresAt time.Time `json:",omitzero"`
}

func encodeClient(c *model.Client) ([]byte, error) {
	r := clientRecord{Client: c, Metadata: c.Metadata}
	for _, secret := range c.Secrets {
		r.Secrets = append(r.Secrets, secretRecord{secret.Digest[:], secret.ExpiresAt})
	}
	if !c.RegistrationToken.IsZero() {
		r.RegistrationToken = c.RegistrationToken[:]
	}
	return json.Marshal(r)
}

// keepUnknown adds to a record what was in it before that this version knows nothing
// of: an instance of a later one may have put it there.
func keepUnknown(record []byte, before string) ([]byte, error) {
	var is, was map[string]json.RawMessage
	if json.Unmarshal(record, &is) != nil || json.Unmarshal([]byte(before), &was) != nil {
		return nil, errRecord
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[model.Client]()) {
		delete(was, field.Name)
	}
	if len(was) == 0 {
		return record, nil
	}
	maps.Copy(is, was)
	return json.Marshal(is)
}

func decodeClient(record string) (*model.Client, error) {
	r := clientRecord{Client: new(model.Client)}
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		return nil, errRecord // not err, which may quote the record
	}
	c := r.Client
	c.Metadata = r.Metadata
	if copy(c.RegistrationToken[:], r.RegistrationToken) != len(r.RegistrationToken) {
		return nil, errRecord
	}
	for _, secret := range r.Secrets {
		if len(secret.Digest) != digestLen {
			return nil, errRecord
		}
		c.Secrets = append(c.Secrets, model.SecretHash{Digest: model.Digest(secret.Digest), ExpiresAt: secret.ExpiresAt})
	}
	return c, nil
}

// GetClient implements [model.Model].
func (s *Store) GetClient(ctx context.Context, clientID string) (*model.Client, error) {
	const what = "get client"
	record, err := s.client.Get(ctx, s.clientKey(clientID)).Result()
	if errors.Is(err, redis.Nil) {
		return nil, model.ErrNotFound
	} else if err != nil {
		return nil, fault(what, err)
	}
	c, err := decodeClient(record)
	if err != nil {
		return nil, fault(what, err)
	}
	return c, nil
}

// CreateClient implements [model.ClientModel]. A client that is not valid is
// refused with what [model.Client.Validate] says.
func (s *Store) CreateClient(ctx context.Context, client *model.Client) error {
	const what = "create client"
	if err := errors.Join(ctx.Err(), client.Validate()); err != nil {
		return err
	}
	record, err := encodeClient(client)
	if err != nil {
		return fault(what, err)
	}
	args := []any{"set", s.clientKey(client.ID), record, "nx"}
	if ttl := s.clientTTL(client); ttl > 0 {
		args = append(args, "px", ttl)
	}
	cmd := once{redis.NewCmd(ctx, args...)}
	if err := s.client.Process(ctx, cmd); errors.Is(err, redis.Nil) {
		return model.ErrExists
	} else if err != nil {
		return fault(what, err)
	}
	return nil
}

// UpdateClient implements [model.ClientModel]. What change makes of the client
// must be valid and keep its ID.
func (s *Store) UpdateClient(ctx context.Context, clientID string, change func(*model.Client) error) error {
	const what = "update client"
	key := s.clientKey(clientID)
	for {
		before, err := s.client.Get(ctx, key).Result()
		if errors.Is(err, redis.Nil) {
			return model.ErrNotFound
		} else if err != nil {
			return fault(what, err)
		}
		c, err := decodeClient(before)
		if err != nil {
			return fault(what, err)
		}
		if err := change(c); err != nil {
			return err
		}
		if c.ID != clientID {
			return fmt.Errorf("redisstore: the ID of client %q cannot be changed", clientID)
		}
		if err := c.Validate(); err != nil {
			return err
		}
		after, err := encodeClient(c)
		if err == nil {
			after, err = keepUnknown(after, before)
		}
		if err != nil {
			return fault(what, err)
		}
		status, err := s.status(ctx, &call{script: &s.scripts.clientUpdate, keys: []string{key}, args: []any{before, after, s.clientTTL(c)}})
		if err != nil {
			return fault(what, err)
		}
		if status == "ok" {
			return nil
		}
		// Somebody else was faster: once more, with what they made of it.
	}
}

// DeleteClient implements [model.ClientModel].
func (s *Store) DeleteClient(ctx context.Context, clientID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// Once: sent again, it could take a client that was created meanwhile.
	if err := s.client.Process(ctx, once{redis.NewCmd(ctx, "del", s.clientKey(clientID))}); err != nil {
		return fault("delete client", err)
	}
	return nil
}
