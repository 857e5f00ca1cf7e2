package model

import (
	"context"
	"errors"
	"time"
)

// ErrNoUser means that nobody is signed in, or that a user does not exist any
// more or may not be served: the answer of a policy function, as opposed to a
// fault, which any other error is.
var ErrNoUser = errors.New("no such user")

// User is who decides at the authorization endpoint: the application's own
// user, as far as the protocol needs to know it.
type User struct {
	// ID is stored with codes and tokens. It must not be empty.
	ID string
	// Name is shown on the consent page. Empty: the ID is shown.
	Name string
	// AuthTime is when the user signed in, if known.
	AuthTime time.Time
	// SessionID is anything that changes at sign-in and sign-out. A consent page
	// is bound to it; empty binds the page to the user only.
	SessionID string
}

type tokenKey struct{}

// ContextWithToken returns a copy of ctx that carries the access token of the
// request.
func ContextWithToken(ctx context.Context, t *Token) context.Context {
	return context.WithValue(ctx, tokenKey{}, t)
}

// TokenFromContext returns the access token that the request was authenticated
// with, or nil.
func TokenFromContext(ctx context.Context) *Token {
	t, _ := ctx.Value(tokenKey{}).(*Token)
	return t
}
