package engine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// The races that chance seldom makes; TestBurstOfExchanges is for the others.
//
//nolint:paralleltest // sets GOMAXPROCS
func TestCodeRace(t *testing.T) {
	atLeastFourProcs(t)
	t.Run("attack-D04+6749-4.1.2+9700-4.2.4+2.1-4.1.3 exchanges that all saw the code unspent", func(t *testing.T) {
		f := newFixture(t)
		code := f.code(t, withS256, s256)
		var all sync.WaitGroup
		all.Add(burstSize)
		f.store.setHook(func(_ context.Context, verb string, do func() error) error {
			if verb == "RedeemAuthorizationCode" {
				all.Done()
				all.Wait() // nobody redeems before everybody is about to
			}
			return do()
		})
		f.assertOneWins(t, atOnce(burstSize, func() answer { return f.exchange(code, "code_verifier="+verifier) }))
		assert.Len(t, f.store.saved, 1)
		assert.Equal(t, 1, f.countEvents(engine.EventIssued))
		f.assertAllDead(t)
	})
	t.Run("attack-D04+2.1-7.5.2 one right verifier among wrong ones", func(t *testing.T) {
		for range burstRoundsNow() / 10 {
			f := newFixture(t, noLog)
			code := f.code(t, withS256, s256)
			var turn atomic.Int32
			winners := 0
			for _, a := range atOnce(burstSize, func() answer {
				if turn.Add(1) == burstSize/2 {
					return f.exchange(code, "code_verifier="+verifier)
				}
				return f.exchange(code, "code_verifier="+wrongVerifier)
			}) {
				if a.Code == 200 {
					access, _ := a.tokens(t)
					winners++
					require.True(t, f.works(access), "a wrong verifier revokes nothing")
					continue
				}
				a.assertError(t, 400, "invalid_grant")
			}
			require.LessOrEqual(t, winners, 1)
			require.Len(t, f.store.saved, winners)
		}
	})
}
