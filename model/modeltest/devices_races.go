package modeltest

import (
	"context"
	"fmt"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

func (c *checker) oneDecision(s DeviceStore, code *model.DeviceCode, errs []error) {
	c.Helper()
	won := c.winner("decisions on one code", errs, model.ErrSpent)
	code.Status, code.UserID, code.Scope = decision(won)
	c.device(s, code)
}

// decision is that of the i-th user.
func decision(i int) (model.DeviceStatus, string, model.Scope) {
	if i%2 == 0 {
		return model.DeviceApproved, fmt.Sprint("user", i), "read"
	}
	return model.DeviceDenied, fmt.Sprint("user", i), "write"
}

func decide(s DeviceStore, code *model.DeviceCode, i int) func(context.Context) error {
	return func(ctx context.Context) error {
		status, user, scope := decision(i)
		return s.DecideDeviceCode(ctx, code.Key, status, user, scope)
	}
}

func forcedDecideDecide(c *checker, s DeviceStore) {
	p, ok := s.(Pauser)
	if !ok {
		return
	}
	code := c.saveDevice(s)
	err1, err2 := force(c, p, decide(s, code, 0), decide(s, code, 1))
	c.oneDecision(s, code, []error{err1, err2})
}

func redeemDevice(s DeviceStore, code *model.DeviceCode, t *model.Token) func(context.Context) error {
	return func(ctx context.Context) error { return s.RedeemDeviceCode(ctx, code.Key, cloneToken(t)) }
}

func forcedRedeemDevice(c *checker, s DeviceStore) {
	p, ok := s.(Pauser)
	if !ok {
		return
	}
	code := c.decided(s, model.DeviceApproved)
	tokens := tokensIn(code.Key.Grant, 2, now)
	err1, err2 := force(c, p, redeemDevice(s, code, tokens[0]), redeemDevice(s, code, tokens[1]))
	c.oneSaved(s, tokens, c.winner("redemptions of one device code", []error{err1, err2}, model.ErrSpent))
}

func raceSaveDevice(c *checker, s DeviceStore) {
	codes := make([]*model.DeviceCode, racers)
	user := newDigest()
	for i := range codes {
		codes[i] = newDevice()
		codes[i].UserCode = user
	}
	errs := race(racers, func(i int) error { return s.SaveDeviceCode(c.ctx, codes[i]) })
	won := c.winner("saves of one user code", errs, model.ErrExists)
	c.device(s, codes[won])
}

func raceDecide(c *checker, s DeviceStore) {
	code := c.saveDevice(s)
	c.oneDecision(s, code, race(racers, func(i int) error { return decide(s, code, i)(c.ctx) }))
}

func raceRedeemDevice(c *checker, s DeviceStore) {
	code := c.decided(s, model.DeviceApproved)
	tokens := tokensIn(code.Key.Grant, racers, now)
	errs := race(racers, func(i int) error { return redeemDevice(s, code, tokens[i])(c.ctx) })
	c.oneSaved(s, tokens, c.winner("redemptions of one device code", errs, model.ErrSpent))
}

// racePoll polls at one time from many sides: all but one are too soon, and each
// of those counts.
func racePoll(c *checker, s DeviceStore) {
	code := c.saveDevice(s)
	soon := make([]bool, racers)
	errs := race(racers, func(i int) (err error) {
		_, soon[i], err = s.PollDeviceCode(c.ctx, code.Key, code.ClientID, now, 5*time.Second)
		return err
	})
	inTime := 0
	for i := range soon {
		c.ok(errs[i], "PollDeviceCode")
		if !soon[i] {
			inTime++
		}
	}
	if inTime != 1 {
		c.Fatalf("%d of %d polls at once were in time, want 1", inTime, racers)
	}
	code.PolledAt, code.Interval = now, code.Interval+5*time.Second*(racers-1)
	c.device(s, code)
}
