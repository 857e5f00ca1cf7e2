package sqlstore

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// No statement of the store reads a whole table, but for the one that denies device codes, which live for minutes.
func TestEveryStatementFindsItsRowsByAnIndex(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		var mu sync.Mutex
		seen := map[string][]any{}
		store, db := p.freshPausable(t, func(query string, args []driver.NamedValue) {
			mu.Lock()
			defer mu.Unlock()
			values := make([]any, len(args))
			for i, a := range args {
				values[i] = a.Value
			}
			seen[query] = values
		})
		for range 300 { // else it is quicker to read all than to look anything up
			token, code := newToken(salt()), newCode()
			token.UserID, token.ClientID = model.GrantID(salt()).String(), model.GrantID(salt()).String()
			code.UserID, code.ClientID = token.UserID, token.ClientID
			require.NoError(t, store.SaveToken(t.Context(), token))
			require.NoError(t, store.SaveAuthorizationCode(t.Context(), code))
		}
		useAll(t, store.Store)
		if p.dialect != sqlstore.SQLite {
			for _, table := range []string{"grants", "codes", "tokens"} {
				_, err := db.ExecContext(t.Context(), map[sqlstore.Dialect]string{sqlstore.PostgreSQL: "ANALYZE oauth_", sqlstore.MySQL: "ANALYZE TABLE oauth_"}[p.dialect]+table)
				require.NoError(t, err)
			}
		}
		mu.Lock()
		statements := maps.Clone(seen)
		mu.Unlock()
		explained := 0
		for _, query := range slices.Sorted(maps.Keys(statements)) {
			if !regexp.MustCompile(`^(WITH|SELECT|INSERT|UPDATE|DELETE)\b.*\b(FROM|INTO|UPDATE) oauth_`).MatchString(strings.ReplaceAll(query, "\n", " ")) && !strings.HasPrefix(query, "UPDATE oauth_") {
				continue
			}
			if strings.Contains(query, "oauth_migrations") || strings.Contains(query, "WHERE FALSE") || strings.HasPrefix(query, "UPDATE oauth_devices SET status = 2") {
				continue
			}
			explained++
			for _, line := range p.wholeTables(t, db, query, statements[query]) {
				t.Errorf("%s\n\treads all: %s", query, line)
			}
		}
		assert.Greater(t, explained, 30, "statements")
	})
}

// wholeTables returns the lines of a statement's plan that read a whole table.
func (p product) wholeTables(t *testing.T, db *sql.DB, query string, args []any) (bad []string) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	explain := "EXPLAIN "
	switch p.dialect {
	case sqlstore.PostgreSQL: // what is read in full now has no index at all
		_, err := tx.ExecContext(t.Context(), "SET LOCAL enable_seqscan = off")
		require.NoError(t, err)
	case sqlstore.SQLite:
		explain = "EXPLAIN QUERY PLAN "
	}
	rows, err := tx.QueryContext(t.Context(), explain+query, args...)
	require.NoError(t, err, query)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		row := make([]sql.NullString, len(columns))
		dest := make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		require.NoError(t, rows.Scan(dest...))
		line := fmt.Sprint(row)
		whole := false
		switch p.dialect {
		case sqlstore.PostgreSQL:
			whole = strings.Contains(row[0].String, "Seq Scan on oauth_")
		case sqlstore.MySQL: // type
			whole = row[1].String != "INSERT" && (row[3].String == "ALL" || row[3].String == "index")
		case sqlstore.SQLite:
			whole = strings.HasPrefix(row[3].String, "SCAN ") && row[3].String != "SCAN CONSTANT ROW"
		}
		if whole {
			bad = append(bad, line)
		}
	}
	require.NoError(t, rows.Err())
	return bad
}

// useAll calls everything that a store offers.
func useAll(t *testing.T, store *sqlstore.Store) {
	t.Helper()
	ctx := t.Context()
	code, burnt := newCode(), newCode()
	for _, c := range []*model.AuthorizationCode{code, burnt} {
		require.NoError(t, store.SaveAuthorizationCode(ctx, c))
	}
	_, err := store.GetAuthorizationCode(ctx, code.Key)
	require.NoError(t, err)
	require.NoError(t, store.RedeemAuthorizationCode(ctx, burnt.Key, nil))
	first, next := newToken(code.Key.Grant), newToken(code.Key.Grant)
	require.NoError(t, store.RedeemAuthorizationCode(ctx, code.Key, first))
	require.ErrorIs(t, store.RedeemAuthorizationCode(ctx, code.Key, next), model.ErrSpent)
	require.NoError(t, store.RotateRefreshToken(ctx, first.RefreshKey(), salt32(), next))
	require.ErrorIs(t, store.RotateRefreshToken(ctx, first.RefreshKey(), salt32(), newToken(code.Key.Grant)), model.ErrSpent)
	_, err = store.GetAccessToken(ctx, next.AccessKey())
	require.NoError(t, err)
	_, err = store.GetRefreshToken(ctx, next.RefreshKey())
	require.NoError(t, err)
	require.NoError(t, store.RevokeAccessToken(ctx, next.AccessKey()))
	require.NoError(t, store.RevokeGrant(ctx, code.Key.Grant))

	client := &model.Client{ID: "app", Public: true, RedirectURIs: []string{"https://app.test/cb"}}
	require.NoError(t, store.CreateClient(ctx, client))
	require.NoError(t, store.UpdateClient(ctx, "app", func(c *model.Client) error { c.Name = "App"; return nil }))
	require.NoError(t, store.DeleteClient(ctx, "app"))

	useDevices(t, store)

	for _, f := range []model.GrantFilter{{UserID: "alice"}, {ClientID: "web"}, {UserID: "alice", ClientID: "web"}} {
		require.NoError(t, store.AddConsent(ctx, &model.Consent{UserID: "alice", ClientID: "web", Scope: "read", GivenAt: issued, ExpiresAt: issued.Add(time.Hour)}))
		require.NoError(t, store.AddConsent(ctx, &model.Consent{UserID: "alice", ClientID: "web", Scope: "write", GivenAt: issued, ExpiresAt: issued.Add(time.Hour)}))
		_, err = store.ListConsents(ctx, "alice", f.ClientID)
		require.NoError(t, err)
		require.NoError(t, store.DeleteConsents(ctx, f))
		_, err = store.ListGrants(ctx, f, issued, 10)
		require.NoError(t, err)
		_, err = store.RevokeGrants(ctx, f)
		require.NoError(t, err)
	}
	for range 2 {
		_, err = store.Take(ctx, "key", 1, model.Rate{Interval: time.Second, Burst: 1}, issued)
		require.NoError(t, err)
	}
	_, err = store.Sweep(ctx, issued, 10)
	require.NoError(t, err)
	_, err = store.Sweep(ctx, issued.Add(72*time.Hour), 10)
	require.NoError(t, err)
}

func useDevices(t *testing.T, store *sqlstore.Store) {
	t.Helper()
	ctx := t.Context()
	device := &model.DeviceCode{Key: newKey(salt()), UserCode: salt32(), ClientID: "tv", IssuedAt: issued, ExpiresAt: issued.Add(time.Minute), RetainUntil: issued.Add(time.Hour), Interval: time.Second}
	require.NoError(t, store.SaveDeviceCode(ctx, device))
	_, err := store.GetDeviceCode(ctx, device.UserCode)
	require.NoError(t, err)
	_, _, err = store.PollDeviceCode(ctx, device.Key, "tv", issued, time.Second)
	require.NoError(t, err)
	require.NoError(t, store.DecideDeviceCode(ctx, device.Key, model.DeviceApproved, "alice", "read"))
	require.NoError(t, store.RedeemDeviceCode(ctx, device.Key, newToken(device.Key.Grant)))
	_, err = store.RevokeDeviceCodes(ctx, model.GrantFilter{UserID: "alice"})
	require.NoError(t, err)
}
