package sqlstore_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// fullClient has something in every field; it need not be valid.
func fullClient() *model.Client {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	return &model.Client{
		ID: "app", Name: "Ünï 🦊 <b>", Public: true, Secrets: []model.SecretHash{{Digest: model.Digest{1}}, {Digest: model.Digest{2}, ExpiresAt: at}},
		AuthMethod: model.AuthNone, RedirectURIs: []string{"https://app.test/cb?a=1&b=2"}, Grants: []string{model.GrantRefreshToken}, Scope: "read write",
		AccessTokenLifetime: time.Minute, RefreshTokenLifetime: time.Hour, SkipConsent: true, AllowNoPKCE: true, ResourceServer: true, Disabled: true,
		SelfRegistered: true, RegistrationToken: model.Digest{3}, RegisteredAt: at, ExpiresAt: at.Add(time.Hour), Metadata: json.RawMessage(`{"n":12345678901234567890}`),
	}
}

// A field that is added to model.Client and forgotten here fails this test.
func TestClientIsStoredWhole(t *testing.T) {
	t.Parallel()
	want := fullClient()
	for v, i := reflect.ValueOf(*want), 0; i < v.NumField(); i++ {
		require.False(t, v.Field(i).IsZero(), "the test leaves %s empty", v.Type().Field(i).Name)
	}
	for _, want := range []*model.Client{want, {ID: "empty"}} {
		data, err := sqlstore.EncodeClient(want)
		require.NoError(t, err)
		got, err := sqlstore.DecodeClient(want.ID, data)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestClientFromALaterVersion(t *testing.T) {
	t.Parallel()
	got, err := sqlstore.DecodeClient("app", []byte(`{"name":"App","something_new":{"a":1}}`))
	require.NoError(t, err)
	assert.Equal(t, &model.Client{ID: "app", Name: "App"}, got)
}

func TestClientThatIsNoClient(t *testing.T) {
	t.Parallel()
	for _, data := range []string{``, `[]`, `{"name":1}`, `{"secrets":[{"sha256":"AAAA"}]}`} {
		_, err := sqlstore.DecodeClient("app", []byte(data))
		require.ErrorContains(t, err, `client "app"`, data)
	}
}

func TestClientThatIsNotText(t *testing.T) {
	t.Parallel()
	for _, spoil := range []func(*model.Client){
		func(c *model.Client) { c.Name = "\xff" },
		func(c *model.Client) { c.RedirectURIs[0] += "\xff" },
		func(c *model.Client) { c.Grants[0] = "\xff" },
		func(c *model.Client) { c.Metadata = json.RawMessage("{\"a\":\"\xff\"}") },
		func(c *model.Client) { c.Metadata = json.RawMessage(`{`) },
	} {
		c := fullClient()
		spoil(c)
		_, err := sqlstore.EncodeClient(c)
		require.Error(t, err)
	}
}
