package modeltest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// naiveDevices is a store for device codes that keeps the contract, but for what
// a test takes out of it: one lock around everything.
type naiveDevices struct {
	pausableNaive
	mu     sync.Mutex
	codes  []*model.DeviceCode
	broken string
}

func (s *naiveDevices) is(broken string) bool { return s.broken == broken }

func (s *naiveDevices) find(match func(*model.DeviceCode) bool) *model.DeviceCode {
	if i := slices.IndexFunc(s.codes, match); i >= 0 {
		return s.codes[i]
	}
	return nil
}

func (s *naiveDevices) byKey(key model.Key) *model.DeviceCode {
	return s.find(func(c *model.DeviceCode) bool {
		return c.Key.Grant == key.Grant && (c.Key.Digest == key.Digest || s.is("digest not compared"))
	})
}

// gap is where a store that decides and writes in two steps lets others in.
func (s *naiveDevices) gap(ctx context.Context, broken string) {
	if s.is(broken) {
		s.mu.Unlock()
		s.pause(ctx)
		time.Sleep(time.Millisecond)
		s.mu.Lock()
		return
	}
	s.pause(ctx)
}

func (s *naiveDevices) pause(ctx context.Context) {
	if s.hook != nil {
		s.hook(ctx)
	}
}

func (s *naiveDevices) isOpen(id model.GrantID) bool {
	s.naive.mu.Lock()
	defer s.naive.mu.Unlock()
	return s.grants[id] != nil
}

func (s *naiveDevices) SaveDeviceCode(ctx context.Context, code *model.DeviceCode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.find(func(c *model.DeviceCode) bool {
		same := c.UserCode == code.UserCode || c.Key.Grant == code.Key.Grant && !s.is("grant not looked at")
		return same && c.RetainUntil.After(code.IssuedAt) && !(s.is("free at expiry") && !c.ExpiresAt.After(code.IssuedAt))
	})
	if taken != nil && !s.is("saves over") {
		return model.ErrExists
	}
	if s.isOpen(code.Key.Grant) && !s.is("open grant not looked at") {
		return model.ErrExists
	}
	s.gap(ctx, "save in two steps")
	s.codes = slices.DeleteFunc(s.codes, func(c *model.DeviceCode) bool { return c.UserCode == code.UserCode })
	if s.is("keeps what is passed in") {
		s.codes = append(s.codes, code)
		return nil
	}
	c := *code
	if s.is("no resources") {
		c.Resources = ""
	}
	s.codes = append(s.codes, &c)
	return nil
}

func (s *naiveDevices) GetDeviceCode(_ context.Context, user model.Digest) (*model.DeviceCode, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(func(c *model.DeviceCode) bool { return c.UserCode == user })
	if c == nil || s.is("hides what was decided") && c.Status != model.DevicePending {
		return nil, model.ErrNotFound
	}
	d := *c
	return &d, nil
}

func (s *naiveDevices) DecideDeviceCode(ctx context.Context, key model.Key, status model.DeviceStatus, user string, scope model.Scope) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byKey(key)
	if c == nil {
		return model.ErrNotFound
	}
	if c.Status != model.DevicePending && !s.is("decides again") {
		return model.ErrSpent
	}
	s.gap(ctx, "decide in two steps")
	c.Status, c.UserID = status, user
	if !s.is("approved scope lost") {
		c.Scope = scope
	}
	return nil
}

func (s *naiveDevices) PollDeviceCode(ctx context.Context, key model.Key, client string, now time.Time, slowDown time.Duration) (*model.DeviceCode, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byKey(key)
	if c == nil {
		return nil, false, model.ErrNotFound
	}
	soon := false
	if c.ClientID == client || s.is("notes any client") {
		at, interval := c.PolledAt, c.Interval
		s.gap(ctx, "poll in two steps")
		if soon = !at.IsZero() && now.Sub(at) < interval; soon && !s.is("slows nobody down") {
			c.Interval = interval + slowDown
		}
		if !s.is("polls not noted") {
			c.PolledAt = now
		}
	}
	d := *c
	return &d, soon, nil
}

func (s *naiveDevices) RedeemDeviceCode(ctx context.Context, key model.Key, t *model.Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byKey(key)
	switch {
	case c == nil:
		return model.ErrNotFound
	case c.Status == model.DeviceSpent && !s.is("redeems again"):
		return model.ErrSpent
	case c.Status == model.DevicePending, c.Status == model.DeviceDenied && !s.is("redeems what was denied"):
		return model.ErrNotFound
	}
	if s.is("spends before it saves") {
		c.Status = model.DeviceSpent
	}
	if err := s.SaveToken(ctx, t); err != nil {
		return err
	}
	c.Status = model.DeviceSpent
	return nil
}

func (s *naiveDevices) RevokeDeviceCodes(_ context.Context, filter model.GrantFilter) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := filter.Check(); err != nil && !s.is("revokes all") {
		return 0, err
	}
	for _, c := range s.codes {
		if s.is("revokes what is pending") && c.Status == model.DevicePending {
			c.Status = model.DeviceDenied
		}
		if c.Status == model.DeviceApproved && (filter.UserID == "" || filter.UserID == c.UserID) && (filter.ClientID == "" || filter.ClientID == c.ClientID) {
			c.Status, n = model.DeviceDenied, n+1
		}
	}
	return n, nil
}

func (s *naiveDevices) Sweep(_ context.Context, now time.Time, _ int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes = slices.DeleteFunc(s.codes, func(c *model.DeviceCode) bool {
		if s.is("sweeps at expiry") {
			return !c.ExpiresAt.After(now)
		}
		return !c.RetainUntil.After(now) && !s.is("sweeps nothing")
	})
	return 0, nil
}

// Each rule finds the store that breaks it, and none the one that keeps them.
func TestDeviceRules(t *testing.T) {
	t.Parallel()
	for broken, want := range map[string]string{
		"":                         "",
		"keeps what is passed in":  "DeviceCodeIsReturnedAsSaved",
		"no resources":             "DeviceCodeIsReturnedAsSaved",
		"digest not compared":      "DeviceCodeIsFoundByItsNamesOnly",
		"saves over":               "DeviceCodeIsSavedOnce",
		"grant not looked at":      "DeviceCodeIsSavedOnce",
		"open grant not looked at": "DeviceCodeIsSavedOnce",
		"free at expiry":           "DeviceCodeIsSavedOnce",
		"hides what was decided":   "DecideIsKept",
		"approved scope lost":      "DecideIsKept",
		"decides again":            "DecideOnce",
		"polls not noted":          "PollIsNoted",
		"slows nobody down":        "PollTooSoonSlowsDown",
		"notes any client":         "PollOfAnotherClient",
		"redeems again":            "RedeemDeviceSpendsAndSaves",
		"redeems what was denied":  "RedeemDeviceNeedsApproval",
		"spends before it saves":   "RedeemDeviceOpensTheGrant",
		"decide in two steps":      "ForcedDecideDecide",
		"save in two steps":        "RaceSaveDevice",
		"poll in two steps":        "RacePoll",
		"sweeps at expiry":         "SweepKeepsDeviceCodes",
		"revokes all":              "RevokeDeviceCodesDenies",
		"revokes what is pending":  "RevokeDeviceCodesDenies",
		"sweeps nothing":           "SweepKeepsDeviceCodes",
	} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			var failed []string
			for _, r := range deviceRules {
				rec, done := new(recorder), make(chan struct{})
				go func() {
					defer close(done)
					r.check(&checker{T: rec, ctx: t.Context()}, &naiveDevices{pausableNaive: pausableNaive{newNaive("")}, broken: broken})
				}()
				<-done
				if len(rec.failures) > 0 {
					failed = append(failed, r.name)
				}
			}
			if want == "" && len(failed) > 0 || want != "" && !slices.Contains(failed, want) {
				t.Errorf("failed %s, want %s", strings.Join(failed, ", "), want)
			}
		})
	}
}
