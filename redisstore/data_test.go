package redisstore_test

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

var t0 = time.Date(2031, 3, 14, 15, 9, 26, 535_000_000, time.UTC)

func newGrant() (id model.GrantID) {
	_, _ = rand.Read(id[:])
	return id
}

func newDigest() (d model.Digest) {
	_, _ = rand.Read(d[:])
	return d
}

func newCode() *model.AuthorizationCode {
	return &model.AuthorizationCode{
		Key: model.Key{Grant: newGrant(), Digest: newDigest()}, ClientID: "web", UserID: "alice", Scope: "read write",
		RedirectURI: "https://web.test/cb", RedirectURISent: true, Challenge: newDigest(), HasChallenge: true,
		IssuedAt: t0, ExpiresAt: t0.Add(time.Minute), RetainUntil: t0.Add(10 * time.Minute),
	}
}

func newToken(id model.GrantID) *model.Token {
	return &model.Token{
		GrantID: id, ClientID: "web", UserID: "alice", Access: newDigest(), Refresh: newDigest(), Scope: "read", GrantScope: "read write",
		IssuedAt: t0, AccessExpiresAt: t0.Add(time.Hour), RefreshExpiresAt: t0.Add(14 * 24 * time.Hour), GrantExpiresAt: t0.Add(90 * 24 * time.Hour),
	}
}

// newMachineToken is one of client_credentials.
func newMachineToken() *model.Token {
	t := newToken(newGrant())
	t.UserID, t.Refresh, t.RefreshExpiresAt, t.GrantExpiresAt = "", model.Digest{}, time.Time{}, t.AccessExpiresAt
	return t
}

func newDevice() *model.DeviceCode {
	return &model.DeviceCode{
		Key: model.Key{Grant: newGrant(), Digest: newDigest()}, UserCode: newDigest(), ClientID: "tv", Scope: "read write",
		IssuedAt: t0, ExpiresAt: t0.Add(10 * time.Minute), RetainUntil: t0.Add(20 * time.Minute), Interval: 5 * time.Second,
	}
}

func newClient() *model.Client {
	return &model.Client{
		ID: newGrant().String(), Name: "Web", Secrets: model.HashSecrets("one"), RedirectURIs: []string{"https://web.test/cb"}, Scope: "read",
	}
}

func newConsent() *model.Consent {
	return &model.Consent{UserID: "alice", ClientID: "web", Resource: "https://api.test", Scope: "read", GivenAt: t0, ExpiresAt: t0.Add(time.Hour)}
}

// everyVerb calls each verb on something of its own and returns the errors.
func everyVerb(ctx context.Context, s *redisstore.Store) map[string]error {
	errs := map[string]error{}
	code, client, device := newCode(), newClient(), newDevice()
	token := newToken(code.Key.Grant)
	next := newToken(code.Key.Grant)
	filter := model.GrantFilter{UserID: "nobody", ClientID: "none"}
	errs["CreateClient"] = s.CreateClient(ctx, client)
	errs["UpdateClient"] = s.UpdateClient(ctx, client.ID, func(*model.Client) error { return nil })
	_, errs["GetClient"] = s.GetClient(ctx, client.ID)
	errs["DeleteClient"] = s.DeleteClient(ctx, client.ID)
	errs["SaveAuthorizationCode"] = s.SaveAuthorizationCode(ctx, code)
	_, errs["GetAuthorizationCode"] = s.GetAuthorizationCode(ctx, code.Key)
	errs["RedeemAuthorizationCode"] = s.RedeemAuthorizationCode(ctx, code.Key, token)
	errs["SaveToken"] = s.SaveToken(ctx, newToken(newGrant()))
	_, errs["GetAccessToken"] = s.GetAccessToken(ctx, token.AccessKey())
	_, errs["GetRefreshToken"] = s.GetRefreshToken(ctx, token.RefreshKey())
	errs["RotateRefreshToken"] = s.RotateRefreshToken(ctx, token.RefreshKey(), [32]byte{1}, next)
	errs["RevokeAccessToken"] = s.RevokeAccessToken(ctx, next.AccessKey())
	errs["RevokeGrant"] = s.RevokeGrant(ctx, newGrant())
	_, errs["ListGrants"] = s.ListGrants(ctx, filter, t0, 0)
	_, errs["RevokeGrants"] = s.RevokeGrants(ctx, filter)
	errs["SaveDeviceCode"] = s.SaveDeviceCode(ctx, device)
	_, errs["GetDeviceCode"] = s.GetDeviceCode(ctx, device.UserCode)
	errs["DecideDeviceCode"] = s.DecideDeviceCode(ctx, device.Key, model.DeviceApproved, "alice", "read")
	_, _, errs["PollDeviceCode"] = s.PollDeviceCode(ctx, device.Key, device.ClientID, t0, time.Second)
	errs["RedeemDeviceCode"] = s.RedeemDeviceCode(ctx, device.Key, newToken(device.Key.Grant))
	_, errs["RevokeDeviceCodes"] = s.RevokeDeviceCodes(ctx, filter)
	errs["AddConsent"] = s.AddConsent(ctx, newConsent())
	_, errs["ListConsents"] = s.ListConsents(ctx, "alice", "web")
	errs["DeleteConsents"] = s.DeleteConsents(ctx, filter)
	_, errs["Take"] = s.Take(ctx, newGrant().String(), 1, model.Rate{Interval: time.Second, Burst: 3}, t0)
	return errs
}
