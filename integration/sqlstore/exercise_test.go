package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// salt makes the ids of a history new.
func salt() (id [16]byte) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func newKey(grant model.GrantID) (key model.Key) {
	key.Grant = grant
	_, _ = rand.Read(key.Digest[:])
	return key
}

// issued is when all records of these tests are issued.
var issued = time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC)

func newCode() *model.AuthorizationCode {
	return &model.AuthorizationCode{
		Key: newKey(salt()), ClientID: "web", UserID: "alice", Scope: "read", RedirectURI: "https://web.test/cb",
		IssuedAt: issued, ExpiresAt: issued.Add(time.Minute), RetainUntil: issued.Add(10 * time.Minute),
	}
}

func newToken(grant model.GrantID) *model.Token {
	return &model.Token{
		GrantID: grant, ClientID: "web", UserID: "alice", Access: newKey(grant).Digest, Refresh: newKey(grant).Digest, Scope: "read", GrantScope: "read write",
		IssuedAt: issued, AccessExpiresAt: issued.Add(time.Hour), RefreshExpiresAt: issued.Add(24 * time.Hour), GrantExpiresAt: issued.Add(48 * time.Hour),
	}
}

// together runs f n times at once and returns the errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// oneWon asserts that one call succeeded and all others have lost to it.
func oneWon(t *testing.T, errs []error, what string, lost ...error) {
	t.Helper()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		known := false
		for _, l := range lost {
			known = known || errors.Is(err, l)
		}
		assert.True(t, known, "%s: %v", what, err)
	}
	assert.Equal(t, 1, won, "%s: how many won", what)
}

// exercise is the contract in short: some histories, and a race for each verb that may be won once. It is for databases
// that are set up in another way than usual.
func exercise(t *testing.T, store model.Model, callers int) {
	t.Helper()
	histories(t, store, 3)
	races(t, store, callers)
}

// parts is the contract of all that a store has beside the ten verbs.
func parts(t *testing.T, store *sqlstore.Store) {
	t.Helper()
	modeltest.RunClients(t, func(*testing.T) modeltest.ClientStore { return store })
	modeltest.RunConsents(t, func(*testing.T) model.ConsentModel { return store })
	modeltest.RunGrants(t, func(*testing.T) modeltest.GrantStore { return store })
	modeltest.RunLimits(t, func(*testing.T) model.LimitModel { return store })
	modeltest.RunDevices(t, func(*testing.T) modeltest.DeviceStore { return store })
}

func histories(t *testing.T, store model.Model, n uint64) {
	t.Helper()
	for seed := range n {
		var spec modeltest.Spec
		g := modeltest.Generator{Pick: modeltest.Seeded(seed), Spec: &spec, Salt: salt()}
		for range 100 {
			op := g.Next()
			got := op.Apply(t.Context(), store)
			require.NoError(t, spec.Step(op, got), "seed %d: %v: %v", seed, op, got)
		}
	}
}

func races(t *testing.T, store model.Model, callers int) {
	t.Helper()
	ctx := t.Context()
	for round := range 3 {
		code := newCode()
		oneWon(t, together(callers, func(int) error { return store.SaveAuthorizationCode(ctx, code) }), "open", model.ErrExists)

		id := code.Key.Grant
		tokens := make([]*model.Token, callers)
		for i := range tokens {
			tokens[i] = newToken(id)
		}
		redeemed := together(callers, func(i int) error { return store.RedeemAuthorizationCode(ctx, code.Key, tokens[i]) })
		oneWon(t, redeemed, "redeem", model.ErrSpent)
		token := winner(ctx, t, store, tokens, redeemed)

		successors := make([]*model.Token, callers)
		for i := range successors {
			successors[i] = newToken(id)
			successors[i].IssuedAt = issued.Add(time.Duration(i) * time.Millisecond)
		}
		rotated := together(callers, func(i int) error {
			return store.RotateRefreshToken(ctx, token.RefreshKey(), newKey(id).Digest, successors[i])
		})
		oneWon(t, rotated, "rotate", model.ErrSpent)
		token = winner(ctx, t, store, successors, rotated)

		// A revocation while the family is in use: whatever was saved at the same time does not live.
		third := newToken(id)
		errs := together(callers, func(i int) error {
			switch {
			case i == callers/2:
				return store.RevokeGrant(ctx, id)
			case i%2 == 0:
				_, err := store.GetAccessToken(ctx, token.AccessKey())
				return err
			}
			return store.RotateRefreshToken(ctx, token.RefreshKey(), newKey(id).Digest, third)
		})
		for _, err := range errs {
			for _, outcome := range []error{model.ErrNotFound, model.ErrRevoked, model.ErrSpent} {
				if errors.Is(err, outcome) {
					err = nil
				}
			}
			assert.NoError(t, err, "round %d", round)
		}
		for _, key := range []model.Key{token.AccessKey(), third.AccessKey()} {
			_, err := store.GetAccessToken(ctx, key)
			assert.ErrorIs(t, err, model.ErrNotFound)
		}
	}
}

// winner returns the token that was saved, having looked that the others were not.
func winner(ctx context.Context, t *testing.T, store model.Model, tokens []*model.Token, errs []error) (won *model.Token) {
	t.Helper()
	for i, token := range tokens {
		_, err := store.GetAccessToken(ctx, token.AccessKey())
		if errs[i] == nil {
			won = token
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, model.ErrNotFound, fmt.Sprint(errs[i]))
		}
	}
	require.NotNil(t, won)
	return won
}
