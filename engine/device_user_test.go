package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestUserCode(t *testing.T) {
	t.Parallel()
	f := deviceFixture(t)
	_, user := f.codes(t)
	bare := strings.ReplaceAll(user, "-", "")
	for name, typed := range map[string]string{
		"as shown":          user,
		"without separator": bare,
		"in small letters":  strings.ToLower(user),
		"with spaces":       " " + bare[:2] + " " + bare[2:] + "\t",
		"with another dash": bare[:4] + "–" + bare[4:],
		"with a full stop":  bare + ".",
		"quoted":            `"` + user + `"`,
		"with a line break": user + "\r\n",
	} {
		t.Run("8628-6.1 "+name, func(t *testing.T) {
			t.Parallel()
			req, err := f.srv.DeviceRequest(t.Context(), typed, f.user)
			require.NoError(t, err)
			assert.Equal(t, user, req.UserCode)
			assert.Equal(t, "TV", req.Client.Name)
			assert.Equal(t, model.Scope("read write"), req.Scope)
		})
	}
	for name, typed := range map[string]string{
		"nothing":               "",
		"half":                  bare[:4],
		"too long":              bare + "B",
		"with a vowel":          bare + "A",
		"with a digit":          "0" + bare,
		"with a foreign letter": "К" + bare[1:],
		"very long":             user + strings.Repeat(" ", 100),
		"another":               "BBBB-BBBB",
	} {
		t.Run("8628-6.1 not "+name, func(t *testing.T) {
			t.Parallel()
			_, err := f.srv.DeviceRequest(t.Context(), typed, f.user)
			assertReason(t, err, "invalid_request", engine.ReasonUserCode)
		})
	}
}

// Whatever is typed, it is a code with the same letters or none.
func FuzzUserCode(f *testing.F) {
	fx := fuzzConfig()
	store := fx.Model.(model.DeviceModel)
	srv := startFuzz(f, fx)
	if err := fx.Model.(interface{ AddClient(model.Client) error }).AddClient(model.Client{ID: "tv", Public: true, Grants: []string{model.GrantDeviceCode}, Scope: "read"}); err != nil {
		f.Fatal(err)
	}
	const code = "WDJBMJHT"
	now := fixtureStart
	if err := store.SaveDeviceCode(f.Context(), &model.DeviceCode{
		Key: model.Key{Grant: model.GrantID{1}, Digest: model.Digest{1}}, UserCode: model.DigestOf(code), ClientID: "tv", Scope: "read",
		IssuedAt: now, ExpiresAt: now.Add(time.Hour), RetainUntil: now.Add(time.Hour),
	}); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{code, "wdjb-mjht", "WDJB MJHT", "ＷDJB-MJHT", "WDJB-MJH\u017f", "WDJB\x00MJHT", "WDJB-MJHT1", "\xff" + code, "W\u0301DJBMJHT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		req, err := srv.DeviceRequest(t.Context(), typed, alice())
		letters := strings.Map(func(r rune) rune {
			switch {
			case 'a' <= r && r <= 'z':
				return r - 'a' + 'A'
			case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
				return r
			}
			return -1
		}, typed)
		switch {
		case err == nil && (req.UserCode != "WDJB-MJHT" || letters != code):
			t.Errorf("%q was taken for %s", typed, req.UserCode)
		case err != nil && letters == code && len(typed) == len(code):
			t.Errorf("%q was not taken: %v", typed, err)
		}
	})
}

func TestDeviceDecision(t *testing.T) {
	t.Parallel()
	t.Run("8628-3.3 one decision wins", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		device, user := f.codes(t)
		first, second := f.confirm(t, user), f.confirm(t, user)
		require.NoError(t, f.srv.DenyDevice(t.Context(), first, f.user))
		err := f.srv.ApproveDevice(t.Context(), second, f.user, second.Scope)
		assertReason(t, err, "invalid_request", engine.ReasonUserCode)
		f.poll(device).assertError(t, 400, "access_denied")
		_, err = f.srv.DeviceRequest(t.Context(), user, f.user)
		assertReason(t, err, "invalid_request", engine.ReasonUserCode)
	})
	t.Run("8628-3.3+attack-L04 the form is bound to user, session, page and time", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		_, user := f.codes(t)
		req, err := f.srv.DeviceRequest(t.Context(), user, f.user)
		require.NoError(t, err)
		form, err := f.srv.SealDevice(req, f.user)
		require.NoError(t, err)
		for _, other := range []*model.User{{ID: "mallory", SessionID: "session-1"}, {ID: "alice", SessionID: "session-2"}} {
			_, err := f.srv.OpenDevice(t.Context(), form, other)
			assertReason(t, err, "invalid_request", engine.ReasonStalePage)
		}
		for _, forged := range []string{"", user, f.page(t), form[:len(form)-4] + "AAAA"} {
			_, err := f.srv.OpenDevice(t.Context(), forged, f.user)
			assertReason(t, err, "invalid_request", engine.ReasonStalePage)
		}
		_, err = f.srv.Open(t.Context(), form, f.user)
		assertReason(t, err, "invalid_request", engine.ReasonStalePage)
		f.clock.Advance(10 * time.Minute)
		_, err = f.srv.OpenDevice(t.Context(), form, f.user)
		assertReason(t, err, "invalid_request", engine.ReasonStalePage)
	})
	t.Run("8628-3.3+attack-L04 a request that was not looked up decides nothing", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		_, user := f.codes(t)
		forged := &engine.DeviceRequest{UserCode: user, ClientID: "tv", Scope: "read"}
		require.Error(t, f.srv.ApproveDevice(t.Context(), forged, f.user, "read"))
		require.Error(t, f.srv.DenyDevice(t.Context(), forged, f.user))
		require.Error(t, f.srv.ApproveDevice(t.Context(), f.confirm(t, user), nil, "read"))
		require.Error(t, f.srv.DenyDevice(t.Context(), f.confirm(t, user), &model.User{}))
		_, err := f.srv.DeviceRequest(t.Context(), user, nil)
		require.Error(t, err)
	})
	t.Run("8628-3.3 a page for a code that is another device's by now", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		_, user := f.codes(t)
		req := f.confirm(t, user)
		f.clock.Advance(30 * time.Minute)
		now := f.clock.Now()
		other := &model.DeviceCode{
			Key: model.Key{Grant: model.GrantID{1}, Digest: model.Digest{1}}, UserCode: model.DigestOf(strings.ReplaceAll(user, "-", "")),
			ClientID: "tv2", Scope: "read write", IssuedAt: now, ExpiresAt: now.Add(time.Minute), RetainUntil: now.Add(time.Minute),
		}
		require.NoError(t, f.store.SaveDeviceCode(t.Context(), other))
		assertReason(t, f.srv.ApproveDevice(t.Context(), req, f.user, req.Scope), "invalid_request", engine.ReasonUserCode)
	})
	for name, tt := range map[string]struct {
		do func(*fixture, *model.Client)
	}{
		"disabled":       {func(_ *fixture, c *model.Client) { c.Disabled = true }},
		"lost the grant": {func(_ *fixture, c *model.Client) { c.Grants = []string{model.GrantRefreshToken} }},
		"lost a scope":   {func(_ *fixture, c *model.Client) { c.Scope = "read" }},
	} {
		t.Run("8628-5.6 the client meanwhile "+name, func(t *testing.T) {
			t.Parallel()
			f := deviceFixture(t)
			_, user := f.codes(t)
			req := f.confirm(t, user)
			require.NoError(t, f.store.UpdateClient(t.Context(), "tv", func(c *model.Client) error { tt.do(f, c); return nil }))
			assertReason(t, f.srv.ApproveDevice(t.Context(), req, f.user, req.Scope), "invalid_request", engine.ReasonUserCode)
			_, err := f.srv.DeviceRequest(t.Context(), user, f.user)
			assertReason(t, err, "invalid_request", engine.ReasonUserCode)
		})
	}
	t.Run("8628-5.1 an expired code cannot be entered or approved", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		_, user := f.codes(t)
		f.clock.Advance(9 * time.Minute)
		req := f.confirm(t, user)
		f.clock.Advance(time.Minute)
		assertReason(t, f.srv.ApproveDevice(t.Context(), req, f.user, req.Scope), "invalid_request", engine.ReasonUserCode)
		_, err := f.srv.DeviceRequest(t.Context(), user, f.user)
		assertReason(t, err, "invalid_request", engine.ReasonUserCode)
	})
	t.Run("8628-3.3 a narrower approval, never a wider one, and the policy's say", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t, func(c *engine.Config) {
			c.ValidateScope = func(_ context.Context, r engine.ScopeRequest) (model.Scope, error) {
				assert.Equal(t, model.GrantDeviceCode, r.GrantType)
				return r.Scope, nil
			}
		})
		device, user := f.codes(t)
		req := f.confirm(t, user)
		for _, scope := range []model.Scope{"", "read write admin", "no\"scope"} {
			assertReason(t, f.srv.ApproveDevice(t.Context(), req, f.user, scope), "invalid_scope", "scope_approved")
		}
		require.NoError(t, f.srv.ApproveDevice(t.Context(), req, f.user, "read"))
		ev := f.lastEvent(t)
		assert.Equal(t, engine.EventAuthorized, ev.Type)
		assert.Equal(t, model.Scope("read"), ev.Scope)
		assert.Equal(t, "device", ev.Endpoint)
		assert.Equal(t, "read", f.poll(device).json(t)["scope"])
	})
	t.Run("8628-3.3 faults of the store are faults", func(t *testing.T) {
		t.Parallel()
		broken := &brokenDevices{}
		f := deviceFixture(t, func(c *engine.Config) { broken.DeviceModel = c.Model.(model.DeviceModel); c.Devices = broken })
		_, user := f.codes(t)
		req := f.confirm(t, user)
		broken.err = errors.New("boom")
		assertReason(t, f.srv.ApproveDevice(t.Context(), req, f.user, req.Scope), "server_error", "get_device_code")
		_, err := f.srv.DeviceRequest(t.Context(), user, f.user)
		assertReason(t, err, "server_error", "get_device_code")
		f.device("tv", "").assertError(t, 500, "server_error")
		f.poll(strings.Repeat("a", 64)).assertError(t, 500, "server_error")
	})
	t.Run("8628-6.1 a user code that is taken is drawn again", func(t *testing.T) {
		t.Parallel()
		broken := &brokenDevices{}
		f := deviceFixture(t, func(c *engine.Config) { broken.DeviceModel = c.Model.(model.DeviceModel); c.Devices = broken })
		broken.taken = 3
		f.codes(t)
		broken.taken = 100
		f.device("tv", "").assertError(t, 500, "server_error")
		assert.Equal(t, 95, broken.taken)
	})
}

// brokenDevices fails, or says that a code is taken.
type brokenDevices struct {
	model.DeviceModel
	err   error
	taken int
}

func (b *brokenDevices) SaveDeviceCode(ctx context.Context, code *model.DeviceCode) error {
	if b.taken > 0 {
		b.taken--
		return model.ErrExists
	}
	return errors.Join(b.err, b.DeviceModel.SaveDeviceCode(ctx, code))
}

func (b *brokenDevices) GetDeviceCode(ctx context.Context, user model.Digest) (*model.DeviceCode, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.DeviceModel.GetDeviceCode(ctx, user)
}

func (b *brokenDevices) PollDeviceCode(ctx context.Context, key model.Key, clientID string, now time.Time, slowDown time.Duration) (*model.DeviceCode, bool, error) {
	if b.err != nil {
		return nil, false, b.err
	}
	return b.DeviceModel.PollDeviceCode(ctx, key, clientID, now, slowDown)
}
