package model

import (
	"context"
	"time"
)

// GrantInfo is an open grant, as users and administrators see it.
type GrantInfo struct {
	ID               GrantID
	ClientID, UserID string
	Scope            Scope
	Resources        Resources
	// IssuedAt is when the grant was opened, LastUsedAt when a token was last
	// issued in it, ExpiresAt when it ends at the latest.
	IssuedAt, LastUsedAt, ExpiresAt time.Time
}

// GrantFilter selects grants. At least one field must be set; both must match.
type GrantFilter struct{ UserID, ClientID string }

// GrantModel lists and ends the grants of a user or client.
type GrantModel interface {
	// ListGrants returns open grants that are not expired at the time now, newest
	// first, at most limit (zero: no limit).
	ListGrants(ctx context.Context, filter GrantFilter, now time.Time, limit int) ([]GrantInfo, error)
	// RevokeGrants revokes every open grant that the filter selects, as RevokeGrant
	// does, and returns how many. A grant that is opened at the same time may land
	// on either side.
	RevokeGrants(ctx context.Context, filter GrantFilter) (revoked int, err error)
}
