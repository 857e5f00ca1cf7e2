package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// spyStore is the store in memory with its calls counted and, where a test says
// so, with faults.
type spyStore struct {
	*memstore.Store

	mu    sync.Mutex
	calls map[string]int
	hook  func(ctx context.Context, verb string, do func() error) error
	// raw holds clients that AddClient would not register.
	raw map[string]*model.Client
	// codes and saved are the records that were saved.
	codes []model.AuthorizationCode
	saved []model.Token
}

func newSpyStore(t *testing.T) *spyStore {
	t.Helper()
	s := &spyStore{Store: memstore.New(), calls: map[string]int{}, raw: map[string]*model.Client{}}
	for _, c := range fixtureClients() {
		require.NoError(t, s.AddClient(c))
	}
	return s
}

// setHook puts a function around every verb: it may answer with an error before
// or after it called do.
func (s *spyStore) setHook(hook func(ctx context.Context, verb string, do func() error) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// failOn makes a verb return this error and do nothing.
func (s *spyStore) failOn(verb string, err error) {
	s.setHook(func(_ context.Context, v string, do func() error) error {
		if v == verb {
			return err
		}
		return do()
	})
}

// addRaw registers a client without validation, as a store of somebody else
// might.
func (s *spyStore) addRaw(c model.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw[c.ID] = &c
}

// count returns how often a verb was called; without a name, all of them.
func (s *spyStore) count(verbs ...string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, v := range verbs {
		n += s.calls[v]
	}
	if len(verbs) == 0 {
		for _, c := range s.calls {
			n += c
		}
	}
	return n
}

// lastCode returns the code that was saved last.
func (s *spyStore) lastCode(t *testing.T) model.AuthorizationCode {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotEmpty(t, s.codes, "no code was saved")
	return s.codes[len(s.codes)-1]
}

// lastToken returns the token that was saved last.
func (s *spyStore) lastToken(t *testing.T) model.Token {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotEmpty(t, s.saved, "no token was saved")
	return s.saved[len(s.saved)-1]
}

func (s *spyStore) run(ctx context.Context, verb string, do func() error) error {
	s.mu.Lock()
	s.calls[verb]++
	hook := s.hook
	s.mu.Unlock()
	if hook != nil {
		return hook(ctx, verb, do)
	}
	return do()
}

func (s *spyStore) keepToken(t *model.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved = append(s.saved, *t)
}

func (s *spyStore) GetClient(ctx context.Context, id string) (c *model.Client, err error) {
	err = s.run(ctx, "GetClient", func() error {
		s.mu.Lock()
		raw := s.raw[id]
		s.mu.Unlock()
		if c = raw; c != nil {
			return nil
		}
		c, err = s.Store.GetClient(ctx, id)
		return err
	})
	return c, err
}

func (s *spyStore) SaveAuthorizationCode(ctx context.Context, code *model.AuthorizationCode) error {
	return s.run(ctx, "SaveAuthorizationCode", func() error {
		err := s.Store.SaveAuthorizationCode(ctx, code)
		if err == nil {
			s.mu.Lock()
			s.codes = append(s.codes, *code)
			s.mu.Unlock()
		}
		return err
	})
}

func (s *spyStore) GetAuthorizationCode(ctx context.Context, key model.Key) (c *model.AuthorizationCode, err error) {
	err = s.run(ctx, "GetAuthorizationCode", func() error { c, err = s.Store.GetAuthorizationCode(ctx, key); return err })
	return c, err
}

func (s *spyStore) RedeemAuthorizationCode(ctx context.Context, key model.Key, token *model.Token) error {
	return s.run(ctx, "RedeemAuthorizationCode", func() error {
		err := s.Store.RedeemAuthorizationCode(ctx, key, token)
		if err == nil && token != nil {
			s.keepToken(token)
		}
		return err
	})
}

func (s *spyStore) SaveToken(ctx context.Context, token *model.Token) error {
	return s.run(ctx, "SaveToken", func() error {
		err := s.Store.SaveToken(ctx, token)
		if err == nil {
			s.keepToken(token)
		}
		return err
	})
}

func (s *spyStore) GetAccessToken(ctx context.Context, key model.Key) (t *model.Token, err error) {
	err = s.run(ctx, "GetAccessToken", func() error { t, err = s.Store.GetAccessToken(ctx, key); return err })
	return t, err
}

func (s *spyStore) GetRefreshToken(ctx context.Context, key model.Key) (t *model.Token, err error) {
	err = s.run(ctx, "GetRefreshToken", func() error { t, err = s.Store.GetRefreshToken(ctx, key); return err })
	return t, err
}

func (s *spyStore) RotateRefreshToken(ctx context.Context, key model.Key, seed [32]byte, successor *model.Token) error {
	return s.run(ctx, "RotateRefreshToken", func() error {
		err := s.Store.RotateRefreshToken(ctx, key, seed, successor)
		if err == nil {
			s.keepToken(successor)
		}
		return err
	})
}

func (s *spyStore) RevokeAccessToken(ctx context.Context, key model.Key) error {
	return s.run(ctx, "RevokeAccessToken", func() error { return s.Store.RevokeAccessToken(ctx, key) })
}

func (s *spyStore) RevokeGrant(ctx context.Context, id model.GrantID) error {
	return s.run(ctx, "RevokeGrant", func() error { return s.Store.RevokeGrant(ctx, id) })
}

func (s *spyStore) RevokeGrants(ctx context.Context, filter model.GrantFilter) (n int, err error) {
	err = s.run(ctx, "RevokeGrants", func() error {
		n, err = s.Store.RevokeGrants(ctx, filter)
		return err
	})
	return n, err
}

func eventsInTurn(first, second func(context.Context, engine.Event)) func(context.Context, engine.Event) {
	return func(ctx context.Context, e engine.Event) {
		first(ctx, e)
		second(ctx, e)
	}
}

func (f *fixture) record(_ context.Context, e engine.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, e)
}

// lastEvent returns the event that was told last.
func (f *fixture) lastEvent(t *testing.T) engine.Event {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	require.NotEmpty(t, f.events, "no event")
	return f.events[len(f.events)-1]
}

// countEvents returns how many events of a type were told.
func (f *fixture) countEvents(typ engine.EventType) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, e := range f.events {
		if e.Type == typ {
			n++
		}
	}
	return n
}

// remember notes the secrets of an answer.
func (f *fixture) remember(a answer) {
	var found []string
	if u, err := a.Result().Location(); err == nil {
		if c := u.Query().Get("code"); c != "" {
			found = append(found, c)
		}
	}
	var m struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(a.Body.Bytes(), &m) == nil {
		for _, s := range []string{m.Access, m.Refresh} {
			if s != "" {
				found = append(found, s)
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.secrets = append(f.secrets, found...)
}

// assertNoSecretLogged runs after every test that uses the fixture: whatever
// happened, no code, token, client secret, password or verifier is in the log
// or in an event.
func (f *fixture) assertNoSecretLogged(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	told := f.logs.String()
	for _, e := range f.events {
		told += fmt.Sprintf("%+v", e)
		if e.Err != nil {
			told += e.Err.Error()
		}
	}
	for _, secret := range append([]string{"s3cret", "wonderland", verifier}, f.secrets...) {
		assert.NotContains(t, told, secret, "a secret was logged")
	}
}
