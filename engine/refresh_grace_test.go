package engine_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// spent is a fixture in which a refresh token was spent a moment ago, and what
// the client got for it.
type spent struct {
	*fixture
	token           string // the spent one
	access, refresh string // its successors
	grant           model.GrantID
}

// newSpent spends a refresh token.
func newSpent(t *testing.T, options ...func(*engine.Config)) *spent {
	t.Helper()
	s := &spent{fixture: newFixture(t, options...)}
	_, s.token = s.tokens(t)
	s.access, s.refresh = s.fixture.refresh(s.token).tokens(t)
	s.grant = s.store.lastToken(t).GrantID
	return s
}

// as presents the spent token as another client, or with another secret.
func (s *spent) as(clientID, secret string) answer {
	return s.fixture.token(clientID, secret, "refresh_token", "refresh_token="+s.token)
}

// writes counts the calls that change the store.
func (s *spent) writes() int {
	return s.store.count("SaveToken", "SaveAuthorizationCode", "RedeemAuthorizationCode", "RotateRefreshToken", "RevokeAccessToken", "RevokeGrant")
}

// assertSame checks that the spent token gets the same answer again.
func (s *spent) assertSame(t *testing.T, edits ...string) answer {
	t.Helper()
	before := s.writes()
	a := s.fixture.refresh(s.token, edits...)
	access, refresh := a.tokens(t)
	assert.Equal(t, s.access, access)
	assert.Equal(t, s.refresh, refresh)
	assert.Equal(t, before, s.writes(), "something was written")
	ev := s.lastEvent(t)
	assert.Equal(t, engine.EventReissued, ev.Type)
	assert.Equal(t, s.store.lastToken(t).GrantID, ev.GrantID)
	return a
}

// assertReplay checks that the spent token is a replay: refused, and everything
// of its grant ends.
func (s *spent) assertReplay(t *testing.T) {
	t.Helper()
	s.fixture.refresh(s.token).assertError(t, http.StatusBadRequest, "invalid_grant")
	assert.Equal(t, 1, s.countEvents(engine.EventReplayed))
	assert.Equal(t, 1, s.countEvents(engine.EventRevoked))
	assert.False(t, s.works(s.access), "the newest access token lives")
	s.fixture.refresh(s.refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
}

// assertRefused checks that the request is refused and nothing more happens:
// the newest pair still works. It spends the newest refresh token.
func (s *spent) assertRefused(t *testing.T, reason string, edits ...string) {
	t.Helper()
	before := s.writes()
	s.fixture.refresh(s.token, edits...).assertError(t, http.StatusBadRequest, "invalid_grant")
	assert.Equal(t, reason, s.lastEvent(t).Reason)
	assert.Equal(t, before, s.writes(), "something was written")
	assert.Zero(t, s.countEvents(engine.EventReplayed))
	s.fixture.refresh(s.refresh).tokens(t)
}

func TestGraceSameAnswer(t *testing.T) {
	t.Parallel()
	t.Run("attack-G04+2.1-4.3.1 the same pair, nothing written, and what is left of its life", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		first := s.assertSame(t).json(t)
		assert.InDelta(t, 3600, first["expires_in"], 0)
		s.clock.Advance(29*time.Second + 500*time.Millisecond)
		again := s.assertSame(t).json(t)
		assert.InDelta(t, 3571, again["expires_in"], 0, "rounded up")
		assert.Equal(t, "read write", again["scope"])
		assert.True(t, s.works(s.access))
		s.fixture.refresh(s.refresh).tokens(t)
	})
	t.Run("attack-G04 attributes of the answer are those that were saved", func(t *testing.T) {
		t.Parallel()
		var n atomic.Int64
		s := newSpent(t, func(c *engine.Config) {
			c.TokenAttributes = func(context.Context, *model.Token) (map[string]any, error) {
				return map[string]any{"n": n.Add(1)}, nil
			}
		})
		assert.InDelta(t, 2, s.assertSame(t).json(t)["n"], 0)
	})
	t.Run("with a prefix", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t, func(c *engine.Config) { c.TokenPrefix = "acme_" })
		assert.Equal(t, "acme_", s.refresh[:5])
		s.assertSame(t)
	})
	t.Run("from another instance with other keys", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		other := newFixture(t, func(c *engine.Config) {
			c.Model, c.Clock, c.Keys = s.store, s.clock.Now, [][]byte{sealKey(9)}
		})
		access, refresh := other.refresh(s.token).tokens(t)
		assert.Equal(t, s.access, access)
		assert.Equal(t, s.refresh, refresh)
	})
	t.Run("a narrowed refresh again, with the same scope", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		first := f.refresh(refresh, "scope=read").json(t)
		assert.Equal(t, first, f.refresh(refresh, "scope=read").json(t))
		_, refresh = f.refresh(refresh, "scope=read").tokens(t)
		assert.Equal(t, "read write", f.refresh(refresh).json(t)["scope"])
	})
	t.Run("it expired after it was spent", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		f.clock.Advance(14*24*time.Hour - time.Second)
		s := &spent{fixture: f, token: refresh}
		s.access, s.refresh = f.refresh(refresh).tokens(t)
		s.grant = f.store.lastToken(t).GrantID
		f.clock.Advance(20 * time.Second)
		s.assertSame(t)
	})
	t.Run("the age is negative: the clock of another instance", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		s.clock.Advance(-time.Minute)
		a := s.assertSame(t)
		assert.InDelta(t, 3660, a.json(t)["expires_in"], 0)
	})
	t.Run("an expired access token of an older pair does not matter", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, refresh := f.tokens(t)
		f.clock.Advance(2 * time.Hour)
		s := &spent{fixture: f, token: refresh}
		s.access, s.refresh = f.refresh(refresh).tokens(t)
		s.grant = f.store.lastToken(t).GrantID
		s.assertSame(t)
	})
}

func TestGraceReplay(t *testing.T) {
	t.Parallel()
	t.Run("attack-G02+9700-4.14.2+2.1-4.3.1 the seed is gone: the successor was used", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		s.access, s.refresh = s.fixture.refresh(s.refresh).tokens(t)
		s.assertReplay(t)
	})
	t.Run("attack-G02 the successor is used between the two reads", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		var reads atomic.Int64
		s.store.setHook(func(_ context.Context, verb string, do func() error) error {
			if verb == "GetRefreshToken" && reads.Add(1) == 2 {
				s.access, s.refresh = s.fixture.refresh(s.refresh).tokens(t)
			}
			return do()
		})
		s.assertReplay(t)
	})
	t.Run("attack-G02 the window is over", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		s.clock.Advance(30*time.Second - time.Millisecond)
		s.assertSame(t)
		s.clock.Advance(time.Millisecond)
		s.assertReplay(t)
	})
	t.Run("attack-G02 the window is as wide as it is set", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t, func(c *engine.Config) { c.RefreshTokenGrace = time.Second })
		s.clock.Advance(999 * time.Millisecond)
		s.assertSame(t)
		s.clock.Advance(time.Millisecond)
		s.assertReplay(t)
	})
	t.Run("attack-G02 the window ends with the access token of the answer", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t, func(c *engine.Config) { c.AccessTokenLifetime = 10 * time.Second })
		s.clock.Advance(10*time.Second - time.Millisecond)
		assert.InDelta(t, 1, s.assertSame(t).json(t)["expires_in"], 0)
		s.clock.Advance(time.Millisecond)
		s.assertReplay(t)
	})
	t.Run("attack-G02 the grace is off", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t, func(c *engine.Config) { c.RefreshTokenGrace = -1 })
		s.assertReplay(t)
	})
	t.Run("attack-G02 the grace is off, also for a clock that is behind", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t, func(c *engine.Config) { c.RefreshTokenGrace = -1 })
		s.clock.Advance(-time.Minute)
		s.assertReplay(t)
	})
	t.Run("attack-G02 long after it expired, as long as its record exists", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		s.clock.Advance(13 * 24 * time.Hour)
		s.access, s.refresh = s.fixture.refresh(s.refresh).tokens(t)
		s.clock.Advance(2 * 24 * time.Hour)
		s.access, s.refresh = s.fixture.refresh(s.refresh).tokens(t)
		s.assertReplay(t)
	})
	t.Run("a replay by someone who could not have used it changes nothing", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		s.clock.Advance(time.Minute)
		before := s.writes()
		s.fixture.refresh(s.token, "scope=read write admin").assertError(t, http.StatusBadRequest, "invalid_scope")
		s.as("conf2", "s3cret2").assertError(t, http.StatusBadRequest, "invalid_grant")
		s.as("conf", "wrong").assertError(t, http.StatusUnauthorized, "invalid_client")
		assert.Equal(t, before, s.writes())
		assert.True(t, s.works(s.access))
	})
	t.Run("an unknown answer of the revocation is a server error", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		s.clock.Advance(time.Minute)
		s.store.failOn("RevokeGrant", context.DeadlineExceeded)
		s.fixture.refresh(s.token).assertError(t, http.StatusInternalServerError, "server_error")
		s.store.setHook(nil)
		s.fixture.refresh(s.token).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.False(t, s.works(s.access))
	})
	t.Run("who hangs up does not save the family", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		s.clock.Advance(time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		s.store.setHook(func(own context.Context, verb string, do func() error) error {
			if verb == "RevokeGrant" {
				cancel()
				if own.Err() != nil {
					return own.Err()
				}
				_, bounded := own.Deadline()
				assert.True(t, bounded)
			}
			return do()
		})
		r := post("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.token}})
		r.SetBasicAuth("conf", "s3cret")
		s.do(r.WithContext(ctx)).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.False(t, s.works(s.access))
	})
}

func TestGraceRefused(t *testing.T) {
	t.Parallel()
	t.Run("another scope than the answer has", func(t *testing.T) {
		t.Parallel()
		newSpent(t).assertRefused(t, "grace_scope", "scope=read")
	})
	t.Run("attack-G04+8707-2.2 another resource than the answer is for", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withResources)
		_, token := f.exchange(f.code(t, "+resource="+resourceA, "+resource="+resourceB)).tokens(t)
		s := &spent{fixture: f, token: token}
		s.access, s.refresh = f.refresh(token, "resource="+resourceA).tokens(t)
		s.assertSame(t, "resource="+resourceA)
		s.assertRefused(t, "grace_resource")
	})
	t.Run("the client lost a scope since", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		s.setScope("read")
		s.assertRefused(t, "grace_scope")
	})
	t.Run("the successor's access token was revoked", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		saved := s.store.lastToken(t)
		require.NoError(t, s.store.RevokeAccessToken(t.Context(), saved.AccessKey()))
		s.assertRefused(t, "grace_access_revoked")
	})
	t.Run("the prefix was changed", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		s.restart(t, func(c *engine.Config) { c.TokenPrefix = "acme_" })
		s.assertRefused(t, "grace_not_computable")
	})
	t.Run("the generator was replaced in between", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, token := f.tokens(t)
		f.restart(t, customTokens)
		s := &spent{fixture: f, token: token}
		s.access, s.refresh = f.refresh(token).tokens(t)
		s.assertRefused(t, "grace_not_computable")
	})
	t.Run("tokens of the application's own", func(t *testing.T) {
		t.Parallel()
		newSpent(t, customTokens).assertRefused(t, "grace_not_computable")
	})
	t.Run("a fault of the store on the way is a server error, and nothing more", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		before := s.writes()
		var reads atomic.Int64
		for verb, nth := range map[string]int64{"GetRefreshToken": 2, "GetAccessToken": 1} {
			reads.Store(0)
			s.store.setHook(func(_ context.Context, v string, do func() error) error {
				if v == verb && reads.Add(1) == nth {
					return errors.New("connection lost")
				}
				return do()
			})
			s.fixture.refresh(s.token).assertError(t, http.StatusInternalServerError, "server_error")
		}
		s.store.setHook(nil)
		assert.Equal(t, before, s.writes())
		s.assertSame(t)
	})
	t.Run("attack-G12 what was revoked on purpose has no grace", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		require.NoError(t, s.store.RevokeGrant(t.Context(), s.grant))
		s.fixture.refresh(s.token).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Zero(t, s.countEvents(engine.EventReissued)+s.countEvents(engine.EventReplayed))
	})
	t.Run("attack-G12 revoked between the two reads", func(t *testing.T) {
		t.Parallel()
		s := newSpent(t)
		var reads atomic.Int64
		s.store.setHook(func(ctx context.Context, verb string, do func() error) error {
			if verb == "GetRefreshToken" && reads.Add(1) == 2 {
				assert.NoError(t, s.store.Store.RevokeGrant(ctx, s.grant))
			}
			return do()
		})
		s.fixture.refresh(s.token).assertError(t, http.StatusBadRequest, "invalid_grant")
		assert.Zero(t, s.countEvents(engine.EventReissued)+s.countEvents(engine.EventReplayed))
	})
}
