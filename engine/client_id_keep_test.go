package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestDocumentsKeptAreBounded(t *testing.T) {
	t.Parallel()
	t.Run("CIMD-6 the one that was used the longest ago goes", func(t *testing.T) {
		t.Parallel()
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		d := newClientDocuments(ClientIDDocumentPolicy{Scope: "read"}, func() time.Time { return now })
		id := func(i int) string { return fmt.Sprintf("https://example.com/%d", i) }
		for i := range maxDocuments {
			d.keep(&model.Client{ID: id(i)}, now.Add(time.Hour))
		}
		_, err := d.known(id(0)) // used again
		require.NoError(t, err)
		for i := range 10 {
			d.keep(&model.Client{ID: id(maxDocuments + i)}, now.Add(time.Hour))
		}
		assert.Len(t, d.kept, maxDocuments)
		assert.Equal(t, maxDocuments, d.recent.Len())
		_, err = d.known(id(0))
		require.NoError(t, err)
		_, err = d.known(id(1))
		require.ErrorIs(t, err, model.ErrNotFound)
		// What has expired is gone when somebody looks.
		now = now.Add(time.Hour)
		_, err = d.known(id(0))
		require.ErrorIs(t, err, model.ErrNotFound)
		assert.Len(t, d.kept, maxDocuments-1)
	})
}
