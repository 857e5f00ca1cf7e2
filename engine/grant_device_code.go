package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// deviceCodeGrant is what a device polls for (RFC 8628, section 3.4).
type deviceCodeGrant struct{ s *Server }

func deviceCodeUnknown(reason string) *Error {
	return refuse(CodeInvalidGrant, reason, "The device code is not valid.")
}

func deviceCodeExpired() *Error {
	return refuse(CodeExpiredToken, "device_code_expired", "The device code has expired.")
}

// isPending reports whether an error says no more than that a device goes on
// polling.
func isPending(e *Error) bool {
	return e != nil && (e.Code == CodeAuthorizationPending || e.Code == CodeSlowDown)
}

// Decide notes the poll and says where the code stands. Whether it was spent is
// asked last, by complete.
func (g deviceCodeGrant) Decide(ctx context.Context, req *TokenRequest) (*Decision, error) {
	text := req.Param("device_code")
	switch {
	case text == "":
		return nil, refuse(CodeInvalidRequest, "device_code_missing", "The parameter device_code is missing.")
	case !isPrintable(text):
		return nil, refuse(CodeInvalidRequest, "device_code_malformed", "The parameter device_code is malformed.")
	}
	cred, ok := parseCode(text)
	if !ok {
		return nil, deviceCodeUnknown("device_code_unknown")
	}
	now := g.s.now()
	code, tooSoon, err := g.s.cfg.Devices.PollDeviceCode(ctx, cred.key, req.Client.ID, now, slowDown)
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, deviceCodeUnknown("device_code_unknown")
	case err != nil:
		return nil, asError(err, "poll_device_code")
	case code.ClientID != req.Client.ID:
		return nil, deviceCodeUnknown("device_code_foreign").because(fmt.Errorf("the code was issued to client %q", code.ClientID))
	case code.Status == model.DeviceDenied:
		return nil, refuse(CodeAccessDenied, "user_denied", "The user denied the request.")
	case code.Status != model.DevicePending:
		return &Decision{UserID: code.UserID, complete: &deviceExchange{code}}, nil
	case !now.Before(code.ExpiresAt):
		return nil, deviceCodeExpired()
	case tooSoon:
		return nil, refuse(CodeSlowDown, "polled_too_soon", "The device polls too fast. It must wait 5 seconds longer from now on.")
	}
	return nil, refuse(CodeAuthorizationPending, "user_pending", "The user has not decided yet.")
}

// deviceExchange completes a poll with a code that a user approved.
type deviceExchange struct{ code *model.DeviceCode }

func (x *deviceExchange) continues(t *model.Token) {
	t.GrantID, t.GrantScope, t.GrantResources = x.code.Key.Grant, x.code.Scope, x.code.Resources
}

func (x *deviceExchange) resources() model.Resources { return x.code.Resources }

// scope is what the user consented to, as far as the client may still have it.
func (x *deviceExchange) scope(_ *Server, req *TokenRequest) (model.Scope, *Error) {
	return remainingScope(req.Client, x.code.Scope)
}

func (x *deviceExchange) complete(ctx context.Context, s *Server, t *model.Token) (*TokenResponse, *Error) {
	if x.code.Status == model.DeviceSpent {
		return nil, x.replayed(ctx, s, t)
	}
	if !t.IssuedAt.Before(x.code.ExpiresAt) {
		return nil, deviceCodeExpired()
	}
	res, e := s.mint(ctx, t, nil)
	if e != nil {
		return nil, e
	}
	err := s.cfg.Devices.RedeemDeviceCode(ctx, x.code.Key, t)
	switch {
	case err == nil:
		return res, nil
	case errors.Is(err, model.ErrSpent):
		return nil, x.replayed(ctx, s, t)
	case errors.Is(err, model.ErrRevoked), errors.Is(err, model.ErrNotFound):
		return nil, deviceCodeUnknown("grant_revoked")
	case s.landed(ctx, t):
		return res, nil
	}
	return nil, asError(err, "redeem_device_code")
}

// replayed treats a spent device code like a spent authorization code: one of
// the two who had it is a thief. A device whose answer was lost comes here too;
// nobody has the tokens that it did not get, and its user types a new code.
func (x *deviceExchange) replayed(ctx context.Context, s *Server, t *model.Token) *Error {
	return s.revokeReplayed(ctx, t, model.GrantDeviceCode, deviceCodeUnknown("device_code_replayed"))
}
