package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const stale = 5 * time.Second

func withStale(c *engine.Config) { c.AllowStaleAccessTokens = stale }

func TestStaleAccessTokens(t *testing.T) {
	t.Parallel()
	t.Run("the store is asked once in a while", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withStale)
		access, _ := f.tokens(t)
		for range 3 {
			assert.True(t, f.works(access))
		}
		assert.Equal(t, 1, f.store.count("GetAccessToken"))
		f.clock.Advance(stale)
		assert.True(t, f.works(access))
		assert.Equal(t, 2, f.store.count("GetAccessToken"))
	})
	t.Run("off, the store is asked each time", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		access, _ := f.tokens(t)
		for range 3 {
			assert.True(t, f.works(access))
		}
		assert.Equal(t, 3, f.store.count("GetAccessToken"))
	})
	t.Run("6750-3.1 a token that expires meanwhile", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withStale)
		access, _ := f.tokens(t)
		f.clock.Advance(time.Hour - time.Second)
		assert.True(t, f.works(access))
		f.clock.Advance(time.Second)
		f.resource(rs("Bearer "+access)).assertError(t, http.StatusUnauthorized, "invalid_token")
	})
	t.Run("scopes are compared each time", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withStale)
		access, _ := f.tokens(t)
		assert.True(t, f.works(access))
		assert.Equal(t, http.StatusForbidden, f.resource(rs("Bearer "+access), "admin").Code)
		assert.Equal(t, 1, f.store.count("GetAccessToken"))
	})
	t.Run("an unknown token is asked for each time, so one just issued works", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withStale)
		access, _ := f.tokens(t)
		f.store.failOn("GetAccessToken", model.ErrNotFound)
		assert.False(t, f.works(access))
		assert.False(t, f.works(access))
		assert.Equal(t, 2, f.store.count("GetAccessToken"))
		f.store.setHook(nil)
		assert.True(t, f.works(access))
	})
	t.Run("a clock that is put back asks anew", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withStale)
		access, _ := f.tokens(t)
		f.clock.Advance(time.Minute)
		assert.True(t, f.works(access))
		f.clock.Advance(-time.Second)
		assert.True(t, f.works(access))
		assert.Equal(t, 2, f.store.count("GetAccessToken"))
	})
	t.Run("a store that is down stops no token that was just seen, for that while", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withStale)
		access, _ := f.tokens(t)
		other, _ := f.token("conf", "s3cret", "client_credentials").tokens(t)
		assert.True(t, f.works(access))
		f.store.failOn("GetAccessToken", errors.New("db down"))
		f.clock.Advance(stale - time.Millisecond)
		assert.True(t, f.works(access))
		assert.Equal(t, http.StatusInternalServerError, f.resource(rs("Bearer "+other)).Code, "what was not seen is not known")
		f.clock.Advance(time.Millisecond)
		assert.Equal(t, http.StatusInternalServerError, f.resource(rs("Bearer "+access)).Code)
		f.store.setHook(nil)
		assert.True(t, f.works(access), "a fault is not remembered")
	})
	t.Run("what another process revoked is taken for that while and no longer", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withStale)
		access, _ := f.tokens(t)
		assert.True(t, f.works(access))
		require.NoError(t, f.store.Store.RevokeGrant(t.Context(), f.store.lastToken(t).GrantID))
		f.clock.Advance(stale - time.Millisecond)
		assert.True(t, f.works(access))
		// Whoever asks by protocol gets the truth all the same.
		r := f.introspect("rs", "rss", access)
		assert.JSONEq(t, `{"active":false}`, r.Body.String())
		f.clock.Advance(time.Millisecond)
		assert.False(t, f.works(access))
	})
	t.Run("a token is the caller's own", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withStale, func(c *engine.Config) {
			c.TokenAttributes = func(context.Context, *model.Token) (map[string]any, error) {
				return map[string]any{"tenant": "acme"}, nil
			}
		})
		access, _ := f.tokens(t)
		for range 3 {
			tok, err := f.srv.Authenticate(rs("Bearer " + access))
			require.NoError(t, err)
			assert.JSONEq(t, `{"tenant":"acme"}`, string(tok.Extra))
			assert.Equal(t, "alice", tok.UserID)
			tok.UserID, tok.Scope = "mallory", "admin"
			copy(tok.Extra, `{"tenant":"evil"`)
		}
		assert.Equal(t, 1, f.store.count("GetAccessToken"))
	})
}

// Whatever revokes in this process ends what it remembers too, also when the
// store did it and lost the answer.
func TestStaleAccessTokensRevokedHere(t *testing.T) {
	t.Parallel()
	type revoke = func(t *testing.T, f *fixture, access, refresh string) error
	grant := func(f *fixture) model.GrantID { return f.store.saved[len(f.store.saved)-1].GrantID }
	answered := func(a answer) error {
		if a.Code >= http.StatusInternalServerError {
			return errors.New(a.Body.String())
		}
		return nil
	}
	for name, end := range map[string]revoke{
		"7009-2.1 an access token": func(_ *testing.T, f *fixture, access, _ string) error {
			return answered(f.revoke("conf", "s3cret", access))
		},
		"7009-2.1 a refresh token": func(_ *testing.T, f *fixture, _, refresh string) error {
			return answered(f.revoke("conf", "s3cret", refresh))
		},
		"6749-10.4 a replayed refresh token": func(t *testing.T, f *fixture, _, refresh string) error {
			f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh).tokens(t)
			f.clock.Advance(31 * time.Second)
			return answered(f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh))
		},
		"a grant": func(t *testing.T, f *fixture, _, _ string) error { return f.srv.RevokeGrant(t.Context(), grant(f)) },
		"a user": func(t *testing.T, f *fixture, _, _ string) error {
			_, err := f.srv.RevokeUser(t.Context(), "alice")
			return err
		},
		"a client": func(t *testing.T, f *fixture, _, _ string) error {
			_, err := f.srv.RevokeClient(t.Context(), "conf")
			return err
		},
		"an application": func(t *testing.T, f *fixture, _, _ string) error {
			_, err := f.srv.RevokeApplication(t.Context(), "alice", "conf")
			return err
		},
		"all applications": func(t *testing.T, f *fixture, _, _ string) error {
			_, err := f.srv.RevokeApplications(t.Context(), "alice")
			return err
		},
		"one grant of an application": func(t *testing.T, f *fixture, _, _ string) error {
			return f.srv.RevokeApplicationGrant(t.Context(), "alice", grant(f))
		},
	} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, answer lost: %t", name, lost), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, func(c *engine.Config) { c.AllowStaleAccessTokens = time.Minute })
				access, refresh := f.tokens(t)
				bystander, _ := f.token("conf2", "s3cret2", "client_credentials").tokens(t)
				f.store.saved = f.store.saved[:len(f.store.saved)-1]
				assert.True(t, f.works(access))
				assert.True(t, f.works(bystander))
				if lost {
					f.store.setHook(func(_ context.Context, verb string, do func() error) error {
						if err := do(); err != nil || verb != "RevokeAccessToken" && verb != "RevokeGrant" && verb != "RevokeGrants" {
							return err
						}
						return errors.New("connection reset")
					})
				}
				err := end(t, f, access, refresh)
				assert.Equal(t, lost, err != nil, "%v", err)
				f.store.setHook(nil)
				assert.False(t, f.works(access))
				asked := f.store.count("GetAccessToken")
				assert.True(t, f.works(bystander))
				assert.Equal(t, asked, f.store.count("GetAccessToken"), "nobody else is asked for again")
			})
		}
	}
}

// A look-up that was under way while its token was revoked brings nothing back.
func TestStaleAccessTokensRevokedMeanwhile(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withStale)
	access, _ := f.tokens(t)
	id := f.store.lastToken(t).GrantID
	f.store.setHook(func(ctx context.Context, verb string, do func() error) error {
		err := do()
		if verb == "GetAccessToken" {
			f.store.setHook(nil)
			assert.NoError(t, f.srv.RevokeGrant(ctx, id)) // the store has answered, the cache not heard it yet
		}
		return err
	})
	assert.True(t, f.works(access), "the question came first")
	assert.False(t, f.works(access))
}

func TestStaleAccessTokensRaces(t *testing.T) {
	t.Parallel()
	atLeastFourProcs(t)
	f := newFixture(t, noLog, func(c *engine.Config) { c.AllowStaleAccessTokens = time.Minute })
	for range 20 {
		access, _ := f.tokens(t)
		id := f.store.lastToken(t).GrantID
		var readers sync.WaitGroup
		revoked := make(chan struct{})
		for range 6 {
			readers.Go(func() {
				for {
					select {
					case <-revoked:
						assert.False(t, f.works(access))
						return
					default:
						f.works(access)
					}
				}
			})
		}
		assert.NoError(t, f.srv.RevokeGrant(t.Context(), id))
		close(revoked)
		readers.Wait()
	}
}

// However many tokens there are, no more than the size is kept, and each works.
func TestStaleAccessTokensBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, noLog, withStale, func(c *engine.Config) {
		c.AccessTokenCacheSize = 64
		c.RateLimits = engine.RateLimits{Client: model.Rate{Interval: -1}, Address: model.Rate{Interval: -1}}
	})
	var access []string
	for range 500 {
		a, _ := f.token("conf", "s3cret", "client_credentials").tokens(t)
		access = append(access, a)
	}
	for range 2 {
		for _, a := range access {
			require.True(t, f.works(a))
			require.LessOrEqual(t, f.srv.AccessTokensKept(), 64)
		}
	}
	assert.Greater(t, f.srv.AccessTokensKept(), 32)
	assert.True(t, f.works(access[0]))
	assert.True(t, f.works(access[0]))
}

func TestStaleAccessTokensConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		id   string
		edit func(*engine.Config)
	}{
		{"stale-access-tokens-long", func(c *engine.Config) { c.AllowStaleAccessTokens = time.Minute + 1 }},
		{"stale-access-tokens-long", func(c *engine.Config) { c.AllowStaleAccessTokens = -1 }},
		{"access-token-cache-size", func(c *engine.Config) { c.AccessTokenCacheSize = -1 }},
	} {
		cfg := quietConfig()
		tt.edit(&cfg)
		found := engine.Check(cfg)
		require.NotEmpty(t, found)
		assert.Equal(t, tt.id, found[0].ID)
		assert.True(t, found[0].Fatal)
		_, err := engine.NewResource(engine.ResourceConfig{
			Verifier:               verifierFunc(func(context.Context, string) (*model.Token, error) { return nil, model.ErrNotFound }),
			AllowStaleAccessTokens: cfg.AllowStaleAccessTokens, AccessTokenCacheSize: cfg.AccessTokenCacheSize,
		})
		require.ErrorContains(t, err, "engine: Resource"+found[0].String())
	}
}

func TestStaleAccessTokensOfAResourceAlone(t *testing.T) {
	t.Parallel()
	c := &clock{now: fixtureStart}
	asked, down := 0, false
	res, err := engine.NewResource(engine.ResourceConfig{
		Verifier: verifierFunc(func(_ context.Context, token string) (*model.Token, error) {
			asked++
			switch {
			case down:
				return nil, errors.New("no route to host")
			case token != "good":
				return nil, model.ErrNotFound
			}
			return &model.Token{ClientID: "web", Scope: "read", AccessExpiresAt: fixtureStart.Add(time.Hour), Extra: json.RawMessage(`{}`)}, nil
		}),
		Clock: c.Now, Logger: quietConfig().Logger, AllowStaleAccessTokens: stale,
	})
	require.NoError(t, err)
	ask := func(token string) error {
		_, err := res.Authenticate(rs("Bearer "+token), "read")
		return err
	}
	for range 3 {
		require.NoError(t, ask("good"))
	}
	assert.Equal(t, 1, asked)
	require.Error(t, ask("unknown"))
	require.Error(t, ask("unknown"))
	assert.Equal(t, 3, asked, "what is unknown is not kept")
	down = true
	c.Advance(stale - time.Millisecond)
	require.NoError(t, ask("good"))
	c.Advance(time.Millisecond)
	require.Error(t, ask("good"))
}

// slowStore takes a while for each look-up, as a database on the network does.
type slowStore struct {
	*memstore.Store
	takes time.Duration
}

func (s slowStore) GetAccessToken(ctx context.Context, key model.Key) (*model.Token, error) {
	time.Sleep(s.takes)
	return s.Store.GetAccessToken(ctx, key)
}

func BenchmarkStaleAccessTokens(b *testing.B) {
	for _, store := range []struct {
		name  string
		takes time.Duration
	}{{"memory", 0}, {"200µs", 200 * time.Microsecond}} {
		for _, cached := range []bool{false, true} {
			b.Run(fmt.Sprintf("store=%s/cached=%t", store.name, cached), func(b *testing.B) {
				benchStale(b, store.takes, cached)
			})
		}
	}
}

func benchStale(b *testing.B, takes time.Duration, cached bool) {
	b.Helper()
	cfg := quietConfig()
	inner := cfg.Model.(*memstore.Store)
	if takes > 0 {
		cfg.Model = slowStore{inner, takes}
	}
	if cached {
		cfg.AllowStaleAccessTokens = time.Minute
	}
	srv, err := engine.New(cfg)
	require.NoError(b, err)
	q := newBenchRequest("s3cret")
	var tokens []string
	for range 100 {
		res, err := srv.Token(q.with(clientCredentialsForm))
		require.NoError(b, err)
		tokens = append(tokens, res.AccessToken)
	}
	if cached {
		for _, token := range tokens {
			_, err := srv.VerifyToken(b.Context(), token)
			require.NoError(b, err)
		}
	}
	b.ResetTimer()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := srv.VerifyToken(b.Context(), tokens[i%len(tokens)]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
