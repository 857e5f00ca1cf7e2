package model

import (
	"context"
	"time"
)

// Consent is what a user allowed a client for one resource, remembered so that
// the same need not be asked again. A request for several resources makes one
// consent for each: read at one and write at another is not write at both.
type Consent struct {
	UserID, ClientID string
	// Resource is the resource identifier (RFC 8707). Empty: the server's own.
	Resource string
	Scope    Scope
	// GivenAt is when the user last said yes, ExpiresAt from when on the consent
	// counts no more. Both are UTC in whole milliseconds. The record may go at
	// ExpiresAt.
	GivenAt, ExpiresAt time.Time
}

// ConsentModel remembers consents. Its verbs are atomic; like those of [Model]
// they read no clock.
type ConsentModel interface {
	// ListConsents returns what a user allowed one client, or, with an empty
	// clientID, any client; in no order, also what has expired and is still there.
	ListConsents(ctx context.Context, userID, clientID string) ([]Consent, error)
	// AddConsent adds the scope to what is remembered for the same user, client
	// and resource, and takes over GivenAt and ExpiresAt. What had expired at
	// consent.GivenAt is replaced instead. Of two calls at the same time none is
	// lost.
	AddConsent(ctx context.Context, consent *Consent) error
	// DeleteConsents forgets all that the filter selects. It is idempotent.
	DeleteConsents(ctx context.Context, filter GrantFilter) error
}
