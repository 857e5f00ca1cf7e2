package model

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// GrantID names one act of authorization and everything that follows from it:
// the code and each pair of access and refresh token. It is random and never
// zero, but no secret: it stands in clear in front of the secret in every code
// and token, so that a store knows from the key alone where the grant lives.
type GrantID [16]byte

// String returns the id as 22 characters of base64url.
func (id GrantID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// IsZero reports whether this is the zero id, which no grant has.
func (id GrantID) IsZero() bool { return id == GrantID{} }

// ParseGrantID reads what [GrantID.String] wrote.
func ParseGrantID(s string) (GrantID, error) {
	var id GrantID
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	// The decoder skips line breaks: only the length tells that there are none.
	if err != nil || len(s) != base64.RawURLEncoding.EncodedLen(len(id)) || len(b) != len(id) || GrantID(b).IsZero() {
		return GrantID{}, errors.New("not a grant id")
	}
	return GrantID(b), nil
}

// Digest is the SHA-256 of a whole code or token. The zero Digest means that
// there is none.
type Digest [sha256.Size]byte

// IsZero reports whether there is no digest.
func (d Digest) IsZero() bool { return d == Digest{} }

// DigestOf returns the digest under which a code, token or secret is stored.
func DigestOf(credential string) Digest {
	// A buffer on the stack spares the copy to the heap that []byte(s) makes.
	var buf [128]byte
	if len(credential) <= len(buf) {
		return sha256.Sum256(buf[:copy(buf[:], credential)])
	}
	return sha256.Sum256([]byte(credential))
}

// Key is what a presented code or token is looked up by. The grant names the
// partition, the digest the record in it.
type Key struct {
	Grant  GrantID
	Digest Digest
}

// Token is an access token with, unless Refresh is zero, the refresh token
// issued together with it.
type Token struct {
	GrantID  GrantID
	ClientID string
	// UserID is empty when the client acts for itself (client_credentials).
	UserID string

	// Access and Refresh are the digests of the two halves. Refresh is zero when
	// no refresh token was issued.
	Access, Refresh Digest

	// Scope is what the access token allows. GrantScope is the scope of the
	// grant, which a later refresh may ask for again after one was narrowed.
	Scope, GrantScope Scope

	// Resources is for which resources the access token is, GrantResources for
	// which a later refresh may ask (RFC 8707). Empty: the server's own.
	Resources, GrantResources Resources

	// IssuedAt and the expiries are UTC in whole milliseconds. A time has expired
	// when now >= expiry. RefreshExpiresAt is zero without a refresh token.
	// GrantExpiresAt is the limit of the whole family and never earlier than the
	// other two; without a refresh token it equals AccessExpiresAt.
	IssuedAt, AccessExpiresAt, RefreshExpiresAt, GrantExpiresAt time.Time

	// SpentAt and Seed are filled by GetRefreshToken only and ignored when a
	// token is saved; see [Model.RotateRefreshToken].
	SpentAt time.Time
	Seed    [32]byte

	// Extra holds the extended attributes of the token response as a JSON object,
	// or is nil.
	Extra json.RawMessage
}

// AccessKey returns the key under which the access token is looked up.
func (t *Token) AccessKey() Key { return Key{t.GrantID, t.Access} }

// RefreshKey returns the key under which the refresh token is looked up.
func (t *Token) RefreshKey() Key { return Key{t.GrantID, t.Refresh} }

// RetainUntil returns until when a store must keep the token: the later of its
// two expiries.
func (t *Token) RetainUntil() time.Time {
	if t.RefreshExpiresAt.After(t.AccessExpiresAt) {
		return t.RefreshExpiresAt
	}
	return t.AccessExpiresAt
}

// AuthorizationCode is what the authorization endpoint remembers for the
// exchange (RFC 6749, section 4.1).
type AuthorizationCode struct {
	Key              Key
	ClientID, UserID string
	Scope            Scope
	Resources        Resources

	// RedirectURI is where the code was sent. RedirectURISent tells whether the
	// request named it: only what was sent must be repeated at the exchange.
	RedirectURI     string
	RedirectURISent bool

	// Challenge is the S256 code challenge of RFC 7636, if HasChallenge. For an
	// allowed "plain" challenge it is the SHA-256 of the challenge, so that the
	// exchange is one comparison.
	Challenge    [32]byte
	HasChallenge bool

	// IssuedAt, ExpiresAt and RetainUntil are UTC in whole milliseconds. The
	// record must be kept until RetainUntil, so that a replay is recognised.
	IssuedAt, ExpiresAt, RetainUntil time.Time

	// Spent is set by RedeemAuthorizationCode.
	Spent bool
}
