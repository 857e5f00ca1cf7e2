package memstore

import (
	"context"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// AddClient registers a copy of the client, or returns what
// [model.Client.Validate] has against it. A client with the same ID is replaced:
// this is how a client is changed, disabled or given a new secret while the
// server runs. Tokens issued before stay as they are.
func (s *Store) AddClient(c model.Client) error {
	if err := c.Validate(); err != nil {
		return err
	}
	s.clients.Store(c.ID, c.Clone())
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
