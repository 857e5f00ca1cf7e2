package modeltest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Verb names an operation of a history.
type Verb uint8

// The verbs of [model.Model] but GetClient, and Sweep of [model.Sweeper].
const (
	SaveAuthorizationCode Verb = iota
	GetAuthorizationCode
	RedeemAuthorizationCode
	SaveToken
	GetAccessToken
	GetRefreshToken
	RotateRefreshToken
	RevokeAccessToken
	RevokeGrant
	Sweep
)

var verbNames = [...]string{
	"SaveAuthorizationCode", "GetAuthorizationCode", "RedeemAuthorizationCode", "SaveToken", "GetAccessToken",
	"GetRefreshToken", "RotateRefreshToken", "RevokeAccessToken", "RevokeGrant", "Sweep",
}

// String returns the name of the verb.
func (v Verb) String() string { return verbNames[v] }

// Op is one call of a verb, as a value. Only the fields that the verb takes are set.
type Op struct {
	Verb  Verb
	Key   model.Key // RevokeGrant: its Grant
	Code  *model.AuthorizationCode
	Token *model.Token // also the successor of RotateRefreshToken
	Seed  [32]byte
	Now   time.Time // of Sweep
	Limit int       // of Sweep
}

// Result is what a verb answered.
type Result struct {
	Code    *model.AuthorizationCode
	Token   *model.Token
	Removed int
	Err     error
}

// Apply calls the verb. The store gets copies of the records. Sweep of a store
// that is no [model.Sweeper] removes nothing.
func (op Op) Apply(ctx context.Context, s model.Model) (r Result) {
	switch op.Verb {
	case SaveAuthorizationCode:
		r.Err = s.SaveAuthorizationCode(ctx, cloneCode(op.Code))
	case GetAuthorizationCode:
		r.Code, r.Err = s.GetAuthorizationCode(ctx, op.Key)
	case RedeemAuthorizationCode:
		t := op.Token
		if t != nil {
			t = cloneToken(t)
		}
		r.Err = s.RedeemAuthorizationCode(ctx, op.Key, t)
	case SaveToken:
		r.Err = s.SaveToken(ctx, cloneToken(op.Token))
	case GetAccessToken:
		r.Token, r.Err = s.GetAccessToken(ctx, op.Key)
	case GetRefreshToken:
		r.Token, r.Err = s.GetRefreshToken(ctx, op.Key)
	case RotateRefreshToken:
		r.Err = s.RotateRefreshToken(ctx, op.Key, op.Seed, cloneToken(op.Token))
	case RevokeAccessToken:
		r.Err = s.RevokeAccessToken(ctx, op.Key)
	case RevokeGrant:
		r.Err = s.RevokeGrant(ctx, op.Key.Grant)
	case Sweep:
		if sweeper, ok := s.(model.Sweeper); ok {
			r.Removed, r.Err = sweeper.Sweep(ctx, op.Now, op.Limit)
		}
	}
	return r
}

// String returns the operation on one line, with ids and digests shortened.
func (op Op) String() string {
	switch op.Verb {
	case SaveAuthorizationCode:
		return fmt.Sprintf("%v(code %s, issued %s, retained until %s)", op.Verb, keyText(op.Code.Key), timeText(op.Code.IssuedAt), timeText(op.Code.RetainUntil))
	case SaveToken:
		return fmt.Sprintf("%v(%s)", op.Verb, tokenText(op.Token))
	case RedeemAuthorizationCode, RotateRefreshToken:
		return fmt.Sprintf("%v(%s, %s)", op.Verb, keyText(op.Key), tokenText(op.Token))
	case RevokeGrant:
		return fmt.Sprintf("%v(%x)", op.Verb, op.Key.Grant[:3])
	case Sweep:
		return fmt.Sprintf("%v(%s, %d)", op.Verb, timeText(op.Now), op.Limit)
	}
	return fmt.Sprintf("%v(%s)", op.Verb, keyText(op.Key))
}

// String returns the answer on one line.
func (r Result) String() string {
	switch {
	case r.Err != nil:
		return r.Err.Error()
	case r.Code != nil:
		return fmt.Sprintf("code %s, spent %t", keyText(r.Code.Key), r.Code.Spent)
	case r.Token != nil:
		text := tokenText(r.Token)
		if !r.Token.SpentAt.IsZero() {
			text += fmt.Sprintf(", spent %s, seed %x", timeText(r.Token.SpentAt), r.Token.Seed[:3])
		}
		return text
	case r.Removed != 0:
		return fmt.Sprintf("%d removed", r.Removed)
	}
	return "ok"
}

func keyText(k model.Key) string { return fmt.Sprintf("%x/%x", k.Grant[:3], k.Digest[:3]) }

func timeText(t time.Time) string { return t.Format("Jan02 15:04:05.000") }

func tokenText(t *model.Token) string {
	if t == nil {
		return "no token"
	}
	return fmt.Sprintf("token %x/%x+%x, issued %s, until %s/%s/%s", t.GrantID[:3], t.Access[:3], t.Refresh[:3],
		timeText(t.IssuedAt), timeText(t.AccessExpiresAt), timeText(t.RefreshExpiresAt), timeText(t.GrantExpiresAt))
}

// fault returns an error for an outcome that is none of the contract's.
func fault(err error) error {
	for _, outcome := range []error{model.ErrNotFound, model.ErrSpent, model.ErrRevoked, model.ErrExists} {
		if err == nil || errors.Is(err, outcome) {
			return nil
		}
	}
	return fmt.Errorf("a fault: %w", err)
}
