package model

import (
	"context"
	"errors"
)

// The four outcomes that a [Model] reports. A store may wrap them; they are
// compared with [errors.Is]. Any other error is a fault: the verb happened as
// a whole or not at all, and nobody knows which.
//
// If several apply, not found and revoked come before spent. Something revoked
// is never reported as spent, because that would read as a replay.
var (
	// ErrNotFound means that there is no such record, or that its grant was revoked.
	ErrNotFound = errors.New("not found")
	// ErrSpent means that the code or refresh token was redeemed before.
	ErrSpent = errors.New("already spent")
	// ErrRevoked means that the grant was revoked, so nothing can be saved in it.
	ErrRevoked = errors.New("grant revoked")
	// ErrExists means that the grant was opened before.
	ErrExists = errors.New("grant exists")
)

// Model is the contract for storing clients, codes and tokens.
//
// Each verb is atomic, and together they are linearizable, also when called
// from several processes at once. There is no pair of verbs that has to be
// called in a row to be safe, so single use cannot be implemented wrongly by
// forgetting half of it. All verbs are safe for concurrent use.
//
// Rules that hold for every verb:
//
//   - Stores read no clock. An expired record is returned as it is; the engine
//     compares times. Times are UTC in whole milliseconds.
//   - Revocation is a fact about the grant, not about its records. After
//     RevokeGrant returned nil for a grant that was open, every read in that
//     grant gives ErrNotFound, and redeeming or rotating in it fails with
//     ErrRevoked (ErrNotFound from a store that deletes). A save that was under
//     way at the same time may succeed only if what it saved does not
//     authenticate.
//   - What is passed in belongs to the caller again when the verb returns, and
//     a returned *Token or *AuthorizationCode is the caller's own. A returned
//     *Client is shared and read-only.
//   - A zero Digest stands for "there is none" and is never found.
//   - A cancelled or expired context may end a verb with a fault.
//
// Retention is in the record. A code must be kept until RetainUntil, a token
// until the later of its two expiries, a grant with its revocation mark until
// the later of its code's RetainUntil and its tokens' GrantExpiresAt and never
// shorter than its last code and token. After that each may go at any time,
// and nothing may live without end; see [Sweeper].
//
// The package modeltest holds this contract as a test suite for any store.
type Model interface {
	// GetClient returns the registered client, or ErrNotFound. The result is
	// shared: neither the store nor the caller changes it afterwards.
	GetClient(ctx context.Context, clientID string) (*Client, error)

	// SaveAuthorizationCode opens the grant code.Key.Grant with this code. It
	// returns ErrExists, and saves nothing, if the grant was opened before and
	// its record must still be kept, whether or not it was revoked since.
	SaveAuthorizationCode(ctx context.Context, code *AuthorizationCode) error

	// GetAuthorizationCode returns the code, also a spent one (Spent is then
	// true), or ErrNotFound.
	GetAuthorizationCode(ctx context.Context, key Key) (*AuthorizationCode, error)

	// RedeemAuthorizationCode marks the code as spent and saves the token, both
	// or neither. Exactly one caller ever succeeds; the others get ErrSpent. A
	// nil token spends the code and saves nothing. token.GrantID is key.Grant.
	RedeemAuthorizationCode(ctx context.Context, key Key, token *Token) error

	// SaveToken saves a token that was issued from nothing (client_credentials,
	// password and extension grants) and opens its grant, or returns ErrExists.
	SaveToken(ctx context.Context, token *Token) error

	// GetAccessToken returns the token whose access half is key, or ErrNotFound.
	// SpentAt and Seed are zero in the result.
	GetAccessToken(ctx context.Context, key Key) (*Token, error)

	// GetRefreshToken returns the token whose refresh half is key, also a spent
	// one, or ErrNotFound. SpentAt tells when it was spent. Seed is the grant's
	// seed if it was put there by the rotation of this very token, else zero: a
	// spent record with a zero Seed is one whose successor was itself spent.
	GetRefreshToken(ctx context.Context, key Key) (*Token, error)

	// RotateRefreshToken spends the refresh token at successor.IssuedAt, makes
	// seed the one seed of the grant (the seed of the rotation before is erased)
	// and saves the successor: all of it or nothing. Exactly one caller ever
	// succeeds; the others get ErrSpent. successor.GrantID is key.Grant; seed is
	// not zero.
	RotateRefreshToken(ctx context.Context, key Key, seed [32]byte, successor *Token) error

	// RevokeAccessToken makes GetAccessToken answer ErrNotFound for this key.
	// The rest of the grant lives on, and GetRefreshToken still returns the
	// record unchanged. It is idempotent, and nil for an unknown key.
	RevokeAccessToken(ctx context.Context, key Key) error

	// RevokeGrant ends a grant, durably: its code, its access and its refresh
	// tokens. It is idempotent. For a grant that is not or no longer known it
	// returns nil and has no effect, also none on a later opening.
	RevokeGrant(ctx context.Context, id GrantID) error
}
