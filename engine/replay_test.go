package engine_test

import (
	"context"
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

// exchangeRequest is the exchange of a code as conf.
func exchangeRequest(code string, edits ...string) *http.Request {
	r := post("/oauth/token", edit(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {r1}}, edits...))
	r.SetBasicAuth("conf", "s3cret")
	return r
}

// lastRefusal returns the event of the last refused request.
func (f *fixture) lastRefusal(t *testing.T) engine.Event {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.events) - 1; i >= 0; i-- {
		if f.events[i].Type == engine.EventRefused {
			return f.events[i]
		}
	}
	require.Fail(t, "nothing was refused")
	return engine.Event{}
}

// assertDead checks that neither half of a pair is good for anything.
func (f *fixture) assertDead(t *testing.T, access, refresh string) {
	t.Helper()
	f.resource(rs("Bearer "+access)).assertError(t, 401, "invalid_token")
	f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh).assertError(t, 400, "invalid_grant")
}

// A spent code in a request that is otherwise valid ends the grant.
func TestCodeReplay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		between func(t *testing.T, f *fixture, refresh string) (access, refreshed string)
	}{
		{"L02+6749-4.1.2+6749-10.5+9700-4.2.4+2.1-4.1.3 at once", nil},
		{"L02+6749-4.1.2 after the code expired, as long as its record is there", func(_ *testing.T, f *fixture, _ string) (string, string) {
			f.clock.Advance(9 * time.Minute)
			return "", ""
		}},
		{"L02+9700-4.2.4 after a refresh: the successors die too", func(t *testing.T, f *fixture, refresh string) (string, string) {
			return f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh).tokens(t)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			code := f.code(t, withS256, s256)
			access, refresh := f.exchange(code, "code_verifier="+verifier).tokens(t)
			otherAccess, _ := f.tokens(t)
			pairs := [][2]string{{access, refresh}}
			if tt.between != nil {
				if a, r := tt.between(t, f, refresh); a != "" {
					pairs = append(pairs, [2]string{a, r})
				}
			}
			saved := len(f.store.saved)
			f.exchange(code, "code_verifier="+verifier).assertError(t, 400, "invalid_grant")
			for _, pair := range pairs {
				f.assertDead(t, pair[0], pair[1])
			}
			assert.Len(t, f.store.saved, saved)
			assert.True(t, f.works(otherAccess), "another grant of the same user and client lives on")
			assert.Equal(t, 1, f.countEvents(engine.EventReplayed))
			assert.Equal(t, 1, f.countEvents(engine.EventRevoked))
			f.exchange(code, "code_verifier="+verifier).assertError(t, 400, "invalid_grant")
			assert.Equal(t, 1, f.countEvents(engine.EventReplayed), "a third time it is unknown")
		})
	}
}

// userGate is a CheckUser that refuses everybody once disabled is set.
type userGate struct{ disabled atomic.Bool }

func (g *userGate) option(c *engine.Config) {
	c.CheckUser = func(context.Context, string) error {
		if g.disabled.Load() {
			return model.ErrNoUser
		}
		return nil
	}
}

// A replay by somebody who could not have used the code changes nothing, or
// else whoever sees a code in a log could sign the user out.
func TestCodeReplayByAnother(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		client, secret string
		edits          []string
		status         int
		code           string
	}{
		{"attack-D02+2.1-7.5.2 wrong secret", "conf", "wrong", nil, 401, "invalid_client"},
		{"attack-D02+2.1-7.5.2 no secret", "conf", "", nil, 400, "invalid_client"},
		{"attack-D02+2.1-7.5.2 another client", "conf2", "s3cret2", nil, 400, "invalid_grant"},
		{"attack-D02+2.1-7.5.2 wrong verifier", "conf", "s3cret", []string{"code_verifier=" + wrongVerifier}, 400, "invalid_grant"},
		{"attack-D02+2.1-7.5.2 malformed verifier", "conf", "s3cret", []string{"code_verifier=short"}, 400, "invalid_request"},
		{"attack-D02+2.1-7.5.2 no verifier", "conf", "s3cret", []string{"-code_verifier"}, 400, "invalid_grant"},
		{"attack-D02+2.1-7.5.2 wrong redirect URI", "conf", "s3cret", []string{"redirect_uri=" + r2}, 400, "invalid_grant"},
		{"attack-D02+2.1-7.5.2 repeated parameter", "conf", "s3cret", []string{"+redirect_uri=" + r1}, 400, "invalid_request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			code := f.code(t, withS256, s256)
			access, refresh := f.exchange(code, "code_verifier="+verifier).tokens(t)
			form := append([]string{"code=" + code, "redirect_uri=" + r1, "code_verifier=" + verifier}, tt.edits...)
			f.token(tt.client, tt.secret, "authorization_code", form...).assertError(t, tt.status, tt.code)
			assert.Zero(t, f.store.count("RevokeGrant"))
			assert.Zero(t, f.countEvents(engine.EventReplayed))
			assert.True(t, f.works(access))
			f.token("conf", "s3cret", "refresh_token", "refresh_token="+refresh).tokens(t)
		})
	}
	t.Run("2.1-7.5.2 a policy that refuses is asked first", func(t *testing.T) {
		t.Parallel()
		users := &userGate{}
		f := newFixture(t, users.option)
		code := f.code(t)
		access, _ := f.exchange(code).tokens(t)
		users.disabled.Store(true)
		f.exchange(code).assertError(t, 400, "invalid_grant")
		assert.Zero(t, f.store.count("RevokeGrant"))
		assert.True(t, f.works(access))
	})
}

// A replayer cannot stop the revocation; see also TestReplayRevocationFails.
func TestReplayHangUp(t *testing.T) {
	t.Parallel()
	replays := []struct {
		name   string
		replay func(t *testing.T, f *fixture) (r *http.Request, access, refresh string)
	}{
		{"a code", func(t *testing.T, f *fixture) (*http.Request, string, string) {
			code := f.code(t)
			access, refresh := f.exchange(code).tokens(t)
			return exchangeRequest(code), access, refresh
		}},
		{"a refresh token", func(t *testing.T, f *fixture) (*http.Request, string, string) {
			_, old := f.tokens(t)
			access, refresh := f.token("conf", "s3cret", "refresh_token", "refresh_token="+old).tokens(t)
			f.clock.Advance(time.Minute) // beyond the grace
			r := post("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old}})
			r.SetBasicAuth("conf", "s3cret")
			return r, access, refresh
		}},
	}
	for _, tt := range replays {
		t.Run("9700-4.2.4 "+tt.name+": who hangs up does not save the family", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			r, access, refresh := tt.replay(t, f)
			ctx, hangUp := context.WithCancel(context.Background())
			f.store.setHook(func(ctx context.Context, verb string, do func() error) error {
				if verb == "RevokeGrant" {
					hangUp()
					_, limited := ctx.Deadline()
					assert.True(t, limited, "a context of its own has a deadline of its own")
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				return do()
			})
			f.do(r.WithContext(ctx)).assertError(t, 400, "invalid_grant")
			f.store.setHook(nil)
			f.assertDead(t, access, refresh)
		})
	}
}
