package sqlstore

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const getClient = `SELECT revision, data FROM {prefix}clients WHERE id = ?`

// GetClient implements [model.Model].
func (s *Store) GetClient(ctx context.Context, clientID string) (*model.Client, error) {
	c, _, _, err := s.client(ctx, clientID)
	return c, fault("get client", err)
}

func (s *Store) client(ctx context.Context, id string) (c *model.Client, revision int64, data []byte, err error) {
	// What no client is called is not asked for: a database may refuse the text.
	if !storable(id, maxClientID) {
		return nil, 0, nil, model.ErrNotFound
	}
	if err := s.queryRow(ctx, getClient, []any{id}, &revision, &data); err != nil {
		return nil, 0, nil, notFound(err)
	}
	c, err = decodeClient(id, data)
	return c, revision, data, err
}

const insertClient = `INSERT {ignore} INTO {prefix}clients (id, revision, data, expires_at) VALUES (?, ?, ?, ?) {conflict}`

// CreateClient implements [model.ClientModel]. A client that is not valid is
// refused with what [model.Client.Validate] says.
func (s *Store) CreateClient(ctx context.Context, client *model.Client) error {
	if err := client.Validate(); err != nil {
		return err
	}
	data, err := encodeClient(client)
	if err != nil {
		return fault("create client", err)
	}
	// A client that is deleted and made anew must not be taken for the one before. So
	// the revisions of each begin somewhere else.
	first := rand.Int64N(1 << 62) //nolint:gosec // tells clients apart, guards nothing
	return fault("create client", existsUnless(s.exec(ctx, insertClient, client.ID, first, string(data), milliOrNull(client.ExpiresAt))))
}

// The revision says whether the client is still what was changed.
const updateClient = `UPDATE {prefix}clients SET revision = revision + 1, data = ?, expires_at = ? WHERE id = ? AND revision = ?`

// UpdateClient implements [model.ClientModel]. What change makes of the client
// must be valid and keep its ID. No transaction is open while change runs.
func (s *Store) UpdateClient(ctx context.Context, clientID string, change func(*model.Client) error) error {
	for {
		c, revision, before, err := s.client(ctx, clientID)
		if err != nil {
			return fault("update client", err)
		}
		if err := change(c); err != nil {
			return err
		}
		if c.ID != clientID {
			return fmt.Errorf("sqlstore: the ID of client %q cannot be changed", clientID)
		}
		if err := c.Validate(); err != nil {
			return err
		}
		data, err := encodeClient(c)
		if err == nil {
			data, err = keepUnknown(data, before)
		}
		if err != nil {
			return fault("update client", err)
		}
		if changed, err := s.exec(ctx, updateClient, string(data), milliOrNull(c.ExpiresAt), clientID, revision); err != nil || changed > 0 {
			return fault("update client", err)
		}
	}
}

const deleteClient = `DELETE FROM {prefix}clients WHERE id = ?`

// DeleteClient implements [model.ClientModel].
func (s *Store) DeleteClient(ctx context.Context, clientID string) error {
	if !storable(clientID, maxClientID) {
		return nil
	}
	_, err := s.exec(ctx, deleteClient, clientID)
	return fault("delete client", err)
}
