package memstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestUnusedClientsGo(t *testing.T) {
	t.Parallel()
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(t *testing.T, s *memstore.Store, id string, registered time.Time) {
		t.Helper()
		require.NoError(t, s.CreateClient(t.Context(), &model.Client{
			ID: id, Public: true, RedirectURIs: []string{"https://web.test/cb"}, SelfRegistered: true,
			RegisteredAt: registered, ExpiresAt: registered.Add(time.Hour),
		}))
	}
	there := func(t *testing.T, s *memstore.Store, id string) bool {
		t.Helper()
		_, err := s.GetClient(t.Context(), id)
		return err == nil
	}

	t.Run("7591-5 Sweep removes the expired, and not those that were used", func(t *testing.T) {
		t.Parallel()
		s := memstore.New()
		for _, id := range []string{"unused", "used", "later", "fresh", "again"} {
			add(t, s, id, start)
		}
		set := func(id string, at time.Time) {
			require.NoError(t, s.UpdateClient(t.Context(), id, func(c *model.Client) error { c.ExpiresAt = at; return nil }))
		}
		set("used", time.Time{})
		set("later", start.Add(3*time.Hour))
		require.NoError(t, s.DeleteClient(t.Context(), "again"))
		add(t, s, "again", start.Add(time.Hour))
		s.RemoveClient("fresh")
		removed, err := s.Sweep(t.Context(), start.Add(time.Hour), 10)
		require.NoError(t, err)
		assert.Equal(t, 1, removed)
		assert.False(t, there(t, s, "unused"))
		for _, id := range []string{"used", "later", "again"} {
			assert.True(t, there(t, s, id), id)
		}
		removed, err = s.Sweep(t.Context(), start.Add(3*time.Hour), 1)
		require.NoError(t, err)
		assert.Equal(t, 1, removed)
		removed, err = s.Sweep(t.Context(), start.Add(3*time.Hour), 10)
		require.NoError(t, err)
		assert.Equal(t, 1, removed)
		assert.True(t, there(t, s, "used"))
	})

	t.Run("7591-5 registrations do not pile up without a sweeper", func(t *testing.T) {
		t.Parallel()
		s := memstore.New()
		const n = 2000
		for i := range n {
			add(t, s, fmt.Sprint("c", i), start.Add(time.Duration(i)*time.Minute))
		}
		left := 0
		for i := range n {
			if there(t, s, fmt.Sprint("c", i)) {
				left++
			}
		}
		assert.Less(t, left, 200)
	})
}
