package linearizability

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

// A faulty store is memstore with one fault of those that stores on servers have had.
type faulty struct {
	model.Model
	fault string
	// window is called where the store decides by what it has read before.
	window func(context.Context)

	mu       sync.Mutex
	seen     map[model.Key]*model.Token // by the replica that lags
	ghosts   map[model.Key]*model.Token // saved by who did not notice the revocation
	unsynced map[model.GrantID]bool     // revoked, but not on the disk yet
}

func newFaulty(fault string, window func(context.Context)) *faulty {
	return &faulty{
		Model: memstore.New(), fault: fault, window: window,
		seen: map[model.Key]*model.Token{}, ghosts: map[model.Key]*model.Token{}, unsynced: map[model.GrantID]bool{},
	}
}

func (s *faulty) RedeemAuthorizationCode(ctx context.Context, key model.Key, t *model.Token) error {
	switch s.fault {
	case "redeem reads, then writes":
		if code, err := s.GetAuthorizationCode(ctx, key); err == nil && !code.Spent {
			s.window(ctx)
			err := s.Model.RedeemAuthorizationCode(ctx, key, t)
			if errors.Is(err, model.ErrSpent) {
				return nil
			}
			return err
		}
	case "revoke misses what is under way":
		if code, err := s.GetAuthorizationCode(ctx, key); err == nil && !code.Spent {
			s.window(ctx)
			err := s.Model.RedeemAuthorizationCode(ctx, key, t)
			if errors.Is(err, model.ErrRevoked) && t != nil {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.ghosts[t.AccessKey()] = t
				return nil
			}
			return err
		}
	case "asks again when the answer is lost":
		if err := s.Model.RedeemAuthorizationCode(ctx, key, t); err != nil {
			return err
		}
	case "half a redeem":
		if t != nil {
			return errors.Join(s.Model.RedeemAuthorizationCode(ctx, key, nil), errors.New("the connection was lost"))
		}
	}
	return s.Model.RedeemAuthorizationCode(ctx, key, t)
}

func (s *faulty) RotateRefreshToken(ctx context.Context, key model.Key, seed [32]byte, t *model.Token) error {
	switch s.fault {
	case "rotate reads, then writes":
		if spent, err := s.GetRefreshToken(ctx, key); err == nil && spent.SpentAt.IsZero() {
			s.window(ctx)
			err := s.Model.RotateRefreshToken(ctx, key, seed, t)
			if errors.Is(err, model.ErrSpent) {
				return nil
			}
			return err
		}
	case "rotate loses the seed":
		seed = [32]byte{}
	}
	return s.Model.RotateRefreshToken(ctx, key, seed, t)
}

func (s *faulty) RevokeGrant(ctx context.Context, id model.GrantID) error {
	switch s.fault {
	case "revoke forgets":
		return nil
	case "revocations are not on the disk":
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unsynced[id] = true
		return nil
	}
	return s.Model.RevokeGrant(ctx, id)
}

func (s *faulty) GetAccessToken(ctx context.Context, key model.Key) (*model.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.ghosts[key]; t != nil {
		return t, nil
	}
	if s.unsynced[key.Grant] {
		return nil, model.ErrNotFound
	}
	if t := s.seen[key]; t != nil {
		return t, nil
	}
	t, err := s.Model.GetAccessToken(ctx, key)
	if err == nil && s.fault == "reads from a replica that lags" {
		s.seen[key] = t
	}
	return t, err
}

// crash is a restart of the server.
func (s *faulty) crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.unsynced)
}

// A play is a history that is played as it is written.
type play struct {
	*story
	t        *testing.T
	store    *faulty
	recorder Recorder
	entered  chan struct{}
	leave    chan struct{}
}

type inWindow struct{}

func newPlay(t *testing.T, fault string) *play {
	p := &play{story: newStory(), t: t, entered: make(chan struct{}), leave: make(chan struct{})}
	p.store = newFaulty(fault, func(ctx context.Context) {
		if ctx.Value(inWindow{}) != nil {
			close(p.entered)
			<-p.leave
		}
	})
	return p
}

func (p *play) do(ops ...modeltest.Op) {
	for _, op := range ops {
		p.recorder.Do(p.t.Context(), 0, op, On(p.store))
	}
}

// while does the others while op is in the store's window.
func (p *play) while(op modeltest.Op, others ...modeltest.Op) {
	var wg sync.WaitGroup
	wg.Go(func() {
		p.recorder.Do(context.WithValue(p.t.Context(), inWindow{}, true), 1, op, On(p.store))
	})
	<-p.entered
	p.do(others...)
	close(p.leave)
	wg.Wait()
}

// Each fault is found in the shortest history that shows it, and by the calls of a Load, to which nobody said where to
// look. Without its fault the store passes both.
func TestPlantedFaults(t *testing.T) {
	t.Parallel()
	for fault, scene := range map[string]func(*play){
		"redeem reads, then writes": func(p *play) {
			p.do(p.save())
			p.while(p.redeem(p.first), p.redeem(p.next))
		},
		"rotate reads, then writes": func(p *play) {
			p.do(p.save(), p.redeem(p.first))
			p.while(p.rotate(p.next), p.rotate(p.other))
		},
		"rotate loses the seed": func(p *play) {
			p.do(p.save(), p.redeem(p.first), p.rotate(p.next), p.getRefresh(p.first))
		},
		"revoke forgets": func(p *play) {
			p.do(p.save(), p.redeem(p.first), p.revoke(), p.getAccess(p.first))
		},
		"revoke misses what is under way": func(p *play) {
			p.do(p.save())
			p.while(p.redeem(p.first), p.revoke())
			p.do(p.getAccess(p.first))
		},
		"reads from a replica that lags": func(p *play) {
			p.do(p.save(), p.redeem(p.first), p.getAccess(p.first), p.revoke(), p.getAccess(p.first))
		},
		"asks again when the answer is lost": func(p *play) {
			p.do(p.save(), p.redeem(p.first))
		},
		"half a redeem": func(p *play) {
			p.do(p.save(), p.redeem(p.first), p.getCode(), p.getAccess(p.first))
		},
		"revocations are not on the disk": func(p *play) {
			p.do(p.save(), p.redeem(p.first), p.revoke(), p.getAccess(p.first))
			p.store.crash()
			p.do(p.getAccess(p.first))
		},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, fault)
			scene(p)
			v := p.recorder.History().Check()
			require.NotNil(t, v, "not found in the history that shows it")
			assert.False(t, v.undecided)

			p = newPlay(t, "none")
			close(p.entered) // nobody stops on the way
			scene(p)
			v = p.recorder.History().Check()
			require.Nil(t, v, "the same calls to a store without fault: %v", v)

			found := false
			for seed := uint64(0); !found && seed < 100; seed++ {
				s := newFaulty(fault, func(context.Context) { runtime.Gosched() })
				crash := func(<-chan struct{}) { s.crash() }
				found = Load{Seed: seed, Troubles: []func(<-chan struct{}){crash, crash, crash}}.Record(t.Context(), busy(On(s))).Check() != nil
			}
			assert.True(t, found, "no load finds it")
		})
	}
}
