package model

import "context"

// ClientModel stores clients that are registered or changed while the server
// runs. Its verbs are atomic, and linearizable together with [Model.GetClient].
// What is passed in belongs to the caller again when the verb returns. A client
// that [Client.Validate] refuses is not saved.
type ClientModel interface {
	// CreateClient saves a new client, or returns ErrExists.
	CreateClient(ctx context.Context, client *Client) error
	// UpdateClient changes a client: it calls change with a copy of the client as
	// it is and saves what change made of it, unless change returns an error,
	// which it then returns. change may be called more than once and must have no
	// other effect; the ID cannot be changed. Of two updates at the same time none
	// is lost. ErrNotFound if there is no such client.
	UpdateClient(ctx context.Context, clientID string, change func(*Client) error) error
	// DeleteClient removes a client. It is idempotent. Its grants are not touched;
	// see [GrantModel].
	DeleteClient(ctx context.Context, clientID string) error
}
