package modeltest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Spec is the contract of [model.Model] as a small sequential model: plain
// values, no locks. It is given each operation of a history with the answer of
// the store, says whether the contract allows that answer, and moves on.
//
// Where the contract leaves something open, an answer of either kind is allowed
// and believed: ErrRevoked or ErrNotFound in a revoked grant, and whether a
// record is still there when its retention has ended. The time by which it has
// is the latest that occurred in the history: of an issued record, or of a Sweep.
//
// A Spec is used by one goroutine at a time. The zero value is an empty store.
type Spec struct {
	clock  time.Time
	grants map[model.GrantID]*grantSpec
}

// grantSpec is an open grant with all that is in it.
type grantSpec struct {
	keepUntil time.Time
	revoked   bool
	// weak is set for a grant opened by a token without refresh token, of which a
	// store need not keep more than the token.
	weak   bool
	code   *model.AuthorizationCode // nil: none, or gone
	tokens []tokenSpec
	seed   [32]byte
	seedOf model.Digest // the refresh token whose rotation put it
}

type tokenSpec struct {
	token         model.Token
	accessRevoked bool
}

// Clone returns an independent copy.
func (s *Spec) Clone() *Spec {
	c := &Spec{clock: s.clock, grants: maps.Clone(s.grants)}
	for id, g := range c.grants {
		h := *g
		if g.code != nil {
			h.code = cloneCode(g.code)
		}
		h.tokens = slices.Clone(g.tokens)
		c.grants[id] = &h
	}
	return c
}

// Step takes the next operation and what the store answered. It returns an
// error, and the history has failed, if the contract does not allow the answer.
func (s *Spec) Step(op Op, got Result) error {
	if err := fault(got.Err); err != nil {
		return err
	}
	if s.grants == nil {
		s.grants = map[model.GrantID]*grantSpec{}
	}
	for _, t := range op.times() {
		if t.After(s.clock) {
			s.clock = t
		}
	}
	switch op.Verb {
	case SaveAuthorizationCode:
		return s.open(op.Code.Key.Grant, got.Err, func() *grantSpec {
			return &grantSpec{keepUntil: op.Code.RetainUntil, code: cloneCode(op.Code)}
		})
	case SaveToken:
		return s.open(op.Token.GrantID, got.Err, func() *grantSpec {
			g := &grantSpec{weak: op.Token.Refresh.IsZero()}
			g.save(op.Token)
			return g
		})
	case GetAuthorizationCode:
		return s.getCode(op.Key, got)
	case RedeemAuthorizationCode:
		return s.redeem(op, got.Err)
	case GetAccessToken, GetRefreshToken:
		return s.getToken(op, got)
	case RotateRefreshToken:
		return s.rotate(op, got.Err)
	case RevokeAccessToken:
		if g := s.grants[op.Key.Grant]; g != nil {
			if i := g.find(op.Key.Digest, access); i >= 0 {
				g.tokens[i].accessRevoked = true
			}
		}
	case RevokeGrant:
		if g := s.grants[op.Key.Grant]; g != nil {
			g.revoked = true
		}
	case Sweep:
		return s.sweep(op, got)
	}
	return expect(got.Err, nil)
}

// times returns the times that an operation tells the store.
func (op Op) times() (times []time.Time) {
	if op.Code != nil {
		times = append(times, op.Code.IssuedAt)
	}
	if op.Token != nil {
		times = append(times, op.Token.IssuedAt)
	}
	return append(times, op.Now)
}

// expect returns an error unless err is one of the allowed outcomes.
func expect(err error, allowed ...error) error {
	for _, a := range allowed {
		if errors.Is(err, a) {
			return nil
		}
	}
	return fmt.Errorf("got %s, want %s", errText(err), errTexts(allowed))
}

// past reports whether what must be kept until then may have gone.
func (s *Spec) past(until time.Time) bool { return !s.clock.Before(until) }

func (g *grantSpec) save(t *model.Token) {
	saved := *cloneToken(t)
	saved.SpentAt, saved.Seed = time.Time{}, [32]byte{}
	g.tokens = append(g.tokens, tokenSpec{token: saved})
	for _, until := range []time.Time{t.GrantExpiresAt, t.RetainUntil()} {
		if until.After(g.keepUntil) {
			g.keepUntil = until
		}
	}
}

func (s *Spec) open(id model.GrantID, err error, opened func() *grantSpec) error {
	g := s.grants[id]
	allowed := []error{nil}
	switch {
	case g == nil:
	case s.past(g.keepUntil), g.weak && (g.revoked || g.tokens[0].accessRevoked):
		allowed = []error{nil, model.ErrExists}
	default:
		allowed = []error{model.ErrExists}
	}
	if err := expect(err, allowed...); err != nil {
		return err
	}
	if err == nil {
		s.grants[id] = opened()
	}
	return nil
}

// findCode returns the grant of a key with the code that it names, each nil if
// it is not there, and whether the code may have gone.
func (s *Spec) findCode(key model.Key) (g *grantSpec, code *model.AuthorizationCode, mayBeGone bool) {
	g = s.grants[key.Grant]
	if g == nil || g.code == nil || g.code.Key != key || key.Digest.IsZero() {
		return g, nil, true
	}
	return g, g.code, s.past(g.code.RetainUntil)
}

func (s *Spec) getCode(key model.Key, got Result) error {
	g, code, mayBeGone := s.findCode(key)
	if code == nil || g.revoked {
		return expect(got.Err, model.ErrNotFound)
	}
	if got.Err != nil {
		if mayBeGone {
			g.code = nil
			return expect(got.Err, model.ErrNotFound)
		}
		return expect(got.Err, nil)
	}
	return different(diffCode(got.Code, code))
}

func different(diff string) error {
	if diff != "" {
		return errors.New(diff)
	}
	return nil
}

func (s *Spec) redeem(op Op, err error) error {
	g, code, mayBeGone := s.findCode(op.Key)
	switch {
	case g != nil && g.revoked:
		return expect(err, afterRevoke...)
	case code == nil:
		return expect(err, model.ErrNotFound)
	case mayBeGone && errors.Is(err, model.ErrNotFound):
		g.code = nil
		return nil
	case code.Spent:
		return expect(err, model.ErrSpent)
	case err != nil:
		return expect(err, nil)
	}
	code.Spent = true
	if op.Token != nil {
		g.save(op.Token)
	}
	return nil
}

func access(t *model.Token) model.Digest  { return t.Access }
func refresh(t *model.Token) model.Digest { return t.Refresh }

// find returns the index of a token by one of its halves, or -1.
func (g *grantSpec) find(d model.Digest, half func(*model.Token) model.Digest) int {
	if d.IsZero() {
		return -1
	}
	return slices.IndexFunc(g.tokens, func(t tokenSpec) bool { return half(&t.token) == d })
}

func (s *Spec) getToken(op Op, got Result) error {
	half := access
	if op.Verb == GetRefreshToken {
		half = refresh
	}
	g := s.grants[op.Key.Grant]
	if g == nil || g.revoked {
		return expect(got.Err, model.ErrNotFound)
	}
	i := g.find(op.Key.Digest, half)
	if i < 0 || op.Verb == GetAccessToken && g.tokens[i].accessRevoked {
		return expect(got.Err, model.ErrNotFound)
	}
	want := g.tokens[i].token
	if got.Err != nil {
		if s.past(want.RetainUntil()) && !g.weak {
			g.tokens = slices.Delete(g.tokens, i, i+1)
			return expect(got.Err, model.ErrNotFound)
		}
		if s.past(want.RetainUntil()) { // with the token the grant has gone
			delete(s.grants, op.Key.Grant)
			return expect(got.Err, model.ErrNotFound)
		}
		return expect(got.Err, nil)
	}
	if op.Verb == GetAccessToken {
		want.SpentAt = time.Time{}
	} else if g.seedOf == want.Refresh {
		want.Seed = g.seed
	}
	return different(diffToken(got.Token, &want))
}

func (s *Spec) rotate(op Op, err error) error {
	g := s.grants[op.Key.Grant]
	if g == nil {
		return expect(err, model.ErrNotFound)
	}
	if g.revoked {
		return expect(err, afterRevoke...)
	}
	i := g.find(op.Key.Digest, refresh)
	if i < 0 {
		return expect(err, model.ErrNotFound)
	}
	t := &g.tokens[i].token
	switch {
	case s.past(t.RetainUntil()) && errors.Is(err, model.ErrNotFound):
		g.tokens = slices.Delete(g.tokens, i, i+1)
		return nil
	case !t.SpentAt.IsZero():
		return expect(err, model.ErrSpent)
	case err != nil:
		return expect(err, nil)
	}
	t.SpentAt = op.Token.IssuedAt
	g.seed, g.seedOf = op.Seed, t.Refresh
	g.save(op.Token)
	return nil
}

func (s *Spec) sweep(op Op, got Result) error {
	if got.Err != nil {
		return expect(got.Err, nil)
	}
	if got.Removed < 0 {
		return fmt.Errorf("%d removed", got.Removed)
	}
	if got.Removed < op.Limit {
		maps.DeleteFunc(s.grants, func(_ model.GrantID, g *grantSpec) bool { return !op.Now.Before(g.keepUntil) })
	}
	return nil
}
