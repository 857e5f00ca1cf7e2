package model

import (
	"context"
	"time"
)

// DeviceCode is a device authorization that is under way (RFC 8628). The grant
// in its key is opened when the code is redeemed.
type DeviceCode struct {
	// Key is that of the device code, UserCode the digest of the code that the
	// user types, in normal form.
	Key       Key
	UserCode  Digest
	ClientID  string
	Scope     Scope
	Resources Resources

	// IssuedAt and ExpiresAt are UTC in whole milliseconds. The record must be
	// kept until ExpiresAt and may go after it.
	IssuedAt, ExpiresAt time.Time

	// Status and UserID are set by DecideDeviceCode.
	Status DeviceStatus
	UserID string

	// Interval is how long the device must wait between two polls, and PolledAt
	// when it last polled; both are kept by PollDeviceCode.
	Interval time.Duration
	PolledAt time.Time
}

// DeviceStatus is what the user said to a device.
type DeviceStatus uint8

// The states of a device code.
const (
	DevicePending DeviceStatus = iota
	DeviceApproved
	DeviceDenied
	DeviceSpent
)

// DeviceModel stores device codes. Like those of [Model] its verbs are atomic
// and read no clock.
type DeviceModel interface {
	// SaveDeviceCode saves a pending code. It returns ErrExists, and saves
	// nothing, if the user code or the grant is in use by a record that must
	// still be kept at code.IssuedAt.
	SaveDeviceCode(ctx context.Context, code *DeviceCode) error
	// GetDeviceCode finds a code by what the user typed, in whatever state, or
	// returns ErrNotFound.
	GetDeviceCode(ctx context.Context, userCode Digest) (*DeviceCode, error)
	// DecideDeviceCode sets the decision of the user on a pending code: status is
	// DeviceApproved or DeviceDenied. Exactly one decision ever succeeds; the
	// others get ErrSpent.
	DecideDeviceCode(ctx context.Context, userCode Digest, status DeviceStatus, userID string, scope Scope) error
	// PollDeviceCode notes a poll at the time now and returns the record as it is
	// afterwards. If less than Interval passed since the poll before, tooSoon is
	// true and Interval has grown by slowDown.
	PollDeviceCode(ctx context.Context, key Key, now time.Time, slowDown time.Duration) (code *DeviceCode, tooSoon bool, err error)
	// RedeemDeviceCode marks an approved code as spent and saves the token, which
	// opens its grant: both or neither. Exactly one caller ever succeeds; the
	// others get ErrSpent. A code that is not approved gives ErrNotFound.
	RedeemDeviceCode(ctx context.Context, key Key, token *Token) error
}
