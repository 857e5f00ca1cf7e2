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

// While a new version is brought out, instances of the one before change clients, too.
func TestUpdateKeepsWhatALaterVersionKnows(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, db := p.fresh(t)
		ctx := t.Context()
		require.NoError(t, store.CreateClient(ctx, &model.Client{ID: "app", Name: "Old", Public: true, RedirectURIs: []string{"https://app.test/cb"}, Scope: "read"}))
		_, err := db.ExecContext(ctx, `UPDATE oauth_clients SET data = '{"name":"Old","public":true,"redirect_uris":["https://app.test/cb"],"scope":"read","new":{"a":1}}'`)
		require.NoError(t, err)
		require.NoError(t, store.UpdateClient(ctx, "app", func(c *model.Client) error {
			c.Name = ""
			return nil
		}))
		var data string
		require.NoError(t, db.QueryRowContext(ctx, "SELECT data FROM oauth_clients").Scan(&data))
		assert.JSONEq(t, `{"public":true,"redirect_uris":["https://app.test/cb"],"scope":"read","new":{"a":1}}`, data)
	})
}
