package sqlstore

import (
	"context"
	"net"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// everyVerb calls each verb that asks the database, with what is not there.
func everyVerb(t *testing.T, store *sqlstore.Store, check func(verb string, err error)) {
	t.Helper()
	ctx := t.Context()
	token, key := newToken(salt()), newKey(salt())
	_, err := store.GetClient(ctx, "web")
	check("GetClient", err)
	check("SaveAuthorizationCode", store.SaveAuthorizationCode(ctx, newCode()))
	_, err = store.GetAuthorizationCode(ctx, key)
	check("GetAuthorizationCode", err)
	check("RedeemAuthorizationCode", store.RedeemAuthorizationCode(ctx, token.AccessKey(), token))
	check("RedeemAuthorizationCode without token", store.RedeemAuthorizationCode(ctx, key, nil))
	check("SaveToken", store.SaveToken(ctx, token))
	_, err = store.GetAccessToken(ctx, key)
	check("GetAccessToken", err)
	_, err = store.GetRefreshToken(ctx, key)
	check("GetRefreshToken", err)
	check("RotateRefreshToken", store.RotateRefreshToken(ctx, token.RefreshKey(), key.Digest, token))
	check("RevokeAccessToken", store.RevokeAccessToken(ctx, key))
	check("RevokeGrant", store.RevokeGrant(ctx, key.Grant))
	_, err = store.Sweep(ctx, issued, 10)
	check("Sweep", err)

	client := &model.Client{ID: "web", Name: "Web", Public: true, RedirectURIs: []string{"https://web.test/cb"}, Scope: "read"}
	check("CreateClient", store.CreateClient(ctx, client))
	check("UpdateClient", store.UpdateClient(ctx, "web", func(*model.Client) error { return nil }))
	check("DeleteClient", store.DeleteClient(ctx, "web"))
	alice := model.GrantFilter{UserID: "alice"}
	_, err = store.ListGrants(ctx, alice, issued, 0)
	check("ListGrants", err)
	_, err = store.RevokeGrants(ctx, alice)
	check("RevokeGrants", err)
	_, err = store.ListConsents(ctx, "alice", "")
	check("ListConsents", err)
	check("AddConsent", store.AddConsent(ctx, &model.Consent{UserID: "alice", ClientID: "web", Scope: "read", GivenAt: issued, ExpiresAt: issued.Add(time.Hour)}))
	check("DeleteConsents", store.DeleteConsents(ctx, alice))
	device := newDevice()
	check("SaveDeviceCode", store.SaveDeviceCode(ctx, device))
	_, err = store.GetDeviceCode(ctx, device.UserCode)
	check("GetDeviceCode", err)
	check("DecideDeviceCode", store.DecideDeviceCode(ctx, device.Key, model.DeviceApproved, "alice", "read"))
	_, _, err = store.PollDeviceCode(ctx, device.Key, "device", issued, time.Second)
	check("PollDeviceCode", err)
	check("RedeemDeviceCode", store.RedeemDeviceCode(ctx, token.AccessKey(), token))
	_, err = store.RevokeDeviceCodes(ctx, alice)
	check("RevokeDeviceCodes", err)
	_, err = store.Take(ctx, "key", 1, model.Rate{Interval: time.Minute, Burst: 1}, issued)
	check("Take", err)
}

// assertFault asserts an error that is none of the contract's outcomes, and says whose it is.
func assertFault(t *testing.T, what string, err error) {
	t.Helper()
	if !assert.ErrorContains(t, err, "sqlstore: ", what) {
		return
	}
	for _, outcome := range []error{model.ErrNotFound, model.ErrSpent, model.ErrRevoked, model.ErrExists} {
		assert.NotErrorIs(t, err, outcome, what)
	}
}

func assertNotFound(t *testing.T, err error) {
	t.Helper()
	assert.ErrorIs(t, err, model.ErrNotFound)
}

// alternating is two stores on one database, asked in turn.
func alternating(a, b model.Model) model.Model { return &turns{stores: [2]model.Model{a, b}} }

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
}

// nobody returns an address at which a listener never answers, and one at which nobody listens.
func nobody(t *testing.T) (silent, closed string) {
	t.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		return l
	}
	l := listen()
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	gone := listen()
	require.NoError(t, gone.Close())
	return l.Addr().String(), gone.Addr().String()
}

// A server that takes connections and says nothing is given up when the context ends, not later.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		if p.dialect == sqlstore.SQLite {
			return // there is no server
		}
		silent, _ := nobody(t)
		db := p.pool(t, p.changed(t, func(u *url.URL) { u.Host = silent }))
		store, err := sqlstore.New(db, p.dialect, sqlstore.Options{})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		assertFault(t, "RevokeGrant", store.RevokeGrant(ctx, salt()))
		_, err = store.GetAccessToken(ctx, newKey(salt()))
		assertFault(t, "GetAccessToken", err)
		assertFault(t, "RotateRefreshToken", store.RotateRefreshToken(ctx, newKey(salt()), salt32(), newToken(salt())))
	})
}

func salt32() [32]byte { return newKey(salt()).Digest }

// A call whose context ends in the middle does all of it or nothing, and leaves the connection usable.
func TestCallsThatAreCancelledMidway(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, db := p.fresh(t)
		token := newToken(salt())
		require.NoError(t, store.SaveToken(t.Context(), token))
		happened := 0
		// What spent the token: a server may go on with a call that was given up, and be done with it later.
		var successors []*model.Token
		for i := range 120 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%40)*50*time.Microsecond)
			next := newToken(token.GrantID)
			successors = append(successors, next)
			err := store.RotateRefreshToken(ctx, token.RefreshKey(), salt32(), next)
			cancel()
			old, oldErr := store.GetRefreshToken(t.Context(), token.RefreshKey())
			require.NoError(t, oldErr)
			if old.SpentAt.IsZero() {
				require.Error(t, err)
				assertFault(t, "RotateRefreshToken", err)
				continue
			}
			var saved []*model.Token
			for _, s := range successors {
				if _, err := store.GetRefreshToken(t.Context(), s.RefreshKey()); err == nil {
					saved = append(saved, s)
				} else {
					assertNotFound(t, err)
				}
			}
			require.Len(t, saved, 1, "spent, so one was saved")
			token, successors = saved[0], nil
			happened++
		}
		assert.Zero(t, db.Stats().InUse, "connections that were not given back")
		assert.Positive(t, happened)
		histories(t, store, 1)
	})
}

// turns is a store that hands each call to one of two in turn.
type turns struct {
	model.Model
	stores [2]model.Model
	calls  atomic.Uint64
}

func (s *turns) next() model.Model { return s.stores[s.calls.Add(1)%2] }

func (s *turns) SaveAuthorizationCode(ctx context.Context, code *model.AuthorizationCode) error {
	return s.next().SaveAuthorizationCode(ctx, code)
}

func (s *turns) RedeemAuthorizationCode(ctx context.Context, key model.Key, token *model.Token) error {
	return s.next().RedeemAuthorizationCode(ctx, key, token)
}

func (s *turns) GetAccessToken(ctx context.Context, key model.Key) (*model.Token, error) {
	return s.next().GetAccessToken(ctx, key)
}

func (s *turns) RotateRefreshToken(ctx context.Context, key model.Key, seed [32]byte, successor *model.Token) error {
	return s.next().RotateRefreshToken(ctx, key, seed, successor)
}

func (s *turns) RevokeGrant(ctx context.Context, id model.GrantID) error {
	return s.next().RevokeGrant(ctx, id)
}
