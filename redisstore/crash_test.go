package redisstore_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

var errCrash = errors.New("the process died here")

// stage stops a verb before it writes to a grant: after it wrote to other slots.
type stage struct {
	mu     sync.Mutex
	before func(ctx context.Context, grant string) error
}

func (g *stage) set(before func(ctx context.Context, grant string) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before = before
}

// crash makes the next script that writes to a grant fail before it is sent.
func (g *stage) crash() {
	g.set(func(context.Context, string) error {
		g.set(nil)
		return errCrash
	})
}

func (g *stage) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (g *stage) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (g *stage) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		args := cmd.Args()
		if len(args) > 3 && strings.HasPrefix(cmd.Name(), "eval") {
			key, _ := args[3].(string)
			g.mu.Lock()
			before := g.before
			g.mu.Unlock()
			if strings.Contains(key, "{") && before != nil {
				if err := before(ctx, key); err != nil {
					return err
				}
			}
		}
		return next(ctx, cmd)
	}
}

func TestGrantIsNeverWithoutItsIndex(t *testing.T) {
	t.Parallel()
	client, g := connectCluster(t), &stage{}
	client.AddHook(g)
	s := open(t, client, redisstore.Options{})
	ctx, filter := t.Context(), model.GrantFilter{UserID: "alice", ClientID: "web"}
	open := func() int {
		t.Helper()
		got, err := s.ListGrants(ctx, filter, t0, 0)
		require.NoError(t, err)
		return len(got)
	}

	code := newCode()
	g.crash()
	require.ErrorIs(t, s.SaveAuthorizationCode(ctx, code), errCrash)
	assert.Zero(t, open(), "an entry without a grant is not listed")
	n, err := s.RevokeGrants(ctx, filter)
	require.NoError(t, err)
	assert.Zero(t, n)
	require.NoError(t, s.SaveAuthorizationCode(ctx, code), "and it is in nobody's way")
	assert.Equal(t, 1, open())

	// While the grant is about to be written, a list must not take its entry away.
	token := newToken(newGrant())
	g.set(func(_ context.Context, key string) error {
		if strings.Contains(key, token.GrantID.String()) {
			g.set(nil)
			assert.Equal(t, 1, open())
		}
		return nil
	})
	require.NoError(t, s.SaveToken(ctx, token))
	assert.Equal(t, 2, open())
	n, err = s.RevokeGrants(ctx, filter)
	require.NoError(t, err)
	assert.Equal(t, 2, n)
}

func TestBrokenOffDeviceCode(t *testing.T) {
	t.Parallel()
	client, g := connect(t), &stage{}
	client.AddHook(g)
	s := open(t, client, redisstore.Options{})
	ctx := t.Context()
	brokenOff := func() *model.DeviceCode {
		t.Helper()
		code := newDevice()
		g.crash()
		require.ErrorIs(t, s.SaveDeviceCode(ctx, code), errCrash)
		return code
	}
	sameUserCode := func(as *model.DeviceCode) *model.DeviceCode {
		code := newDevice()
		code.UserCode = as.UserCode
		return code
	}

	t.Run("is finished by who looks it up", func(t *testing.T) {
		code := brokenOff()
		for range 2 {
			got, err := s.GetDeviceCode(ctx, code.UserCode)
			require.NoError(t, err)
			assert.Equal(t, code, got)
		}
		require.NoError(t, s.DecideDeviceCode(ctx, code.Key, model.DeviceApproved, "alice", "read"))
		got, err := s.GetDeviceCode(ctx, code.UserCode)
		require.NoError(t, err)
		assert.Equal(t, model.DeviceApproved, got.Status)
	})
	t.Run("is finished by who wants its user code", func(t *testing.T) {
		code := brokenOff()
		require.ErrorIs(t, s.SaveDeviceCode(ctx, sameUserCode(code)), model.ErrExists)
		_, _, err := s.PollDeviceCode(ctx, code.Key, code.ClientID, t0, 0)
		require.NoError(t, err)
	})
	t.Run("gives its user code back when its grant is taken", func(t *testing.T) {
		code := brokenOff()
		require.NoError(t, s.SaveToken(ctx, newToken(code.Key.Grant)))
		other := sameUserCode(code)
		require.NoError(t, s.SaveDeviceCode(ctx, other))
		got, err := s.GetDeviceCode(ctx, code.UserCode)
		require.NoError(t, err)
		assert.Equal(t, other.Key, got.Key)
	})
	t.Run("is not found when its grant is taken", func(t *testing.T) {
		code := brokenOff()
		require.NoError(t, s.SaveToken(ctx, newToken(code.Key.Grant)))
		_, err := s.GetDeviceCode(ctx, code.UserCode)
		require.ErrorIs(t, err, model.ErrNotFound)
	})
}

// While a save is between its two writes, all others see one and the same code.
func TestDeviceCodeUnderWay(t *testing.T) {
	t.Parallel()
	client, g := connect(t), &stage{}
	client.AddHook(g)
	s := open(t, client, redisstore.Options{})
	ctx, code := t.Context(), newDevice()
	g.set(func(context.Context, string) error {
		g.set(nil) // the others go through
		other := newDevice()
		other.UserCode = code.UserCode
		assert.ErrorIs(t, s.SaveDeviceCode(ctx, other), model.ErrExists)
		got, err := s.GetDeviceCode(ctx, code.UserCode)
		if assert.NoError(t, err) {
			assert.Equal(t, code.Key, got.Key)
		}
		assert.NoError(t, s.DecideDeviceCode(ctx, code.Key, model.DeviceDenied, "alice", ""))
		return nil
	})
	require.NoError(t, s.SaveDeviceCode(ctx, code))
	got, err := s.GetDeviceCode(ctx, code.UserCode)
	require.NoError(t, err)
	assert.Equal(t, model.DeviceDenied, got.Status, "the save that came late changed nothing")
}

// likeOneServer is a service that looks like one server and is a cluster inside.
type likeOneServer struct{ stage }

func (*likeOneServer) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if args := cmd.Args(); strings.HasPrefix(cmd.Name(), "eval") && args[2] != 1 {
			cmd.SetErr(redis.ErrCrossSlot)
			return redis.ErrCrossSlot
		}
		return next(ctx, cmd)
	}
}

func TestServiceThatLooksLikeOneServer(t *testing.T) {
	t.Parallel()
	client := connect(t)
	client.AddHook(&likeOneServer{})
	s := open(t, client, redisstore.Options{})
	for what, err := range everyVerb(t.Context(), s) {
		assert.NoError(t, err, what)
	}
	list, err := s.ListGrants(t.Context(), model.GrantFilter{UserID: "alice"}, t0, 0)
	require.NoError(t, err)
	assert.Len(t, list, 3)
}
