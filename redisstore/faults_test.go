package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

// thief stands between the client and the server. It lets a command through and
// takes its answer away, as a network does that breaks at the wrong moment.
type thief struct {
	mu     sync.Mutex
	wanted string // part of the command whose answer is stolen
	sent   atomic.Int64
}

// steal takes the answer to the next command that has this in it, and counts how
// often such a command is sent from then on.
func (f *thief) steal(part string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wanted = part
	f.sent.Store(0)
}

func (f *thief) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &watched{Conn: c, thief: f}, nil
}

type watched struct {
	net.Conn
	thief *thief
	cut   atomic.Bool
}

func (c *watched) Write(b []byte) (int, error) {
	c.thief.mu.Lock()
	if w := c.thief.wanted; w != "" && bytes.Contains(b, []byte(w)) {
		c.cut.Store(c.thief.sent.Add(1) == 1)
	}
	c.thief.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *watched) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.cut.Load() { // the server has answered, so it has done what it was told
		_ = c.Close()
		return 0, io.EOF
	}
	return n, err
}

// robbed returns stores whose answers can be stolen, with the client's retries as
// they are by default.
func robbed(t *testing.T) map[string]func() (*redisstore.Store, *thief) {
	cluster := testserver.RedisCluster(t)
	return map[string]func() (*redisstore.Store, *thief){
		"one server": func() (*redisstore.Store, *thief) {
			f, opts := &thief{}, options(t, servers.Redis(t).Database(t))
			opts.Dialer = f.dial
			return open(t, newClientOf(t, opts), redisstore.Options{}), f
		},
		"cluster": func() (*redisstore.Store, *thief) {
			f := &thief{}
			client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), Dialer: f.dial})
			t.Cleanup(func() { _ = client.Close() })
			return open(t, client, redisstore.Options{}), f
		},
	}
}

// lost says that an error is a fault, and that the command was sent just once.
func lost(t *testing.T, f *thief, err error) {
	t.Helper()
	require.ErrorIs(t, err, io.EOF)
	for _, outcome := range []error{model.ErrNotFound, model.ErrSpent, model.ErrRevoked, model.ErrExists} {
		require.NotErrorIs(t, err, outcome)
	}
	require.EqualValues(t, 1, f.sent.Load())
}

// A client that sends a command again gets the answer to the second one: that the
// code it has just redeemed is spent.
func TestLostAnswersAreFaults(t *testing.T) {
	t.Parallel()
	for name, make := range robbed(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s, f := make()
			steal := func(id model.GrantID) { f.steal("{" + id.String() + "}") }

			code := newCode()
			steal(code.Key.Grant)
			lost(t, f, s.SaveAuthorizationCode(ctx, code))
			got, err := s.GetAuthorizationCode(ctx, code.Key)
			require.NoError(t, err)
			assert.False(t, got.Spent)

			token := newToken(code.Key.Grant)
			steal(code.Key.Grant)
			lost(t, f, s.RedeemAuthorizationCode(ctx, code.Key, token))
			_, err = s.GetAccessToken(ctx, token.AccessKey())
			require.NoError(t, err)

			next := newToken(code.Key.Grant)
			steal(code.Key.Grant)
			lost(t, f, s.RotateRefreshToken(ctx, token.RefreshKey(), [32]byte{1}, next))
			_, err = s.GetAccessToken(ctx, next.AccessKey())
			require.NoError(t, err)

			steal(code.Key.Grant)
			lost(t, f, s.RevokeGrant(ctx, code.Key.Grant))
			_, err = s.GetAccessToken(ctx, next.AccessKey())
			require.ErrorIs(t, err, model.ErrNotFound)

			opened := newToken(newGrant())
			steal(opened.GrantID)
			lost(t, f, s.SaveToken(ctx, opened))
			_, err = s.GetAccessToken(ctx, opened.AccessKey())
			require.NoError(t, err)
		})
	}
}

// The engine looks whether its own token is there, and answers as if nothing had
// been lost.
func TestEngineRecoversALostAnswer(t *testing.T) {
	t.Parallel()
	for name, make := range robbed(t) {
		t.Run(name, func(t *testing.T) {
			s, f := make()
			client := &model.Client{
				ID: "web", Secrets: model.HashSecrets("a long secret of the client"), Scope: "read",
				Grants: []string{model.GrantPassword, model.GrantRefreshToken},
			}
			if err := s.CreateClient(t.Context(), client); !errors.Is(err, model.ErrExists) {
				require.NoError(t, err)
			}
			srv, err := engine.New(engine.Config{
				Model: s, Issuer: "http://localhost:8080", Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read"}},
				CheckPassword: func(context.Context, *model.Client, string, string) (*model.User, error) {
					return &model.User{ID: "alice"}, nil
				},
			})
			require.NoError(t, err)
			ask := func(form url.Values) *engine.TokenResponse {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth/token", strings.NewReader(form.Encode()))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.SetBasicAuth("web", "a long secret of the client")
				res, err := srv.Token(r)
				require.NoError(t, err)
				return res
			}
			first := ask(url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"pw"}, "scope": {"read"}})
			f.steal("\r\n" + string(first.Token.Refresh[:]) + "\r\n") // an argument of the script that rotates
			second := ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.RefreshToken}})
			assert.EqualValues(t, 1, f.sent.Load())
			got, err := s.GetAccessToken(t.Context(), second.Token.AccessKey())
			require.NoError(t, err)
			assert.Equal(t, "alice", got.UserID)
		})
	}
}

// A server that hangs, and a client that keeps deadlines: nobody waits for a limit.
func TestTakeGivesUp(t *testing.T) {
	t.Parallel()
	server := testserver.OwnRedis(t)
	s := open(t, dial(t, server.DSN()), redisstore.Options{})
	server.Pause(t)
	defer server.Resume(t)
	_, err := s.Take(t.Context(), "key", 1, model.Rate{Interval: time.Second, Burst: 1}, t0)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestCancelledContextIsAFault(t *testing.T) {
	t.Parallel()
	s := open(t, connect(t), redisstore.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, err := range everyVerb(ctx, s) {
		assert.ErrorIs(t, err, context.Canceled, what)
	}
}

// A server that restarts, or a failover, has forgotten the scripts.
func TestScriptsAreSentAgain(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]redis.UniversalClient{"one server": dial(t, testserver.OwnRedis(t).DSN()), "cluster": connectCluster(t)} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s := open(t, client, redisstore.Options{})
			forget := func() {
				t.Helper()
				require.NoError(t, client.ScriptFlush(ctx).Err())
			}
			for range 2 {
				forget()
				code := newCode()
				require.NoError(t, s.SaveAuthorizationCode(ctx, code))
				forget()
				require.NoError(t, s.RedeemAuthorizationCode(ctx, code.Key, newToken(code.Key.Grant)))
				require.NoError(t, s.SaveToken(ctx, newToken(newGrant())))
			}
			forget()
			n, err := s.RevokeGrants(ctx, model.GrantFilter{UserID: "alice"})
			require.NoError(t, err)
			assert.Equal(t, 4, n)
		})
	}
}

// When memory is full nothing new is stored. But what was stored is there, and can be
// revoked.
func TestFullMemory(t *testing.T) {
	t.Parallel()
	client := dial(t, testserver.OwnRedis(t).DSN())
	s := open(t, client, redisstore.Options{})
	ctx := t.Context()
	code, pair, machine, device := newCode(), newToken(newGrant()), newMachineToken(), newDevice()
	unspent, rotated := newCode(), newToken(newGrant())
	rotated.UserID = "bob"
	for _, err := range []error{
		s.SaveToken(ctx, rotated), s.RotateRefreshToken(ctx, rotated.RefreshKey(), [32]byte{1}, newToken(rotated.GrantID)),
		s.SaveAuthorizationCode(ctx, code), s.SaveAuthorizationCode(ctx, unspent), s.SaveToken(ctx, pair), s.SaveToken(ctx, machine),
		s.SaveDeviceCode(ctx, device), s.DecideDeviceCode(ctx, device.Key, model.DeviceApproved, "alice", "read"),
	} {
		require.NoError(t, err)
	}
	require.NoError(t, client.ConfigSet(ctx, "maxmemory", "1").Err())

	token := newToken(code.Key.Grant)
	for what, err := range map[string]error{
		"SaveToken": s.SaveToken(ctx, newToken(newGrant())), "SaveAuthorizationCode": s.SaveAuthorizationCode(ctx, newCode()),
		"RedeemAuthorizationCode": s.RedeemAuthorizationCode(ctx, code.Key, token),
		"RotateRefreshToken":      s.RotateRefreshToken(ctx, pair.RefreshKey(), [32]byte{1}, newToken(pair.GrantID)),
	} {
		require.ErrorContains(t, err, "OOM", what)
	}
	_, err := s.GetAccessToken(ctx, token.AccessKey())
	require.ErrorIs(t, err, model.ErrNotFound, "nothing of what was refused is there")
	got, err := s.GetAuthorizationCode(ctx, code.Key)
	require.NoError(t, err)
	assert.False(t, got.Spent)
	_, err = s.GetAccessToken(ctx, pair.AccessKey())
	require.NoError(t, err)

	require.NoError(t, s.RevokeAccessToken(ctx, machine.AccessKey()))
	_, err = s.GetAccessToken(ctx, machine.AccessKey())
	require.ErrorIs(t, err, model.ErrNotFound)
	require.NoError(t, s.RevokeAccessToken(ctx, pair.AccessKey()))
	require.NoError(t, s.RevokeAccessToken(ctx, rotated.AccessKey()))
	kept, err := s.GetRefreshToken(ctx, rotated.RefreshKey())
	require.NoError(t, err)
	assert.Equal(t, rotated.Access, kept.Access, "its record moves")
	require.NoError(t, s.RevokeGrant(ctx, pair.GrantID))
	_, err = s.GetRefreshToken(ctx, pair.RefreshKey())
	require.ErrorIs(t, err, model.ErrNotFound)
	n, err := s.RevokeGrants(ctx, model.GrantFilter{UserID: "alice"})
	require.NoError(t, err)
	assert.Equal(t, 2, n, "both codes")
	n, err = s.RevokeDeviceCodes(ctx, model.GrantFilter{UserID: "alice"})
	require.NoError(t, err)
	assert.Equal(t, 1, n)

	require.NoError(t, client.ConfigSet(ctx, "maxmemory", "0").Err())
	require.ErrorIs(t, s.RedeemAuthorizationCode(ctx, code.Key, token), model.ErrRevoked)
	require.ErrorIs(t, s.SaveToken(ctx, pair), model.ErrExists)
	seen, err := s.GetDeviceCode(ctx, device.UserCode)
	require.NoError(t, err)
	assert.Equal(t, model.DeviceDenied, seen.Status)
}
