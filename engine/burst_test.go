package engine_test

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

const (
	burstSize   = 50
	burstRounds = 200
)

// burstRoundsNow is how often a race is run.
func burstRoundsNow() int {
	if testing.Short() {
		return burstRounds / 10
	}
	return burstRounds
}

func noLog(c *engine.Config) { c.Logger = slog.New(slog.DiscardHandler) }

// atLeastFourProcs lets goroutines run side by side on a small machine too. The
// tests that call it are not parallel, so nobody else sees the change.
func atLeastFourProcs(t *testing.T) {
	t.Helper()
	before := runtime.GOMAXPROCS(0)
	if before >= 4 {
		return
	}
	runtime.GOMAXPROCS(4)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// burst sends the same request many times at once, but for a jitter of up to 100
// µs, and returns the answers. Each is given to seen, if any, as it comes.
func burst(send func() answer, seen func(answer)) []answer {
	answers := make([]answer, burstSize)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range answers {
		jitter := time.Duration(rand.IntN(100)) * time.Microsecond
		wg.Go(func() {
			<-start
			for until := time.Now().Add(jitter); time.Now().Before(until); {
				runtime.Gosched()
			}
			answers[i] = send()
			if seen != nil {
				seen(answers[i])
			}
		})
	}
	close(start)
	wg.Wait()
	return answers
}

//nolint:paralleltest // sets GOMAXPROCS
func TestBurstOfRefreshes(t *testing.T) {
	atLeastFourProcs(t)
	t.Run("attack-G06+attack-O08+L06 all get the same pair and the family lives", func(t *testing.T) {
		for range burstRoundsNow() {
			f := newFixture(t, noLog)
			_, refresh := f.tokens(t)
			answers := burst(func() answer { return f.refresh(refresh) }, nil)
			access, next := answers[0].tokens(t)
			for _, a := range answers[1:] {
				again, andNext := a.tokens(t)
				require.Equal(t, access, again)
				require.Equal(t, next, andNext)
			}
			require.Len(t, f.store.saved, 2, "one rotation was saved")
			require.Zero(t, f.countEvents(engine.EventReplayed))
			require.Equal(t, burstSize-1, f.countEvents(engine.EventReissued))
			require.True(t, f.works(access))
			_, last := f.refresh(next).tokens(t)
			f.refresh(last).tokens(t)
		}
	})
	t.Run("attack-G04+9700-4.14.2 the successor is used in between", func(t *testing.T) {
		for range burstRoundsNow() {
			f := newFixture(t, noLog)
			_, refresh := f.tokens(t)
			var once sync.Once
			var used answer
			answers := burst(func() answer { return f.refresh(refresh) }, func(a answer) {
				if a.Code == http.StatusOK {
					once.Do(func() { used = f.refresh(a.pair(t).refresh) })
				}
			})
			require.NotNil(t, used.ResponseRecorder, "nobody got an answer")
			replayed := f.countEvents(engine.EventReplayed) > 0
			for _, a := range answers {
				if a.Code != http.StatusOK {
					a.assertError(t, http.StatusBadRequest, "invalid_grant")
					require.True(t, replayed, "refused, but not for a replay")
				}
			}
			if !replayed {
				// Every repeat came before the successor was spent: nothing happened.
				access, _ := used.tokens(t)
				require.True(t, f.works(access))
			}
			f.refresh(refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
			f.assertAllDead(t)
		}
	})
}

//nolint:paralleltest // sets GOMAXPROCS
func TestBurstOfExchanges(t *testing.T) {
	atLeastFourProcs(t)
	t.Run("attack-D04+attack-O08+L04+L05+2.1-4.1.3 one is answered, and then it is a replay", func(t *testing.T) {
		for range burstRoundsNow() {
			f := newFixture(t, noLog)
			code := f.code(t, withS256, s256)
			served := 0
			for _, a := range burst(func() answer { return f.exchange(code, "code_verifier="+verifier) }, nil) {
				if a.Code == http.StatusOK {
					served++
					continue
				}
				a.assertError(t, http.StatusBadRequest, "invalid_grant")
			}
			require.Equal(t, 1, served)
			require.Len(t, f.store.saved, 1)
			f.assertAllDead(t)
		}
	})
}

// pair is a token response.
type pair struct{ access, refresh string }

func (a answer) pair(t *testing.T) pair {
	access, refresh := a.tokens(t)
	return pair{access, refresh}
}

// refresh sends a refresh as conf.
func (f *fixture) refresh(token string, edits ...string) answer {
	return f.token("conf", "s3cret", "refresh_token", append([]string{"refresh_token=" + token}, edits...)...)
}

// assertAllDead checks that none of the tokens that were ever saved is good for
// anything.
func (f *fixture) assertAllDead(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	for _, tok := range f.store.saved {
		_, err := f.store.Store.GetAccessToken(ctx, tok.AccessKey())
		assert.Error(t, err, "an access token is alive")
		if !tok.Refresh.IsZero() {
			_, err = f.store.Store.GetRefreshToken(ctx, tok.RefreshKey())
			assert.Error(t, err, "a refresh token is alive")
		}
	}
}
