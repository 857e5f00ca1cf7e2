package engine_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// deviceFixture is a fixture with devices: tv is public, box confidential, and
// tv2 another public one.
func deviceFixture(t *testing.T, options ...func(*engine.Config)) *fixture {
	t.Helper()
	f := newFixture(t, options...)
	grants := []string{model.GrantDeviceCode, model.GrantRefreshToken}
	for _, c := range []model.Client{
		{ID: "tv", Name: "TV", Public: true, Grants: grants, Scope: "read write"},
		{ID: "tv2", Public: true, Grants: grants, Scope: "read write"},
		{ID: "box", Secrets: model.HashSecrets("b0x"), Grants: grants[:1], Scope: "read"},
	} {
		require.NoError(t, f.store.AddClient(c))
	}
	return f
}

func (f *fixture) device(client, secret string, edits ...string) answer {
	form := edit(url.Values{}, edits...)
	if secret == "" {
		form.Set("client_id", client)
	}
	r := post("/oauth/device_authorization", form)
	if secret != "" {
		r.SetBasicAuth(client, secret)
	}
	return f.do(r)
}

// codes asks for codes as tv.
func (f *fixture) codes(t *testing.T, edits ...string) (device, user string) {
	t.Helper()
	a := f.device("tv", "", append([]string{"scope=read write"}, edits...)...)
	require.Equal(t, http.StatusOK, a.Code, a.Body)
	m := a.json(t)
	f.mu.Lock()
	f.secrets = append(f.secrets, m["device_code"].(string), m["user_code"].(string))
	f.mu.Unlock()
	return m["device_code"].(string), m["user_code"].(string)
}

func (f *fixture) poll(device string) answer {
	return f.token("tv", "", model.GrantDeviceCode, "device_code="+device)
}

// confirm enters a code and goes by the sealed form, as the pages do.
func (f *fixture) confirm(t *testing.T, typed string) *engine.DeviceRequest {
	t.Helper()
	req, err := f.srv.DeviceRequest(t.Context(), typed, f.user)
	require.NoError(t, err)
	form, err := f.srv.SealDevice(req, f.user)
	require.NoError(t, err)
	req, err = f.srv.OpenDevice(t.Context(), form, f.user)
	require.NoError(t, err)
	return req
}

func (f *fixture) approveDevice(t *testing.T, typed string) {
	t.Helper()
	req := f.confirm(t, typed)
	require.NoError(t, f.srv.ApproveDevice(t.Context(), req, f.user, req.Scope))
}

func assertReason(t *testing.T, err error, code, reason string) {
	t.Helper()
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.Code)
	assert.Equal(t, reason, e.Reason)
}

func TestDeviceAuthorization(t *testing.T) {
	t.Parallel()
	f := deviceFixture(t)
	t.Run("8628-3.2 the answer", func(t *testing.T) {
		t.Parallel()
		a := f.device("tv", "", "scope=read")
		require.Equal(t, http.StatusOK, a.Code, a.Body)
		assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
		m := a.json(t)
		user, _ := m["user_code"].(string)
		assert.Regexp(t, `^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$`, user)
		assert.Len(t, m["device_code"], 64)
		delete(m, "device_code")
		delete(m, "user_code")
		assert.Equal(t, map[string]any{
			"verification_uri": issuer + "/device", "verification_uri_complete": issuer + "/device?user_code=" + user,
			"expires_in": 600.0, "interval": 5.0,
		}, m)
	})
	for _, tt := range []struct {
		name           string
		client, secret string
		edits          []string
		status         int
		code           string
	}{
		{"8628-3.1 a confidential client authenticates", "box", "b0x", []string{"scope=read"}, 200, ""},
		{"8628-3.1 with its secret", "box", "wrong", nil, 401, "invalid_client"},
		{"8628-3.1 not by its name alone", "box", "", nil, 400, "invalid_client"},
		{"8628-3.1 unknown client", "nobody", "", nil, 400, "invalid_client"},
		{"8628-3.1 disabled client", "off", "x", nil, 401, "invalid_client"},
		{"8628-3.1 client without the grant", "pub", "", nil, 400, "unauthorized_client"},
		{"8628-3.1 repeated parameter", "tv", "", []string{"scope=read", "+scope=write"}, 400, "invalid_request"},
		{"8628-3.1 unknown scope", "tv", "", []string{"scope=nothing"}, 400, "invalid_scope"},
		{"8628-3.1 more than the client's scope", "box", "b0x", []string{"scope=read write"}, 400, "invalid_scope"},
		{"8628-3.1 the default scope", "tv", "", nil, 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := f.device(tt.client, tt.secret, tt.edits...)
			if tt.status == http.StatusOK {
				assert.Equal(t, http.StatusOK, a.Code, a.Body)
				return
			}
			a.assertError(t, tt.status, tt.code)
		})
	}
	t.Run("8628-3.1 POST only", func(t *testing.T) {
		t.Parallel()
		r := get(url.Values{})
		r.URL.Path = "/oauth/device_authorization"
		a := f.do(r)
		a.assertError(t, http.StatusMethodNotAllowed, "invalid_request")
		assert.Equal(t, "POST", a.Header().Get("Allow"))
	})
	t.Run("8628-6.1+attack-L06 codes are drawn, all letters equally, and none twice", func(t *testing.T) {
		t.Parallel()
		seen, letters := map[string]bool{}, map[rune]int{}
		for range 500 {
			m := f.device("tv", "").json(t)
			code := m["user_code"].(string)
			assert.False(t, seen[code], code)
			seen[code] = true
			for _, r := range strings.ReplaceAll(code, "-", "") {
				letters[r]++
			}
		}
		assert.Len(t, letters, 20)
		for r, n := range letters { // 200 expected, standard deviation 14
			assert.InDelta(t, 200, n, 100, string(r))
		}
	})
	t.Run("8628-5.2 what is stored are digests", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		device, user := f.codes(t)
		code, err := f.store.GetDeviceCode(t.Context(), model.DigestOf(strings.ReplaceAll(user, "-", "")))
		require.NoError(t, err)
		assert.Equal(t, model.DigestOf(device), code.Key.Digest)
	})
}

func TestDevicePolling(t *testing.T) {
	t.Parallel()
	t.Run("8628-3.5 pending, and then the token", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		device, user := f.codes(t)
		f.poll(device).assertError(t, 400, "authorization_pending")
		f.clock.Advance(5 * time.Second)
		f.poll(device).assertError(t, 400, "authorization_pending")
		f.approveDevice(t, user)
		access, refresh := f.poll(device).tokens(t)
		assert.True(t, f.works(access))
		assert.NotEmpty(t, refresh)
		saved, err := f.srv.Authenticate(rs("Bearer "+access), "read", "write")
		require.NoError(t, err)
		assert.Equal(t, "alice", saved.UserID)
		assert.Equal(t, "tv", saved.ClientID)
		access, _ = f.token("tv", "", "refresh_token", "refresh_token="+refresh).tokens(t)
		assert.True(t, f.works(access))
	})
	t.Run("8628-3.5 slow_down lasts", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		device, _ := f.codes(t)
		f.poll(device).assertError(t, 400, "authorization_pending")
		f.clock.Advance(2 * time.Second)
		f.poll(device).assertError(t, 400, "slow_down")
		f.clock.Advance(5 * time.Second)
		f.poll(device).assertError(t, 400, "slow_down")
		f.clock.Advance(15 * time.Second)
		f.poll(device).assertError(t, 400, "authorization_pending")
		f.clock.Advance(10 * time.Second)
		f.poll(device).assertError(t, 400, "slow_down")
	})
	t.Run("8628-3.5 a poll that is a moment early is in time", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		device, _ := f.codes(t)
		f.poll(device).assertError(t, 400, "authorization_pending")
		f.clock.Advance(4600 * time.Millisecond)
		f.poll(device).assertError(t, 400, "authorization_pending")
	})
	t.Run("8628-3.5 denied", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		device, user := f.codes(t)
		require.NoError(t, f.srv.DenyDevice(t.Context(), f.confirm(t, user), f.user))
		assert.Equal(t, engine.EventDenied, f.lastEvent(t).Type)
		f.poll(device).assertError(t, 400, "access_denied")
		f.poll(device).assertError(t, 400, "access_denied")
	})
	for _, approved := range []bool{false, true} {
		t.Run("8628-3.5 expired, approved or not", func(t *testing.T) {
			t.Parallel()
			f := deviceFixture(t)
			device, user := f.codes(t)
			if approved {
				f.approveDevice(t, user)
			}
			f.clock.Advance(10*time.Minute - time.Millisecond)
			if !approved {
				f.poll(device).assertError(t, 400, "authorization_pending")
			}
			f.clock.Advance(time.Millisecond)
			f.poll(device).assertError(t, 400, "expired_token")
			assert.Zero(t, f.countEvents(engine.EventIssued))
		})
	}
	t.Run("8628-3.4+attack-L02 bound to its client, and not slowed by another", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		device, user := f.codes(t)
		for range 3 {
			f.token("tv2", "", model.GrantDeviceCode, "device_code="+device).assertError(t, 400, "invalid_grant")
		}
		f.poll(device).assertError(t, 400, "authorization_pending")
		f.approveDevice(t, user)
		f.token("tv2", "", model.GrantDeviceCode, "device_code="+device).assertError(t, 400, "invalid_grant")
		f.token("box", "b0x", model.GrantDeviceCode, "device_code="+device).assertError(t, 400, "invalid_grant")
		f.token("conf", "s3cret", model.GrantDeviceCode, "device_code="+device).assertError(t, 400, "unauthorized_client")
		f.poll(device).tokens(t)
	})
	for name, tt := range map[string]struct{ edit, code string }{
		"8628-3.4 no device code":        {"-device_code", "invalid_request"},
		"8628-3.4 an empty one":          {"device_code=", "invalid_request"},
		"8628-3.4 a malformed one":       {"device_code=\x01", "invalid_request"},
		"8628-3.4 an unknown one":        {"device_code=" + strings.Repeat("a", 64), "invalid_grant"},
		"8628-3.4 one that cannot be":    {"device_code=x", "invalid_grant"},
		"8628-3.4 the user code instead": {"device_code=BCDF-GHJK", "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deviceFixture(t).token("tv", "", model.GrantDeviceCode, tt.edit).assertError(t, 400, tt.code)
		})
	}
	t.Run("8628-3.5 a device that polls is not news", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		device, _ := f.codes(t)
		before := len(f.logs.String())
		f.poll(device)
		f.poll(device)
		assert.NotContains(t, f.logs.String()[before:], "level=INFO")
	})
}

func TestDeviceRedemption(t *testing.T) {
	t.Parallel()
	t.Run("8628-3.4 a second redemption ends the grant", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		device, user := f.codes(t)
		f.approveDevice(t, user)
		access, refresh := f.poll(device).tokens(t)
		f.token("tv2", "", model.GrantDeviceCode, "device_code="+device).assertError(t, 400, "invalid_grant")
		assert.True(t, f.works(access), "another client's replay changes nothing")
		f.clock.Advance(10 * time.Minute) // spent comes before expired
		f.poll(device).assertError(t, 400, "invalid_grant")
		assert.False(t, f.works(access))
		f.token("tv", "", "refresh_token", "refresh_token="+refresh).assertError(t, 400, "invalid_grant")
		assert.Equal(t, 1, f.countEvents(engine.EventReplayed))
	})
	t.Run("8628-3.4 the scope ceiling is that of now", func(t *testing.T) {
		t.Parallel()
		f := deviceFixture(t)
		device, user := f.codes(t)
		f.approveDevice(t, user)
		require.NoError(t, f.store.UpdateClient(t.Context(), "tv", func(c *model.Client) error { c.Scope = "read"; return nil }))
		assert.Equal(t, "read", f.poll(device).json(t)["scope"])
	})
	t.Run("8628-3.4 the user is asked about at approval and redemption", func(t *testing.T) {
		t.Parallel()
		gone := false
		f := deviceFixture(t, func(c *engine.Config) {
			c.CheckUser = func(context.Context, string) error {
				if gone {
					return model.ErrNoUser
				}
				return nil
			}
		})
		device, user := f.codes(t)
		req := f.confirm(t, user)
		gone = true
		assertReason(t, f.srv.ApproveDevice(t.Context(), req, f.user, req.Scope), "access_denied", "user_refused")
		gone = false
		f.approveDevice(t, user)
		gone = true
		f.poll(device).assertError(t, 400, "invalid_grant")
		gone = false
		f.poll(device).tokens(t)
	})
	t.Run("8628-3.5 what is revoked before the device fetched it is denied", func(t *testing.T) {
		t.Parallel()
		for name, revoke := range map[string]func(*engine.Server) (int, error){
			"user":        func(s *engine.Server) (int, error) { return s.RevokeUser(t.Context(), "alice") },
			"client":      func(s *engine.Server) (int, error) { return s.RevokeClient(t.Context(), "tv") },
			"application": func(s *engine.Server) (int, error) { return s.RevokeApplication(t.Context(), "alice", "tv") },
		} {
			f := deviceFixture(t)
			device, user := f.codes(t)
			pending, _ := f.codes(t)
			f.approveDevice(t, user)
			n, err := revoke(f.srv)
			require.NoError(t, err, name)
			assert.Equal(t, 1, n, name)
			f.poll(device).assertError(t, 400, "access_denied")
			f.poll(pending).assertError(t, 400, "authorization_pending")
		}
	})
	t.Run("8707-2 resources of the device request", func(t *testing.T) {
		t.Parallel()
		const api, other = "https://api.test", "https://other.test"
		f := deviceFixture(t, func(c *engine.Config) { c.Resource, c.Resources = api, []string{other} })
		f.device("tv", "", "resource=https://unknown.test").assertError(t, 400, "invalid_target")
		device, user := f.codes(t, "resource="+api)
		f.approveDevice(t, user)
		f.token("tv", "", model.GrantDeviceCode, "device_code="+device, "resource="+other).assertError(t, 400, "invalid_target")
		access, _ := f.poll(device).tokens(t)
		saved, err := f.srv.Authenticate(rs("Bearer " + access))
		require.NoError(t, err)
		assert.Equal(t, model.Resources(api), saved.Resources)
	})
	t.Run("8628-3.4 a fault spends nothing that the device could not get", func(t *testing.T) {
		t.Parallel()
		boom := errors.New("boom")
		f := deviceFixture(t, func(c *engine.Config) {
			c.Devices = &faultyDevices{DeviceModel: c.Model.(model.DeviceModel), err: boom}
		})
		device, user := f.codes(t)
		f.approveDevice(t, user)
		access, _ := f.poll(device).tokens(t) // saved, then the store fails: the token is there
		assert.True(t, f.works(access))
	})
	t.Run("8628-3.1 without device storage there is no device grant", func(t *testing.T) {
		t.Parallel()
		srv, err := engine.New(engine.Config{
			Model: struct{ model.Model }{newSpyStore(t)}, Issuer: issuer, Scopes: fixtureScopes(), Logger: quietConfig().Logger, Keys: quietConfig().Keys,
		})
		require.NoError(t, err)
		assert.False(t, srv.HasDevices())
		assert.NotContains(t, string(srv.Metadata()), "device")
		_, err = srv.DeviceAuthorization(post("/oauth/device_authorization", url.Values{"client_id": {"pub"}}))
		assertReason(t, err, "server_error", "devices")
		_, err = srv.DeviceRequest(t.Context(), "BCDF-GHJK", alice())
		assertReason(t, err, "server_error", "devices")
	})
}

// faultyDevices does what it is told and says that it failed.
type faultyDevices struct {
	model.DeviceModel
	err error
}

func (f *faultyDevices) RedeemDeviceCode(ctx context.Context, key model.Key, t *model.Token) error {
	return errors.Join(f.err, f.DeviceModel.RedeemDeviceCode(ctx, key, t))
}
