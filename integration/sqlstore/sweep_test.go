package sqlstore

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Four instances that sweep at the same time remove each record once, and nothing that must be kept.
func TestInstancesSweepAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, db := p.fresh(t)
		var expired, live []*model.Token
		for i := range 400 {
			token := newToken(salt())
			if i%4 == 0 {
				token.GrantExpiresAt = token.GrantExpiresAt.Add(24 * time.Hour)
				token.RefreshExpiresAt = token.GrantExpiresAt
				live = append(live, token)
			} else {
				expired = append(expired, token)
			}
			require.NoError(t, store.SaveToken(t.Context(), token))
		}
		now := expired[0].GrantExpiresAt
		instances := []model.Sweeper{store, p.store(t, db), p.store(t, db), p.store(t, db)}
		removed := make([]int, len(instances))
		for _, err := range together(len(instances), func(i int) error {
			for {
				n, err := instances[i].Sweep(t.Context(), now, 20)
				if removed[i] += n; err != nil || n < 20 {
					return err
				}
			}
		}) {
			require.NoError(t, err)
		}
		total := 0
		for _, n := range removed {
			total += n
		}
		assert.Equal(t, 2*len(expired), total, "grants and tokens, each counted by the one that removed it: %v", removed)
		for _, token := range live {
			_, err := store.GetRefreshToken(t.Context(), token.RefreshKey())
			require.NoError(t, err)
		}
	})
}

// A family that is refreshed often loses its spent tokens one by one, while it lives on.
func TestSweepThinsLivingFamilies(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, _ := p.fresh(t)
		family := []*model.Token{newToken(salt())}
		require.NoError(t, store.SaveToken(t.Context(), family[0]))
		limit := issued.Add(90 * 24 * time.Hour)
		for hour := range 60 {
			last := family[len(family)-1]
			next := newToken(last.GrantID)
			next.IssuedAt = issued.Add(time.Duration(hour) * time.Hour)
			next.AccessExpiresAt, next.RefreshExpiresAt, next.GrantExpiresAt = next.IssuedAt.Add(time.Hour), next.IssuedAt.Add(24*time.Hour), limit
			require.NoError(t, store.RotateRefreshToken(t.Context(), last.RefreshKey(), salt32(), next))
			family = append(family, next)
		}
		now := issued.Add(59 * time.Hour)
		n, err := store.Sweep(t.Context(), now, 1000)
		require.NoError(t, err)
		kept := slices.DeleteFunc(slices.Clone(family), func(t *model.Token) bool { return !t.RetainUntil().After(now) })
		assert.Equal(t, len(family)-len(kept), n)
		for _, token := range family {
			_, err := store.GetRefreshToken(t.Context(), token.RefreshKey())
			if slices.Contains(kept, token) {
				require.NoError(t, err)
			} else {
				assertNotFound(t, err)
			}
		}
		require.NoError(t, store.RotateRefreshToken(t.Context(), family[60].RefreshKey(), salt32(), newToken(family[0].GrantID)))
	})
}
