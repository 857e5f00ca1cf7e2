package memstore

import (
	"context"
	"fmt"

	"github.com/gin-oauth/gin-oauth-server/model"
)

var _ model.ClientModel = (*Store)(nil)

// AddClient registers a copy of the client, or returns what
// [model.Client.Validate] has against it. A client with the same ID is replaced:
// this is how a client is changed, disabled or given a new secret while the
// server runs. Tokens issued before stay as they are.
func (s *Store) AddClient(c model.Client) error {
	if err := c.Validate(); err != nil {
		return err
	}
	s.clients.Store(c.ID, c.Clone())
	s.willExpire(&c)
	return nil
}

// RemoveClient removes the client, if it is there. Its codes and refresh tokens
// are worthless from then on; access tokens run to their expiry.
func (s *Store) RemoveClient(clientID string) {
	s.clients.Delete(clientID)
}

// GetClient implements [model.Model].
func (s *Store) GetClient(ctx context.Context, clientID string) (*model.Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c, ok := s.clients.Load(clientID); ok {
		return c.(*model.Client), nil
	}
	return nil, model.ErrNotFound
}

// CreateClient implements [model.ClientModel]. A client that is not valid is
// refused with what [model.Client.Validate] says.
func (s *Store) CreateClient(ctx context.Context, client *model.Client) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := client.Validate(); err != nil {
		return err
	}
	if _, there := s.clients.LoadOrStore(client.ID, client.Clone()); there {
		return model.ErrExists
	}
	s.willExpire(client)
	return nil
}

// UpdateClient implements [model.ClientModel]. What change makes of the client
// must be valid and keep its ID.
func (s *Store) UpdateClient(ctx context.Context, clientID string, change func(*model.Client) error) error {
	for {
		// Also between two attempts: change may be slow, and others faster.
		if err := ctx.Err(); err != nil {
			return err
		}
		old, ok := s.clients.Load(clientID)
		if !ok {
			return model.ErrNotFound
		}
		next := old.(*model.Client).Clone()
		if err := change(next); err != nil {
			return err
		}
		if next.ID != clientID {
			return fmt.Errorf("memstore: the ID of client %q cannot be changed", clientID)
		}
		if err := next.Validate(); err != nil {
			return err
		}
		// A copy, because change may have kept what it was given.
		if s.clients.CompareAndSwap(clientID, old, next.Clone()) {
			if !next.ExpiresAt.Equal(old.(*model.Client).ExpiresAt) {
				s.willExpire(next)
			}
			return nil
		}
	}
}

// DeleteClient implements [model.ClientModel]. It is [Store.RemoveClient].
func (s *Store) DeleteClient(ctx context.Context, clientID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.RemoveClient(clientID)
	return nil
}
