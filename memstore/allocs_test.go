//go:build !race

package memstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/internal/alloctest"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// What grows now and then, maps and slabs, counts as nothing; a record that is
// returned is one allocation.
func TestAllocations(t *testing.T) {
	s, ctx, now := memstore.New(), context.Background(), t0
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(s.AddClient(model.Client{ID: "web", Public: true, RedirectURIs: []string{"https://web.test/cb"}}))
	id := string([]byte("web")) // not a constant, which would be no allocation to pass on
	known := machineToken(now)
	check(s.SaveToken(ctx, known))
	chain := userToken(now, "alice")
	check(s.SaveToken(ctx, chain))
	code := &model.AuthorizationCode{ClientID: "web", UserID: "alice", Scope: "read", RedirectURI: "https://web.test/cb"}
	token := userToken(now, "alice")
	saveCode := func() {
		g, access, _ := fresh()
		code.Key = model.Key{Grant: g, Digest: access}
		code.IssuedAt, code.ExpiresAt, code.RetainUntil = now, now.Add(time.Minute), now.Add(10*time.Minute)
		check(s.SaveAuthorizationCode(ctx, code))
	}
	saveCode()
	kept := code.Key
	machine := machineToken(now)
	rate := model.Rate{Interval: time.Nanosecond, Burst: 1 << 40}
	alloctest.Run(t, []alloctest.Operation{
		{Name: "GetClient", Most: 0, Run: func() { _, err := s.GetClient(ctx, id); check(err) }},
		{Name: "GetAccessToken", Most: 1, Run: func() { _, err := s.GetAccessToken(ctx, known.AccessKey()); check(err) }},
		{Name: "GetAccessToken, unknown", Most: 0, Run: func() {
			_, err := s.GetAccessToken(ctx, model.Key{Grant: known.GrantID})
			require.ErrorIs(t, err, model.ErrNotFound)
		}},
		{Name: "GetRefreshToken", Most: 1, Run: func() { _, err := s.GetRefreshToken(ctx, chain.RefreshKey()); check(err) }},
		{Name: "GetAuthorizationCode", Most: 1, Run: func() { _, err := s.GetAuthorizationCode(ctx, kept); check(err) }},
		{Name: "SaveToken", Most: 1, Run: func() {
			machine.GrantID, machine.Access, _ = fresh()
			check(s.SaveToken(ctx, machine))
		}},
		{Name: "SaveAuthorizationCode", Most: 0, Run: saveCode},
		{Name: "RedeemAuthorizationCode and its save", Most: 0, Run: func() {
			saveCode()
			token.GrantID = code.Key.Grant
			_, token.Access, token.Refresh = fresh()
			check(s.RedeemAuthorizationCode(ctx, code.Key, token))
		}},
		{Name: "RotateRefreshToken", Most: 0, Run: func() {
			key := chain.RefreshKey()
			_, chain.Access, chain.Refresh = fresh()
			check(s.RotateRefreshToken(ctx, key, [32]byte{1}, chain))
		}},
		{Name: "RevokeGrant", Most: 0, Run: func() { check(s.RevokeGrant(ctx, machine.GrantID)) }},
		{Name: "Take", Most: 0, Run: func() { _, err := s.Take(ctx, "token client web", 1, rate, now); check(err) }},
		{Name: "Sweep", Most: 0, Run: func() { _, err := s.Sweep(ctx, now, 1); check(err) }},
	})
}
