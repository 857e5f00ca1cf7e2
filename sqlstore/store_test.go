package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// unreachable is a database that a test must not ask.
type unreachable struct{}

var errAsked = errors.New("the database was asked")

func (unreachable) Connect(context.Context) (driver.Conn, error) { return nil, errAsked }
func (unreachable) Driver() driver.Driver                        { return nil }

func newStore(t *testing.T, d sqlstore.Dialect) *sqlstore.Store {
	t.Helper()
	db := sql.OpenDB(unreachable{})
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	s, err := sqlstore.New(db, d, sqlstore.Options{})
	require.NoError(t, err)
	return s
}

func dialects() []sqlstore.Dialect {
	return []sqlstore.Dialect{sqlstore.PostgreSQL, sqlstore.MySQL, sqlstore.SQLite}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	db := sql.OpenDB(unreachable{})
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	for _, tt := range []struct {
		name    string
		db      *sql.DB
		dialect sqlstore.Dialect
		opts    sqlstore.Options
		want    []string
	}{
		{"no database", nil, sqlstore.SQLite, sqlstore.Options{}, []string{"database is nil"}},
		{"no dialect", db, 0, sqlstore.Options{}, []string{"dialect Dialect(0)", "sqlstore.PostgreSQL"}},
		{"an unknown dialect", db, 4, sqlstore.Options{}, []string{"dialect Dialect(4)"}},
		{"a prefix that needs quotes", db, sqlstore.MySQL, sqlstore.Options{Prefix: "my-app_"}, []string{"Options.Prefix", `"my-app_"`}},
		{"a prefix in capitals", db, sqlstore.MySQL, sqlstore.Options{Prefix: "OAuth_"}, []string{"Options.Prefix"}},
		{"a prefix with SQL", db, sqlstore.MySQL, sqlstore.Options{Prefix: "x; DROP TABLE users; --"}, []string{"Options.Prefix"}},
		{"a prefix with a digit at the front", db, sqlstore.MySQL, sqlstore.Options{Prefix: "2fa_"}, []string{"Options.Prefix"}},
		{"a prefix that is too long", db, sqlstore.MySQL, sqlstore.Options{Prefix: strings.Repeat("a", 33)}, []string{"Options.Prefix"}},
		{"all of it", db, 9, sqlstore.Options{Prefix: "a.b"}, []string{"Dialect(9)", "Options.Prefix"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := sqlstore.New(tt.db, tt.dialect, tt.opts)
			require.ErrorContains(t, err, "sqlstore: ")
			for _, part := range tt.want {
				assert.ErrorContains(t, err, part)
			}
			if tt.db != nil {
				require.EqualError(t, sqlstore.Migrate(t.Context(), tt.db, tt.dialect, tt.opts), err.Error())
			}
		})
	}
}

func TestDialectNames(t *testing.T) {
	t.Parallel()
	for d, name := range map[sqlstore.Dialect]string{sqlstore.PostgreSQL: "postgresql", sqlstore.MySQL: "mysql", sqlstore.SQLite: "sqlite", 7: "Dialect(7)"} {
		assert.Equal(t, name, d.String())
	}
}

// What no database could find is not looked for.
func TestNothingIsAskedForWhatCannotBeThere(t *testing.T) {
	t.Parallel()
	for _, d := range dialects() {
		t.Run(d.String(), func(t *testing.T) {
			t.Parallel()
			s, ctx := newStore(t, d), t.Context()
			grant := model.GrantID{1}
			zero := model.Key{Grant: grant}
			token := &model.Token{GrantID: grant, Access: model.Digest{1}}
			for name, err := range map[string]error{
				"GetAuthorizationCode":    second(s.GetAuthorizationCode(ctx, zero)),
				"GetAccessToken":          second(s.GetAccessToken(ctx, zero)),
				"GetRefreshToken":         second(s.GetRefreshToken(ctx, zero)),
				"GetDeviceCode":           second(s.GetDeviceCode(ctx, model.Digest{})),
				"RedeemAuthorizationCode": s.RedeemAuthorizationCode(ctx, zero, token),
				"burn":                    s.RedeemAuthorizationCode(ctx, zero, nil),
				"RotateRefreshToken":      s.RotateRefreshToken(ctx, zero, [32]byte{1}, token),
				"RedeemDeviceCode":        s.RedeemDeviceCode(ctx, zero, token),
				"DecideDeviceCode":        s.DecideDeviceCode(ctx, zero, model.DeviceDenied, "alice", ""),
				"GetClient, NUL":          second(s.GetClient(ctx, "a\x00b")),
				"GetClient, no UTF-8":     second(s.GetClient(ctx, "a\xffb")),
				"GetClient, too long":     second(s.GetClient(ctx, strings.Repeat("a", 256))),
				"UpdateClient":            s.UpdateClient(ctx, "\x00", func(*model.Client) error { return nil }),
			} {
				assert.ErrorIs(t, err, model.ErrNotFound, name)
			}
			require.NoError(t, s.RevokeAccessToken(ctx, zero))
			require.NoError(t, s.DeleteClient(ctx, "\x00"))
			filter := model.GrantFilter{UserID: "\xff", ClientID: "web"}
			require.NoError(t, s.DeleteConsents(ctx, filter))
			require.NoError(t, second(s.RevokeGrants(ctx, filter)))
			require.NoError(t, second(s.ListGrants(ctx, filter, time.Now(), 0)))
			require.NoError(t, second(s.RevokeDeviceCodes(ctx, filter)))
			require.NoError(t, second(s.ListConsents(ctx, "alice", "\x00")))
		})
	}
}

func second[T any](_ T, err error) error { return err }

// What could not be kept as it is is refused before the database is asked, and the
// error names the field and not the value.
func TestRefusesWhatCannotBeStored(t *testing.T) {
	t.Parallel()
	bad := map[string]string{"NUL": "se\x00cret", "no UTF-8": "se\xffcret"}
	key := model.Key{Grant: model.GrantID{1}, Digest: model.Digest{1}}
	for _, d := range dialects() {
		for what, text := range bad {
			t.Run(d.String()+", "+what, func(t *testing.T) {
				t.Parallel()
				s, ctx := newStore(t, d), t.Context()
				save := func(change func(*model.Token)) error {
					token := &model.Token{GrantID: key.Grant, Access: model.Digest{2}}
					change(token)
					return errors.Join(s.SaveToken(ctx, token), s.RotateRefreshToken(ctx, key, [32]byte{1}, token), s.RedeemAuthorizationCode(ctx, key, token), s.RedeemDeviceCode(ctx, key, token))
				}
				for field, err := range map[string]error{
					"the client id":           save(func(t *model.Token) { t.ClientID = text }),
					"the user id":             save(func(t *model.Token) { t.UserID = text }),
					"the scope":               save(func(t *model.Token) { t.Scope = model.Scope(text) }),
					"the grant's scope":       save(func(t *model.Token) { t.GrantScope = model.Scope(text) }),
					"the resources":           save(func(t *model.Token) { t.Resources = model.Resources(text) }),
					"the grant's resources":   save(func(t *model.Token) { t.GrantResources = model.Resources(text) }),
					"the extended attributes": save(func(t *model.Token) { t.Extra = []byte(text) }),
					"the redirect URI":        s.SaveAuthorizationCode(ctx, &model.AuthorizationCode{Key: key, RedirectURI: text}),
					"the resource":            s.AddConsent(ctx, &model.Consent{UserID: "alice", Resource: text}),
				} {
					require.ErrorContains(t, err, field+" is not UTF-8 text without NUL")
					assert.NotErrorIs(t, err, errAsked)
					assert.NotContains(t, err.Error(), text)
				}
				for _, err := range []error{
					s.SaveDeviceCode(ctx, &model.DeviceCode{Key: key, Scope: model.Scope(text)}),
					s.DecideDeviceCode(ctx, key, model.DeviceApproved, text, ""),
					s.CreateClient(ctx, &model.Client{ID: "app", Public: true, Name: text, RedirectURIs: []string{"https://app.test/cb"}}),
				} {
					require.Error(t, err)
					assert.NotErrorIs(t, err, errAsked)
				}
			})
		}
	}
}

func TestRefusesWhatIsTooLong(t *testing.T) {
	t.Parallel()
	for _, d := range dialects() {
		s, ctx := newStore(t, d), t.Context()
		token := &model.Token{GrantID: model.GrantID{1}, Access: model.Digest{2}, UserID: strings.Repeat("u", 2049)}
		require.ErrorContains(t, s.SaveToken(ctx, token), "the user id is not UTF-8 text without NUL of at most 2048 bytes")
		token.UserID = strings.Repeat("u", 2048)
		require.ErrorIs(t, s.SaveToken(ctx, token), errAsked)
	}
}

// A save that makes no sense is a fault, whatever the database says.
func TestRefusesATokenOfAnotherGrant(t *testing.T) {
	t.Parallel()
	for _, d := range dialects() {
		s, ctx := newStore(t, d), t.Context()
		key := model.Key{Grant: model.GrantID{1}, Digest: model.Digest{1}}
		other := &model.Token{GrantID: model.GrantID{2}, Access: model.Digest{2}}
		for _, err := range []error{s.RedeemAuthorizationCode(ctx, key, other), s.RotateRefreshToken(ctx, key, [32]byte{1}, other), s.RedeemDeviceCode(ctx, key, other)} {
			require.ErrorContains(t, err, "another grant")
		}
		require.ErrorContains(t, s.SaveToken(ctx, &model.Token{GrantID: key.Grant}), "no digest")
		require.ErrorContains(t, s.DecideDeviceCode(ctx, key, model.DeviceSpent, "", ""), "approved or denied")
		require.ErrorContains(t, s.AddConsent(ctx, &model.Consent{ClientID: "web"}), "needs a user")
	}
}

// A fault says what was attempted and lets the cause be found.
func TestFaultsAreWrapped(t *testing.T) {
	t.Parallel()
	for _, d := range dialects() {
		s, ctx := newStore(t, d), t.Context()
		key := model.Key{Grant: model.GrantID{1}, Digest: model.Digest{1}}
		token := &model.Token{GrantID: key.Grant, Access: model.Digest{2}}
		rate := model.Rate{Interval: time.Second, Burst: 1}
		for attempted, err := range map[string]error{
			"get client":                second(s.GetClient(ctx, "web")),
			"save authorization code":   s.SaveAuthorizationCode(ctx, &model.AuthorizationCode{Key: key}),
			"get authorization code":    second(s.GetAuthorizationCode(ctx, key)),
			"redeem authorization code": s.RedeemAuthorizationCode(ctx, key, token),
			"save token":                s.SaveToken(ctx, token),
			"get access token":          second(s.GetAccessToken(ctx, key)),
			"get refresh token":         second(s.GetRefreshToken(ctx, key)),
			"rotate refresh token":      s.RotateRefreshToken(ctx, key, [32]byte{1}, token),
			"revoke access token":       s.RevokeAccessToken(ctx, key),
			"revoke grant":              s.RevokeGrant(ctx, key.Grant),
			"sweep":                     second(s.Sweep(ctx, time.Now(), 1)),
			"count for a limit":         second(s.Take(ctx, "key", 1, rate, time.Now())),
			"list grants":               second(s.ListGrants(ctx, model.GrantFilter{UserID: "alice"}, time.Now(), 0)),
			"migrate":                   sqlstore.Migrate(ctx, sql.OpenDB(unreachable{}), d, sqlstore.Options{}),
		} {
			require.ErrorIs(t, err, errAsked, attempted)
			assert.ErrorContains(t, err, "sqlstore: "+attempted+": ")
		}
	}
}
