package modeltest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// naive is a small store that keeps the contract, unless it is told to break it
// in one way or to use one of the liberties that the contract leaves.
type naive struct {
	mu      sync.RWMutex
	hook    func(context.Context)
	way     string // the fault or liberty
	clients map[string]*model.Client
	grants  map[model.GrantID]*naiveGrant

	revokedUnknown map[model.GrantID]bool
}

type naiveGrant struct {
	keep    time.Time
	revoked bool
	lone    bool
	code    *model.AuthorizationCode
	tokens  []*naiveToken
	seed    [32]byte
	seedOf  model.Digest
}

type naiveToken struct {
	*model.Token
	accessRevoked bool
	ownSeed       [32]byte
}

func newNaive(way string) *naive {
	return &naive{way: way, clients: map[string]*model.Client{}, grants: map[model.GrantID]*naiveGrant{}, revokedUnknown: map[model.GrantID]bool{}}
}

func (s *naive) is(ways ...string) bool { return slices.Contains(ways, s.way) }

// racy says that the store unlocks between deciding and writing.
func (s *naive) racy(verb string) bool {
	switch s.way {
	case "race: open":
		return strings.HasPrefix(verb, "open")
	case "opening fails when revoked meanwhile":
		return verb == "open by token"
	}
	return s.is("race: "+verb, "revoke misses what is under way: "+verb)
}

// decided is called between deciding and writing, with the lock held.
func (s *naive) decided(ctx context.Context, verb string) {
	if !s.racy(verb) {
		if s.hook != nil {
			s.hook(ctx)
		}
		return
	}
	s.mu.Unlock()
	if s.hook != nil {
		s.hook(ctx)
	} else {
		time.Sleep(time.Millisecond)
	}
	s.mu.Lock()
}

func (s *naive) begin(ctx context.Context) error {
	if s.is("outcome for a cancelled context") && ctx.Err() != nil {
		return model.ErrNotFound
	}
	if s.is("ignores contexts", "half a redeem when cancelled", "half a rotate when cancelled") {
		return nil
	}
	return ctx.Err()
}

func (s *naive) AddClient(c model.Client) error {
	if err := c.Validate(); err != nil && !s.is("AddClient takes anything") {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c.ID] = c.Clone()
	if s.is("AddClient keeps the caller's slices") {
		s.clients[c.ID] = &c
	}
	return nil
}

func (s *naive) GetClient(_ context.Context, id string) (*model.Client, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if c, ok := s.clients[id]; ok {
		return c, nil
	}
	if s.is("unknown client without error") {
		return nil, nil
	}
	return nil, model.ErrNotFound
}

func (s *naive) SaveAuthorizationCode(ctx context.Context, code *model.AuthorizationCode) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.grants[code.Key.Grant]; g != nil && s.refuses(g) {
		return model.ErrExists
	}
	s.decided(ctx, "open by code")
	kept := cloneCode(code)
	if s.is("keeps the caller's code") {
		kept = code
	}
	if s.is("code loses RedirectURISent") {
		kept.RedirectURISent = true
	}
	if s.is("trims redirect URIs") {
		kept.RedirectURI = strings.TrimSpace(kept.RedirectURI)
	}
	s.grants[code.Key.Grant] = &naiveGrant{keep: code.RetainUntil, code: kept}
	s.inserted(code.IssuedAt)
	return nil
}

// refuses says whether an open grant refuses another opening.
func (s *naive) refuses(g *naiveGrant) bool {
	switch {
	case s.is("opens a grant again"):
		return false
	case s.is("opens a revoked grant again"):
		return !g.revoked
	case s.is("opens a grant again by a token of its own"):
		return !g.lone
	}
	return true
}

func (s *naive) code(key model.Key) (*naiveGrant, *model.AuthorizationCode) {
	g := s.grants[key.Grant]
	if g == nil || g.code == nil || g.code.Key.Digest != key.Digest && !s.is("code by its grant") {
		return g, nil
	}
	return g, g.code
}

func (s *naive) GetAuthorizationCode(ctx context.Context, key model.Key) (*model.AuthorizationCode, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, code := s.code(key)
	if code == nil || g.revoked && !s.is("reads codes of revoked grants") {
		return nil, model.ErrNotFound
	}
	if s.is("hides spent codes") && code.Spent {
		return nil, model.ErrNotFound
	}
	if s.is("hides expired codes") && time.Now().After(code.ExpiresAt) {
		return nil, model.ErrNotFound
	}
	if s.is("returns its own code") {
		return code, nil
	}
	return cloneCode(code), nil
}

func (s *naive) RedeemAuthorizationCode(ctx context.Context, key model.Key, t *model.Token) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, code := s.code(key)
	switch {
	case code == nil:
		if s.is("redeeming the unknown is spent") {
			return model.ErrSpent
		}
		return model.ErrNotFound
	case code.Spent && g.revoked && s.is("revoked code is spent"):
		return model.ErrSpent
	case g.revoked && !s.is("redeems in revoked grants"):
		return s.revoked()
	case code.Spent && s.is("saves for the loser of a redeem") && t != nil:
		s.save(g, t)
		return model.ErrSpent
	case code.Spent && !s.is("redeems twice"):
		return model.ErrSpent
	}
	if s.is("revoke misses what is under way: redeem") {
		code.Spent = true
	}
	s.decided(ctx, "redeem")
	if t == nil && s.is("nil token spends nothing") {
		return nil
	}
	code.Spent = !s.is("redeem does not spend")
	if ctx.Err() != nil && s.is("half a redeem when cancelled") {
		return ctx.Err()
	}
	if t != nil && !s.is("redeem does not save") {
		s.save(g, t)
		s.inserted(t.IssuedAt)
	}
	return nil
}

func (s *naive) revoked() error {
	if s.is("liberty: deletes when it revokes") {
		return errors.Join(errors.New("naive"), model.ErrNotFound)
	}
	return model.ErrRevoked
}
