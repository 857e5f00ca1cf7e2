package sqlstore

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// A client that is deleted and made anew is another one: what was changed of the old
// one, its secret for example, does not come back.
func TestUpdateOfAClientThatIsMadeAnew(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, _ := p.fresh(t)
		ctx := t.Context()
		old := &model.Client{ID: "app", Secrets: model.HashSecrets("old"), RedirectURIs: []string{"https://app.test/cb"}, Scope: "read"}
		anew := old.Clone()
		anew.Secrets = model.HashSecrets("new")
		require.NoError(t, store.CreateClient(ctx, old))
		calls := 0
		require.NoError(t, store.UpdateClient(ctx, "app", func(c *model.Client) error {
			if calls++; calls == 1 {
				require.NoError(t, store.DeleteClient(ctx, "app"))
				require.NoError(t, store.CreateClient(ctx, anew))
			}
			c.Name = "App"
			return nil
		}))
		got, err := store.GetClient(ctx, "app")
		require.NoError(t, err)
		assert.Equal(t, "App", got.Name)
		assert.Equal(t, anew.Secrets, got.Secrets)
		assert.Equal(t, 2, calls)
	})
}
