package modeltest

import (
	"fmt"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// DeviceStore is what [RunDevices] tests: a model that holds device codes too.
type DeviceStore interface {
	model.Model
	model.DeviceModel
}

// RunDevices tests that the stores which newStore returns keep the contract of
// [model.DeviceModel]. All codes are random. [Run] does it by itself for a store
// that implements the interface.
func RunDevices(t *testing.T, newStore func(t *testing.T) DeviceStore) {
	t.Helper()
	raiseProcs(t)
	for _, r := range deviceRules {
		t.Run(r.name, func(t *testing.T) {
			r.check(&checker{T: t, ctx: t.Context()}, newStore(t))
		})
	}
}

var deviceRules = [...]partRule[DeviceStore]{
	{"DeviceCodeIsReturnedAsSaved", deviceCodeIsReturnedAsSaved},
	{"DeviceCodeIsFoundByItsNamesOnly", deviceCodeIsFoundByItsNamesOnly},
	{"DeviceCodeIsSavedOnce", deviceCodeIsSavedOnce},
	{"DecideIsKept", decideIsKept},
	{"DecideOnce", decideOnce},
	{"PollIsNoted", pollIsNoted},
	{"PollTooSoonSlowsDown", pollTooSoonSlowsDown},
	{"PollOfAnotherClient", pollOfAnotherClient},
	{"RedeemDeviceSpendsAndSaves", redeemDeviceSpendsAndSaves},
	{"RedeemDeviceNeedsApproval", redeemDeviceNeedsApproval},
	{"RedeemDeviceOpensTheGrant", redeemDeviceOpensTheGrant},
	{"RevokeGrantLeavesTheDeviceCode", revokeGrantLeavesTheDeviceCode},
	{"RevokeDeviceCodesDenies", revokeDeviceCodesDenies},
	{"ForcedDecideDecide", forcedDecideDecide},
	{"ForcedRedeemDevice", forcedRedeemDevice},
	{"RaceSaveDevice", raceSaveDevice},
	{"RaceDecide", raceDecide},
	{"RaceRedeemDevice", raceRedeemDevice},
	{"RacePoll", racePoll},
	{"SweepKeepsDeviceCodes", sweepKeepsDeviceCodes},
}

func newDevice() *model.DeviceCode {
	return &model.DeviceCode{
		Key: model.Key{Grant: newGrant(), Digest: newDigest()}, UserCode: newDigest(),
		ClientID: "tv", Scope: "read write", Resources: "https://api.test/v1",
		IssuedAt: now, ExpiresAt: now.Add(10 * time.Minute), RetainUntil: now.Add(20 * time.Minute),
		Interval: 4500 * time.Millisecond,
	}
}

func (c *checker) saveDevice(s DeviceStore) *model.DeviceCode {
	c.Helper()
	code := newDevice()
	passed := *code
	c.ok(s.SaveDeviceCode(c.ctx, &passed), "SaveDeviceCode")
	return code
}

// decided saves a code and sets this decision.
func (c *checker) decided(s DeviceStore, status model.DeviceStatus) *model.DeviceCode {
	c.Helper()
	code := c.saveDevice(s)
	c.ok(s.DecideDeviceCode(c.ctx, code.Key, status, "alice", "read"), "DecideDeviceCode")
	code.Status, code.UserID, code.Scope = status, "alice", "read"
	return code
}

func diffDevice(got, want *model.DeviceCode) string {
	if got == nil {
		return "nil without an error"
	}
	var d diff
	d.field("Key", got.Key, want.Key)
	d.field("UserCode", got.UserCode, want.UserCode)
	d.field("ClientID", got.ClientID, want.ClientID)
	d.field("Scope", got.Scope, want.Scope)
	d.field("Resources", got.Resources, want.Resources)
	d.time("IssuedAt", got.IssuedAt, want.IssuedAt)
	d.time("ExpiresAt", got.ExpiresAt, want.ExpiresAt)
	d.time("RetainUntil", got.RetainUntil, want.RetainUntil)
	d.field("Status", got.Status, want.Status)
	d.field("UserID", got.UserID, want.UserID)
	d.field("Interval", got.Interval, want.Interval)
	if want.PolledAt.IsZero() {
		d.field("PolledAt.IsZero", got.PolledAt.IsZero(), true)
	} else {
		d.time("PolledAt", got.PolledAt, want.PolledAt)
	}
	return d.String()
}

// device says that the code is there and just so.
func (c *checker) device(s DeviceStore, want *model.DeviceCode) {
	c.Helper()
	got, err := s.GetDeviceCode(c.ctx, want.UserCode)
	c.ok(err, "GetDeviceCode")
	if d := diffDevice(got, want); d != "" {
		c.Fatalf("GetDeviceCode: %s", d)
	}
}

// poll polls as the code's client and notes in want what must come of it.
func (c *checker) poll(s DeviceStore, want *model.DeviceCode, at time.Time, tooSoon bool) {
	c.Helper()
	got, soon, err := s.PollDeviceCode(c.ctx, want.Key, want.ClientID, at, 5*time.Second)
	c.ok(err, "PollDeviceCode")
	if soon != tooSoon {
		c.Fatalf("PollDeviceCode: tooSoon is %t, want %t", soon, tooSoon)
	}
	want.PolledAt = at
	if tooSoon {
		want.Interval += 5 * time.Second
	}
	if d := diffDevice(got, want); d != "" {
		c.Fatalf("PollDeviceCode: %s", d)
	}
}

func deviceCodeIsReturnedAsSaved(c *checker, s DeviceStore) {
	code, passed := newDevice(), new(model.DeviceCode)
	*passed = *code
	c.ok(s.SaveDeviceCode(c.ctx, passed), "SaveDeviceCode")
	*passed = model.DeviceCode{}
	c.device(s, code)
	got, err := s.GetDeviceCode(c.ctx, code.UserCode)
	c.ok(err, "GetDeviceCode")
	*got = model.DeviceCode{}
	c.device(s, code)
}

func deviceCodeIsFoundByItsNamesOnly(c *checker, s DeviceStore) {
	code := c.saveDevice(s)
	for _, digest := range []model.Digest{{}, newDigest(), code.Key.Digest} {
		_, err := s.GetDeviceCode(c.ctx, digest)
		c.is(err, "GetDeviceCode of another code", model.ErrNotFound)
	}
	for _, key := range []model.Key{
		{}, {Grant: code.Key.Grant}, {Grant: code.Key.Grant, Digest: newDigest()}, {Grant: newGrant(), Digest: code.Key.Digest}, {Grant: code.Key.Grant, Digest: code.UserCode},
	} {
		_, _, err := s.PollDeviceCode(c.ctx, key, code.ClientID, now, time.Second)
		c.is(err, "PollDeviceCode of another key", model.ErrNotFound)
		c.is(s.DecideDeviceCode(c.ctx, key, model.DeviceDenied, "bob", "read"), "DecideDeviceCode of another key", model.ErrNotFound)
		c.is(s.RedeemDeviceCode(c.ctx, key, newToken(key.Grant, now)), "RedeemDeviceCode of another key", model.ErrNotFound)
	}
	c.device(s, code)
}

// deviceCodeIsSavedOnce: a user code or grant is taken until its record need no
// longer be kept.
func deviceCodeIsSavedOnce(c *checker, s DeviceStore) {
	code := c.saveDevice(s)
	sameUser, sameGrant := newDevice(), newDevice()
	sameUser.UserCode, sameGrant.Key.Grant = code.UserCode, code.Key.Grant
	for _, other := range []*model.DeviceCode{sameUser, sameGrant} {
		other.IssuedAt = code.RetainUntil.Add(-time.Millisecond)
		c.is(s.SaveDeviceCode(c.ctx, other), "SaveDeviceCode of a code that is taken", model.ErrExists)
	}
	c.device(s, code)
	_, _, err := s.PollDeviceCode(c.ctx, sameUser.Key, sameUser.ClientID, now, time.Second)
	c.is(err, "PollDeviceCode of a code that was not saved", model.ErrNotFound)

	sameUser.IssuedAt, sameUser.ExpiresAt, sameUser.RetainUntil = code.RetainUntil, code.RetainUntil.Add(time.Minute), code.RetainUntil.Add(time.Hour)
	c.ok(s.SaveDeviceCode(c.ctx, sameUser), "SaveDeviceCode when the code is free again")
	c.device(s, sameUser)

	t := c.openByToken(s)
	other := newDevice()
	other.Key.Grant = t.GrantID
	c.is(s.SaveDeviceCode(c.ctx, other), "SaveDeviceCode in a grant that is open", model.ErrExists)
}

func decideIsKept(c *checker, s DeviceStore) {
	for _, status := range []model.DeviceStatus{model.DeviceApproved, model.DeviceDenied} {
		code := c.decided(s, status)
		c.device(s, code)
		c.poll(s, code, now, false)
	}
}

func decideOnce(c *checker, s DeviceStore) {
	for _, status := range []model.DeviceStatus{model.DeviceApproved, model.DeviceDenied} {
		code := c.decided(s, status)
		for _, second := range []model.DeviceStatus{model.DeviceApproved, model.DeviceDenied} {
			c.is(s.DecideDeviceCode(c.ctx, code.Key, second, "bob", "write"), "a second decision", model.ErrSpent)
		}
		c.device(s, code)
	}
}

func pollIsNoted(c *checker, s DeviceStore) {
	code := c.saveDevice(s)
	c.poll(s, code, now, false)
	c.poll(s, code, now.Add(code.Interval), false)
	c.device(s, code)
	// Also after it expired: stores read no clock.
	c.poll(s, code, code.ExpiresAt.Add(time.Minute), false)
}

func pollTooSoonSlowsDown(c *checker, s DeviceStore) {
	code := c.saveDevice(s)
	c.poll(s, code, now, false)
	at := now.Add(code.Interval - time.Millisecond)
	c.poll(s, code, at, true)
	c.poll(s, code, at.Add(code.Interval-time.Millisecond), true)
	at = code.PolledAt.Add(code.Interval)
	c.poll(s, code, at, false)
	c.device(s, code)
	other := c.saveDevice(s)
	c.poll(s, other, at, false)
}

func pollOfAnotherClient(c *checker, s DeviceStore) {
	code := c.saveDevice(s)
	got, soon, err := s.PollDeviceCode(c.ctx, code.Key, "another", now, time.Second)
	c.ok(err, "PollDeviceCode of another client")
	if d := diffDevice(got, code); d != "" || soon {
		c.Fatalf("PollDeviceCode of another client: tooSoon %t, %s", soon, d)
	}
	c.device(s, code)
	c.poll(s, code, now, false)
}

func redeemDeviceSpendsAndSaves(c *checker, s DeviceStore) {
	code := c.decided(s, model.DeviceApproved)
	t, second := newToken(code.Key.Grant, now), newToken(code.Key.Grant, now)
	c.ok(s.RedeemDeviceCode(c.ctx, code.Key, cloneToken(t)), "RedeemDeviceCode")
	c.same(s, t)
	code.Status = model.DeviceSpent
	c.device(s, code)
	c.is(s.RedeemDeviceCode(c.ctx, code.Key, cloneToken(second)), "a second redemption", model.ErrSpent)
	c.is(s.DecideDeviceCode(c.ctx, code.Key, model.DeviceDenied, "bob", "read"), "a decision on a spent code", model.ErrSpent)
	c.noToken(s, second, "of a redemption that failed")
	c.device(s, code)
	c.live(s, t)
}

func redeemDeviceNeedsApproval(c *checker, s DeviceStore) {
	for _, code := range []*model.DeviceCode{c.saveDevice(s), c.decided(s, model.DeviceDenied)} {
		t := newToken(code.Key.Grant, now)
		c.is(s.RedeemDeviceCode(c.ctx, code.Key, cloneToken(t)), fmt.Sprintf("RedeemDeviceCode with status %d", code.Status), model.ErrNotFound)
		c.noToken(s, t, "of a redemption that failed")
		c.device(s, code)
	}
}

// redeemDeviceOpensTheGrant: what follows in the grant is as in any other.
func redeemDeviceOpensTheGrant(c *checker, s DeviceStore) {
	code := c.decided(s, model.DeviceApproved)
	t := newToken(code.Key.Grant, now)
	c.ok(s.RedeemDeviceCode(c.ctx, code.Key, cloneToken(t)), "RedeemDeviceCode")
	c.is(s.SaveToken(c.ctx, newToken(code.Key.Grant, now)), "SaveToken in the grant of a device", model.ErrExists)
	next, _ := c.rotate(s, t)
	c.live(s, next)
	c.ok(s.RevokeGrant(c.ctx, code.Key.Grant), "RevokeGrant")
	c.noToken(s, next, "of a revoked grant")

	taken := c.decided(s, model.DeviceApproved)
	c.ok(s.SaveToken(c.ctx, newToken(taken.Key.Grant, now)), "SaveToken")
	c.is(s.RedeemDeviceCode(c.ctx, taken.Key, newToken(taken.Key.Grant, now)), "RedeemDeviceCode in a grant that is open", model.ErrExists)
	c.device(s, taken)
}

func revokeGrantLeavesTheDeviceCode(c *checker, s DeviceStore) {
	code := c.decided(s, model.DeviceApproved)
	c.ok(s.RedeemDeviceCode(c.ctx, code.Key, newToken(code.Key.Grant, now)), "RedeemDeviceCode")
	c.ok(s.RevokeGrant(c.ctx, code.Key.Grant), "RevokeGrant")
	code.Status = model.DeviceSpent
	c.poll(s, code, now, false)
	t := newToken(code.Key.Grant, now)
	c.is(s.RedeemDeviceCode(c.ctx, code.Key, cloneToken(t)), "RedeemDeviceCode in a revoked grant", model.ErrSpent)
	c.noToken(s, t, "of a redemption that failed")
}

func revokeDeviceCodesDenies(c *checker, s DeviceStore) {
	_, err := s.RevokeDeviceCodes(c.ctx, model.GrantFilter{})
	c.is(err, "RevokeDeviceCodes without a filter", model.ErrEmptyFilter)
	for _, byClient := range []bool{false, true} {
		user, client := newGrant().String(), newGrant().String()
		save := func(user string, status model.DeviceStatus) *model.DeviceCode {
			code := newDevice()
			code.ClientID = client
			passed := *code
			c.ok(s.SaveDeviceCode(c.ctx, &passed), "SaveDeviceCode")
			if status != model.DevicePending {
				c.ok(s.DecideDeviceCode(c.ctx, code.Key, status, user, code.Scope), "DecideDeviceCode")
				code.Status, code.UserID = status, user
			}
			return code
		}
		approved, pending, other := save(user, model.DeviceApproved), save("", model.DevicePending), save(newGrant().String(), model.DeviceApproved)
		spent := save(user, model.DeviceApproved)
		t := newToken(spent.Key.Grant, now)
		c.ok(s.RedeemDeviceCode(c.ctx, spent.Key, cloneToken(t)), "RedeemDeviceCode")
		spent.Status = model.DeviceSpent

		filter, want := model.GrantFilter{UserID: user}, 1
		if byClient {
			filter, want, other.Status = model.GrantFilter{ClientID: client}, 2, model.DeviceDenied
		}
		n, err := s.RevokeDeviceCodes(c.ctx, filter)
		c.ok(err, "RevokeDeviceCodes")
		if n != want {
			c.Fatalf("RevokeDeviceCodes: denied %d, want %d", n, want)
		}
		approved.Status = model.DeviceDenied
		for _, code := range []*model.DeviceCode{approved, pending, other, spent} {
			c.device(s, code)
		}
		c.is(s.RedeemDeviceCode(c.ctx, approved.Key, newToken(approved.Key.Grant, now)), "RedeemDeviceCode of a revoked code", model.ErrNotFound)
		c.live(s, t)
		if n, err = s.RevokeDeviceCodes(c.ctx, filter); err != nil || n != 0 {
			c.Fatalf("RevokeDeviceCodes again: %d, %v", n, err)
		}
	}
}

// sweepKeepsDeviceCodes: what must be kept is, and what need not is removed.
func sweepKeepsDeviceCodes(c *checker, s DeviceStore) {
	sweeper, ok := s.(model.Sweeper)
	if !ok {
		return
	}
	code := c.saveDevice(s)
	_, err := sweeper.Sweep(c.ctx, code.RetainUntil.Add(-time.Millisecond), 1<<20)
	c.ok(err, "Sweep")
	c.device(s, code)
	_, err = sweeper.Sweep(c.ctx, code.RetainUntil, 1<<20)
	c.ok(err, "Sweep")
	_, err = s.GetDeviceCode(c.ctx, code.UserCode)
	c.is(err, "GetDeviceCode after a sweep", model.ErrNotFound)
	_, _, err = s.PollDeviceCode(c.ctx, code.Key, code.ClientID, now, time.Second)
	c.is(err, "PollDeviceCode after a sweep", model.ErrNotFound)
}
