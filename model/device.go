package model

import (
	"context"
	"time"
)

// DeviceCode is a device authorization that is under way (RFC 8628). The grant
// in its key is opened when the code is redeemed.
type DeviceCode struct {
	// Key is that of the device code, which the device polls with.
	Key Key
	// UserCode is the digest of the code that the user types, in normal form.
	UserCode  Digest
	ClientID  string
	Scope     Scope
	Resources Resources

	// IssuedAt, ExpiresAt and RetainUntil are UTC in whole milliseconds. The
	// record must be kept until RetainUntil, so that an expired code is told from
	// an unknown one and a replay is recognised. It may go after it.
	IssuedAt, ExpiresAt, RetainUntil time.Time

	// Status is where the code stands. A code is saved as pending.
	Status DeviceStatus
	// UserID is who decided; empty while the code is pending.
	UserID string

	// Interval is how long the device must wait between two polls, in whole
	// milliseconds, and PolledAt when it last polled, or zero. Both are kept by
	// PollDeviceCode.
	Interval time.Duration
	PolledAt time.Time
}

// DeviceStatus is where a device code stands.
type DeviceStatus uint8

// The states of a device code. It goes from pending to approved or denied, and
// from approved to spent, or to denied when it is revoked; never back.
const (
	DevicePending DeviceStatus = iota
	DeviceApproved
	DeviceDenied
	DeviceSpent
)

// DeviceModel stores device codes. Its verbs keep the rules of [Model]: they are
// atomic, linearizable together with those of the model that holds the tokens,
// and read no clock; what is passed in and returned belongs to the caller.
//
// A code is saved under two names: the user's browser knows it by the user code,
// the device by the key. Only GetDeviceCode goes by the former.
type DeviceModel interface {
	// SaveDeviceCode saves a pending code, whose UserID and PolledAt are empty. It
	// returns ErrExists, and saves nothing, if the user code or the grant is in
	// use by a record that must still be kept at code.IssuedAt.
	SaveDeviceCode(ctx context.Context, code *DeviceCode) error
	// GetDeviceCode finds a code by what the user typed, in whatever state, or
	// returns ErrNotFound.
	GetDeviceCode(ctx context.Context, userCode Digest) (*DeviceCode, error)
	// DecideDeviceCode sets the decision of a user on a pending code: status is
	// DeviceApproved or DeviceDenied, scope what was approved. Exactly one
	// decision ever succeeds; the others get ErrSpent. It does not look at expiry.
	DecideDeviceCode(ctx context.Context, key Key, status DeviceStatus, userID string, scope Scope) error
	// PollDeviceCode notes a poll at the time now and returns the record as it is
	// afterwards, in whatever state, or ErrNotFound. If less than Interval passed
	// since the poll before, tooSoon is true and Interval has grown by slowDown,
	// for good. A poll of another client than the code's is not noted: the record
	// is returned as it is, and the caller refuses.
	PollDeviceCode(ctx context.Context, key Key, clientID string, now time.Time, slowDown time.Duration) (code *DeviceCode, tooSoon bool, err error)
	// RedeemDeviceCode marks an approved code as spent and saves the token, which
	// opens the grant: both or neither. Exactly one caller ever succeeds; the
	// others get ErrSpent. A code that is pending or denied gives ErrNotFound,
	// and a grant that is open already ErrExists. token.GrantID is key.Grant.
	//
	// The code says nothing about the grant after that: a revoked grant leaves the
	// spent code as it is, so that a replay is recognised.
	RedeemDeviceCode(ctx context.Context, key Key, token *Token) error
	// RevokeDeviceCodes denies every approved code that the filter selects, before
	// it is redeemed, and returns how many. UserID is that of who approved it. It
	// returns ErrEmptyFilter for an empty filter. A code that is approved or
	// redeemed at the same time may land on either side.
	RevokeDeviceCodes(ctx context.Context, filter GrantFilter) (revoked int, err error)
}
