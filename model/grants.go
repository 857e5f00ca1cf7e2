package model

import (
	"context"
	"errors"
	"time"
)

// GrantInfo is an open grant, as users and administrators see it.
type GrantInfo struct {
	ID               GrantID
	ClientID, UserID string
	// Scope and Resources are those of the grant: the most that a token of it has.
	Scope     Scope
	Resources Resources
	// IssuedAt is when the grant was opened. LastUsedAt is when a token was last
	// issued in it; it is zero while there is only a code. ExpiresAt is when the
	// grant ends at the latest: at its tokens' GrantExpiresAt, or, before there is
	// a token, when the code expires.
	IssuedAt, LastUsedAt, ExpiresAt time.Time
}

// GrantFilter selects what belongs to a user, to a client, or to both: every
// field that is set must match.
type GrantFilter struct{ UserID, ClientID string }

// ErrEmptyFilter is the fault of a [GrantFilter] in which nothing is set. It
// would select everything, which nobody means.
var ErrEmptyFilter = errors.New("a grant filter needs a UserID, a ClientID or both")

// Check returns ErrEmptyFilter if nothing is set.
func (f GrantFilter) Check() error {
	if f == (GrantFilter{}) {
		return ErrEmptyFilter
	}
	return nil
}

// GrantModel lists and ends the grants of a user or client. Like [Model] it
// reads no clock. Both verbs return ErrEmptyFilter for an empty filter.
type GrantModel interface {
	// ListGrants returns the grants that are open at the time now, newest first, at
	// most limit of them (zero: all). A grant is open while it is not revoked and
	// has something that can still be used: an unspent code or a token of which a
	// half has not expired. If the access token of a grant without refresh token
	// was revoked, the grant is not open any more.
	//
	// A grant that is open from before the call until after it is in the result; of
	// one that is opened, used or revoked meanwhile the result shows either state.
	ListGrants(ctx context.Context, filter GrantFilter, now time.Time, limit int) ([]GrantInfo, error)
	// RevokeGrants revokes every grant that the filter selects, as
	// [Model].RevokeGrant does, and returns how many were not revoked before; some
	// of them may have expired. A grant that is opened at the same time may land
	// on either side. After a fault some may be revoked and others not: call it
	// again.
	RevokeGrants(ctx context.Context, filter GrantFilter) (revoked int, err error)
}
