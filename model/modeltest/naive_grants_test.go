package modeltest

import (
	"context"
	"slices"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

func (s *naive) RevokeGrant(ctx context.Context, id model.GrantID) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grants[id]
	s.decided(ctx, "revoke")
	switch {
	case g == nil:
		if s.is("revoking an unknown grant is an error") {
			return model.ErrNotFound
		}
		s.revokedUnknown[id] = true
	case g.revoked && s.is("revoking again is an error"):
		return model.ErrRevoked
	case s.is("revoke misses what is under way: redeem", "revoke misses what is under way: rotate"):
		g.code, g.tokens = nil, nil
	case g.lone && s.is("liberty: deletes when it revokes"):
		delete(s.grants, id)
	case g.lone && s.is("does not revoke a lone token"):
	case s.is("liberty: deletes when it revokes"):
		g.revoked, g.code, g.tokens = true, nil, nil
	default:
		g.revoked = true
	}
	if s.is("revokes all grants of the client") {
		for _, g := range s.grants {
			g.revoked = true
		}
	}
	return nil
}

func (s *naive) inserted(at time.Time) {
	switch s.way {
	case "liberty: expires at once":
		s.expire(at, 1<<30)
	case "inserts remove the expired":
		for _, g := range s.grants {
			if g.code != nil && !at.Before(g.code.ExpiresAt) {
				g.code = nil
			}
		}
	}
}

// Sweep implements model.Sweeper.
func (s *naive) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expire(now, limit), nil
}

func (s *naive) expire(now time.Time, limit int) (n int) {
	past := func(t time.Time) bool { return !now.Before(t) }
	for id, g := range s.grants {
		if n >= limit || s.is("sweeps nothing") {
			return n
		}
		tokenEnd := func(t *naiveToken) time.Time {
			switch s.way {
			case "sweeps by access expiry":
				return t.AccessExpiresAt
			case "sweeps a moment early":
				return t.RetainUntil().Add(-ms)
			}
			if !t.SpentAt.IsZero() && s.is("sweeps spent tokens") {
				return t.SpentAt
			}
			return t.RetainUntil()
		}
		before := len(g.tokens)
		g.tokens = slices.DeleteFunc(g.tokens, func(t *naiveToken) bool {
			return past(tokenEnd(t)) && !s.is("liberty: sweeps whole grants only")
		})
		n += before - len(g.tokens)
		if g.code != nil && (past(g.code.RetainUntil) && !s.is("liberty: sweeps whole grants only") ||
			s.is("sweeps codes at expiry") && past(g.code.ExpiresAt) || s.is("sweeps spent codes") && g.code.Spent) {
			g.code = nil
			n++
		}
		keep := g.keep
		if s.is("sweeps grants without tokens") && len(g.tokens) == 0 && g.code == nil || s.is("sweeps revoked grants") && g.revoked {
			keep = time.Time{}
		}
		if past(keep) && !s.is("sweeps no grants") {
			delete(s.grants, id)
			n++
		}
	}
	return n
}
