package modeltest

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

func (s *naive) save(g *naiveGrant, t *model.Token) {
	kept := cloneToken(t)
	if s.is("keeps the caller's Extra") {
		kept.Extra = t.Extra
	}
	if !s.is("saves SpentAt and Seed") {
		kept.SpentAt, kept.Seed = time.Time{}, [32]byte{}
	}
	switch s.way {
	case "token loses its GrantScope":
		kept.GrantScope = kept.Scope
	case "cuts times to seconds":
		kept.GrantExpiresAt = kept.GrantExpiresAt.Truncate(time.Second)
	case "times in nanoseconds":
		kept.IssuedAt = time.Unix(0, kept.IssuedAt.UnixNano()).UTC()
	case "local times":
		kept.IssuedAt = kept.IssuedAt.In(time.FixedZone("", 3600))
	case "lower case users":
		kept.UserID = strings.ToLower(kept.UserID)
	case "short scopes":
		kept.Scope, kept.GrantScope = kept.Scope[:min(255, len(kept.Scope))], kept.GrantScope[:min(255, len(kept.GrantScope))]
	case "numbers as float64":
		var v any
		if json.Unmarshal(kept.Extra, &v) == nil {
			kept.Extra, _ = json.Marshal(v)
		}
	}
	g.tokens = append(g.tokens, &naiveToken{Token: kept})
	if s.is("forgets all but six tokens of a grant") && len(g.tokens) > 6 {
		g.tokens = g.tokens[1:]
	}
	for _, at := range []time.Time{t.GrantExpiresAt, t.RetainUntil()} {
		if at.After(g.keep) {
			g.keep = at
		}
	}
}

func (s *naive) SaveToken(ctx context.Context, t *model.Token) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.grants[t.GrantID]; g != nil && s.refuses(g) {
		return model.ErrExists
	}
	before := s.revokedUnknown[t.GrantID]
	s.decided(ctx, "open by token")
	if s.is("opening fails when revoked meanwhile") {
		switch {
		case s.grants[t.GrantID] != nil:
			return model.ErrExists
		case s.revokedUnknown[t.GrantID] && !before:
			return model.ErrRevoked
		}
	}
	g := &naiveGrant{lone: t.Refresh.IsZero()}
	s.save(g, t)
	g.revoked = s.revokedUnknown[t.GrantID] && s.is("keeps revocations of unknown grants")
	s.grants[t.GrantID] = g
	s.inserted(t.IssuedAt)
	return nil
}

// find looks a token up by one of its halves.
func (s *naive) find(key model.Key, half func(*model.Token) model.Digest) (*naiveGrant, *naiveToken) {
	g := s.grants[key.Grant]
	if g == nil || key.Digest.IsZero() && !s.is("finds the zero digest") {
		return g, nil
	}
	for _, t := range g.tokens {
		d := half(t.Token)
		if s.is("compares 31 bytes of digests") {
			d[31] = key.Digest[31]
		}
		if d == key.Digest || s.is("finds either half") && (t.Access == key.Digest || t.Refresh == key.Digest) {
			return g, t
		}
	}
	return g, nil
}

func (s *naive) GetAccessToken(ctx context.Context, key model.Key) (*model.Token, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, t := s.find(key, access)
	if t == nil || g.revoked && !s.is("reads tokens of revoked grants") || t.accessRevoked {
		return nil, model.ErrNotFound
	}
	if s.is("hides expired tokens") && time.Now().After(t.AccessExpiresAt) {
		return nil, model.ErrNotFound
	}
	if s.is("returns its own token") && t.SpentAt.IsZero() {
		return t.Token, nil
	}
	r := cloneToken(t.Token)
	if s.is("returns its own Extra") {
		r.Extra = t.Extra
	}
	if !s.is("shows SpentAt of access tokens") {
		r.SpentAt = time.Time{}
	}
	if s.is("shows the seed of access tokens") {
		r.Seed = t.ownSeed
	}
	return r, nil
}

func (s *naive) GetRefreshToken(ctx context.Context, key model.Key) (*model.Token, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, t := s.find(key, refresh)
	if t == nil || g.revoked {
		return nil, model.ErrNotFound
	}
	if t.accessRevoked && s.is("revokes the refresh token too") {
		return nil, model.ErrNotFound
	}
	r := cloneToken(t.Token)
	if !s.is("saves SpentAt and Seed") {
		r.Seed = [32]byte{}
	}
	switch {
	case s.is("no seed"):
	case s.is("seed for every spent token"):
		if !t.SpentAt.IsZero() {
			r.Seed = g.seed
		}
	case s.is("keeps every seed"):
		r.Seed = t.ownSeed
	case g.seedOf == t.Refresh && !t.Refresh.IsZero():
		r.Seed = g.seed
	}
	return r, nil
}

func (s *naive) RotateRefreshToken(ctx context.Context, key model.Key, seed [32]byte, next *model.Token) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, t := s.find(key, refresh)
	switch {
	case t == nil:
		if s.is("rotating the unknown is spent") {
			return model.ErrSpent
		}
		return model.ErrNotFound
	case !t.SpentAt.IsZero() && g.revoked && s.is("revoked token is spent"):
		return model.ErrSpent
	case g.revoked && !s.is("rotates in revoked grants"):
		return s.revoked()
	case !t.SpentAt.IsZero() && s.is("seed of a rotation that lost"):
		g.seed = seed
		return model.ErrSpent
	case !t.SpentAt.IsZero() && !s.is("rotates twice"):
		return model.ErrSpent
	}
	if s.is("revoke misses what is under way: rotate") {
		t.SpentAt = next.IssuedAt
	}
	s.decided(ctx, "rotate")
	t.SpentAt = next.IssuedAt
	if s.is("spent by the clock") {
		t.SpentAt = time.Now().UTC().Truncate(ms)
	}
	t.ownSeed, g.seed, g.seedOf = seed, seed, t.Refresh
	if ctx.Err() != nil && s.is("half a rotate when cancelled") {
		return ctx.Err()
	}
	s.save(g, next)
	s.inserted(next.IssuedAt)
	return nil
}

func (s *naive) RevokeAccessToken(ctx context.Context, key model.Key) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, t := s.find(key, access)
	switch {
	case t == nil:
		if s.is("revoking an unknown access token is an error") {
			return model.ErrNotFound
		}
	case s.is("RevokeAccessToken does nothing"):
	case s.is("RevokeAccessToken spends") && t.SpentAt.IsZero():
		t.SpentAt = t.IssuedAt
		fallthrough
	default:
		t.accessRevoked = true
	}
	return nil
}
