package model

import (
	"context"
	"time"
)

// Consent is what a user allowed a client, remembered so that the same need not
// be asked again.
type Consent struct {
	UserID, ClientID string
	Scope            Scope
	Resources        Resources
	// GivenAt is when the user last said yes, UTC in whole milliseconds.
	GivenAt time.Time
}

// ConsentModel remembers consents. Its verbs are atomic.
type ConsentModel interface {
	// GetConsent returns what the user allowed this client, or ErrNotFound.
	GetConsent(ctx context.Context, userID, clientID string) (*Consent, error)
	// AddConsent adds scope and resources to what was allowed before, and moves
	// GivenAt.
	AddConsent(ctx context.Context, consent *Consent) error
	// DeleteConsent forgets. It is idempotent.
	DeleteConsent(ctx context.Context, userID, clientID string) error
}
