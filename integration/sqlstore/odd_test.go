package sqlstore

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// odd are texts that mean something to a database, to a driver or to a collation, and that are stored as they are.
func odd() []string {
	return []string{
		`'; DROP TABLE oauth_grants; --`, `' OR '1'='1`, `" OR ""="`, "`; DELETE FROM oauth_tokens; #", `\'; DROP TABLE oauth_tokens; --`, `\`, `\\'`, `'`, `''`,
		`$1`, `?`, `:name`, `@@version`, `{prefix}`, `{lock}`, `%`, `_`, `%s%d`, `$$; SELECT 1; $$`, `*/ SELECT 1 /*`, `E'\x41'`, `\x41`, `0x41`, `NULL`, `true`, `12345678901234567890`,
		"line\nbreak", "carriage\rreturn", "tab\there", " before", "after ", "\u001a", "\u0001",
		"😀", "𝒜lice", "\U0010FFFF", "e\u0301", "\u00e9", "İ", "ß", "\u202eecila", "\ufeffalice", "\ufffd", "日本語", "אבג",
		strings.Repeat("x", 255), strings.Repeat("😀", 63),
	}
}

// refused are texts that not every database can store. They are refused by all, alike, and are found nowhere.
func refused() []string {
	return []string{"\x00", "a\x00b", "\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("x", 1<<16)}
}

// oddities stores each text in each place that holds text, and reads it back.
func oddities(t *testing.T, store *sqlstore.Store) {
	t.Helper()
	ctx := t.Context()
	for i, text := range odd() {
		code := newCode()
		code.ClientID, code.UserID, code.RedirectURI, code.Scope = text, text, "https://web.test/"+text, model.Scope(text)
		require.NoError(t, store.SaveAuthorizationCode(ctx, code), "%q", text)
		gotCode, err := store.GetAuthorizationCode(ctx, code.Key)
		require.NoError(t, err)
		assert.Equal(t, code, gotCode)

		token := newToken(code.Key.Grant)
		extra, err := json.Marshal(map[string]string{text: text})
		require.NoError(t, err)
		token.UserID, token.ClientID, token.Scope, token.GrantScope, token.Resources, token.GrantResources, token.Extra = text, text, model.Scope(text), model.Scope(text), model.Resources(text), model.Resources(text), extra
		require.NoError(t, store.RedeemAuthorizationCode(ctx, code.Key, token), "%q", text)
		got, err := store.GetAccessToken(ctx, token.AccessKey())
		require.NoError(t, err)
		assert.JSONEq(t, string(extra), string(got.Extra))
		got.Extra = token.Extra
		assert.Equal(t, token, got)

		grants, err := store.ListGrants(ctx, model.GrantFilter{UserID: text}, issued, 0)
		require.NoError(t, err)
		require.Len(t, grants, 1, "%q is nobody else", text)
		assert.Equal(t, text, grants[0].UserID)

		consent := &model.Consent{UserID: text, ClientID: text, Resource: text, Scope: model.Scope(text), GivenAt: issued, ExpiresAt: issued.Add(time.Hour)}
		require.NoError(t, store.AddConsent(ctx, consent), "%q", text)
		consents, err := store.ListConsents(ctx, text, text)
		require.NoError(t, err)
		assert.Equal(t, []model.Consent{*consent}, consents)

		device := newDevice()
		require.NoError(t, store.SaveDeviceCode(ctx, device))
		require.NoError(t, store.DecideDeviceCode(ctx, device.Key, model.DeviceApproved, text, model.Scope(text)))
		gotDevice, err := store.GetDeviceCode(ctx, device.UserCode)
		require.NoError(t, err)
		assert.Equal(t, text, gotDevice.UserID)
		denied, err := store.RevokeDeviceCodes(ctx, model.GrantFilter{UserID: text})
		require.NoError(t, err)
		assert.Equal(t, 1, denied, "%q is nobody else", text)

		client := &model.Client{ID: fmt.Sprintf("client-%d", i), Name: text, Public: true, RedirectURIs: []string{"https://web.test/cb"}, Scope: "read"}
		if client.Validate() == nil { // a name has no control characters, and is not too long
			require.NoError(t, store.CreateClient(ctx, client), "%q", text)
			gotClient, err := store.GetClient(ctx, client.ID)
			require.NoError(t, err)
			assert.Equal(t, text, gotClient.Name)
		}
		_, err = store.GetClient(ctx, text)
		assert.ErrorIs(t, err, model.ErrNotFound, "%q", text)

		rate := model.Rate{Interval: time.Minute, Burst: 1}
		wait, err := store.Take(ctx, text, 1, rate, issued)
		require.NoError(t, err)
		assert.Zero(t, wait, "%q was not counted before", text)
		wait, err = store.Take(ctx, text, 1, rate, issued)
		require.NoError(t, err)
		assert.Equal(t, time.Minute, wait)
	}
	// And each is still there: no text has removed, changed or matched anything but its own.
	for _, text := range odd() {
		revoked, err := store.RevokeGrants(ctx, model.GrantFilter{UserID: text, ClientID: text})
		require.NoError(t, err)
		assert.Equal(t, 1, revoked, "%q", text)
		require.NoError(t, store.DeleteConsents(ctx, model.GrantFilter{UserID: text}))
	}
}

func newDevice() *model.DeviceCode {
	return &model.DeviceCode{
		Key: newKey(salt()), UserCode: newKey(salt()).Digest, ClientID: "device", Scope: "read", Interval: 5 * time.Second,
		IssuedAt: issued, ExpiresAt: issued.Add(10 * time.Minute), RetainUntil: issued.Add(20 * time.Minute),
	}
}

func TestOddText(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, db := p.fresh(t)
		before := p.tables(t, db)
		oddities(t, store)
		assert.Equal(t, before, p.tables(t, db))
		histories(t, store, 1)
	})
}

// Where the driver writes the values into the statement, it has to know how the server will read it.
func TestOddTextInTheStatement(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]setting{
		"PostgreSQL": {param("default_query_exec_mode", "simple_protocol")},
		"MariaDB": {
			param("interpolateParams", "true"), param("interpolateParams", "true", "sql_mode", "'NO_BACKSLASH_ESCAPES'"),
			param("interpolateParams", "true", "sql_mode", "'ANSI_QUOTES'"), param("interpolateParams", "true", "multiStatements", "true"), param("charset", "latin1"),
		},
	} {
		for _, p := range products() {
			if p.name != name {
				continue
			}
			for _, s := range settings {
				t.Run(name+"/"+s.name, func(t *testing.T) {
					t.Parallel()
					dsn := p.create(t)
					oddities(t, p.store(t, p.pool(t, s.dsn(t, dsn))))
				})
			}
		}
	}
}

// What cannot be stored is refused before anything happens, and asked for it is not found; neither is the database's error.
func TestRefusedText(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, _ := p.fresh(t)
		ctx := t.Context()
		for _, text := range refused() {
			code := newCode()
			code.UserID = text
			assertFault(t, "SaveAuthorizationCode", store.SaveAuthorizationCode(ctx, code))
			code.UserID = "alice"
			require.NoError(t, store.SaveAuthorizationCode(ctx, code), "nothing was left of what was refused")
			token := newToken(code.Key.Grant)
			token.UserID = text
			assertFault(t, "RedeemAuthorizationCode", store.RedeemAuthorizationCode(ctx, code.Key, token))
			token.UserID = "alice"
			require.NoError(t, store.RedeemAuthorizationCode(ctx, code.Key, token))
			next := newToken(token.GrantID)
			next.Scope = model.Scope(text)
			assertFault(t, "RotateRefreshToken", store.RotateRefreshToken(ctx, token.RefreshKey(), salt32(), next))
			opening := newToken(salt())
			opening.ClientID = text
			assertFault(t, "SaveToken", store.SaveToken(ctx, opening))
			got, err := store.GetRefreshToken(ctx, token.RefreshKey())
			require.NoError(t, err)
			assert.Zero(t, got.SpentAt)

			_, err = store.GetClient(ctx, text)
			assertNotFound(t, err)
			grants, err := store.ListGrants(ctx, model.GrantFilter{UserID: text}, issued, 0)
			require.NoError(t, err)
			assert.Empty(t, grants)
			consents, err := store.ListConsents(ctx, text, text)
			require.NoError(t, err)
			assert.Empty(t, consents)
			revoked, err := store.RevokeGrants(ctx, model.GrantFilter{ClientID: text})
			require.NoError(t, err)
			assert.Zero(t, revoked)
			require.NoError(t, store.DeleteConsents(ctx, model.GrantFilter{UserID: text}))
			require.NoError(t, store.DeleteClient(ctx, text))
			wait, err := store.Take(ctx, text, 1, model.Rate{Interval: time.Minute, Burst: 1}, issued)
			require.NoError(t, err, "a key may hold what somebody typed")
			assert.Zero(t, wait)
		}
	})
}

// Texts that a collation may call equal are of different users and clients.
func TestAlikeIsNotEqual(t *testing.T) {
	t.Parallel()
	alike := []string{"alice", "Alice", "ALICE", "alice ", " alice", "alice\n", "alice%", "_lice", "álice", "a\u0301lice", "alıce", "ａlice", "strasse", "straße", "ﬁ", "fi", "10", "010", "1e1", "10.0"}
	onEach(t, func(t *testing.T, p product) {
		store, _ := p.fresh(t)
		for _, text := range alike {
			token := newToken(salt())
			token.UserID, token.ClientID = text, text
			require.NoError(t, store.SaveToken(t.Context(), token))
			require.NoError(t, store.AddConsent(t.Context(), &model.Consent{UserID: text, ClientID: "web", Scope: "read", GivenAt: issued, ExpiresAt: issued.Add(time.Hour)}))
		}
		for _, id := range []string{"web", "Web", "WEB"} {
			require.NoError(t, store.CreateClient(t.Context(), &model.Client{ID: id, Name: id, Public: true, RedirectURIs: []string{"https://web.test/cb"}, Scope: "read"}))
		}
		for _, id := range []string{"web", "Web", "WEB"} {
			client, err := store.GetClient(t.Context(), id)
			require.NoError(t, err)
			assert.Equal(t, id, client.Name)
		}
		for _, text := range alike {
			for _, filter := range []model.GrantFilter{{UserID: text}, {ClientID: text}} {
				grants, err := store.ListGrants(t.Context(), filter, issued, 0)
				require.NoError(t, err)
				require.Len(t, grants, 1, "%q", text)
				assert.Equal(t, text, grants[0].UserID)
			}
			consents, err := store.ListConsents(t.Context(), text, "")
			require.NoError(t, err)
			require.Len(t, consents, 1, "%q", text)
			assert.Equal(t, text, consents[0].UserID)
			require.NoError(t, store.DeleteConsents(t.Context(), model.GrantFilter{UserID: text}))
			revoked, err := store.RevokeGrants(t.Context(), model.GrantFilter{UserID: text})
			require.NoError(t, err)
			assert.Equal(t, 1, revoked, "%q", text)
		}
	})
}
