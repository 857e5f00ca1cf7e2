package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

// Each verb once per round, on one server over loopback that writes its file at
// every command. What a verb costs is the round trip; in parallel, the server.
func BenchmarkVerbs(b *testing.B) {
	s := open(b, connect(b), redisstore.Options{})
	for _, verb := range verbs(b, s) {
		b.Run(verb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				do := verb.prepare()
				b.StartTimer()
				if err := do(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type benchVerb struct {
	name    string
	prepare func() func(context.Context) error
}

func verbs(b *testing.B, s *redisstore.Store) []benchVerb {
	ctx := b.Context()
	saved := func() *model.AuthorizationCode {
		code := newCode()
		require.NoError(b, s.SaveAuthorizationCode(ctx, code))
		return code
	}
	opened := func() *model.Token {
		token := newToken(newGrant())
		require.NoError(b, s.SaveToken(ctx, token))
		return token
	}
	client := newClient()
	require.NoError(b, s.CreateClient(ctx, client))
	code, token := saved(), opened()
	// fixed is a verb of which every round is the same.
	fixed := func(do func(context.Context) error) func() func(context.Context) error {
		return func() func(context.Context) error { return do }
	}
	return []benchVerb{
		{"GetClient", fixed(func(ctx context.Context) error { _, err := s.GetClient(ctx, client.ID); return err })},
		{"SaveAuthorizationCode", func() func(context.Context) error {
			code := newCode()
			return func(ctx context.Context) error { return s.SaveAuthorizationCode(ctx, code) }
		}},
		{"GetAuthorizationCode", fixed(func(ctx context.Context) error { _, err := s.GetAuthorizationCode(ctx, code.Key); return err })},
		{"RedeemAuthorizationCode", func() func(context.Context) error {
			code := saved()
			token := newToken(code.Key.Grant)
			return func(ctx context.Context) error { return s.RedeemAuthorizationCode(ctx, code.Key, token) }
		}},
		{"SaveToken", func() func(context.Context) error {
			token := newToken(newGrant())
			return func(ctx context.Context) error { return s.SaveToken(ctx, token) }
		}},
		{"GetAccessToken", fixed(func(ctx context.Context) error { _, err := s.GetAccessToken(ctx, token.AccessKey()); return err })},
		{"GetRefreshToken", fixed(func(ctx context.Context) error { _, err := s.GetRefreshToken(ctx, token.RefreshKey()); return err })},
		{"RotateRefreshToken", func() func(context.Context) error {
			token := opened()
			next := newToken(token.GrantID)
			return func(ctx context.Context) error {
				return s.RotateRefreshToken(ctx, token.RefreshKey(), [32]byte{1}, next)
			}
		}},
		{"RevokeAccessToken", func() func(context.Context) error {
			token := opened()
			return func(ctx context.Context) error { return s.RevokeAccessToken(ctx, token.AccessKey()) }
		}},
		{"RevokeGrant", func() func(context.Context) error {
			token := opened()
			return func(ctx context.Context) error { return s.RevokeGrant(ctx, token.GrantID) }
		}},
		{"Take", fixed(func(ctx context.Context) error {
			_, err := s.Take(ctx, "key", 1, model.Rate{Interval: time.Microsecond, Burst: 1000}, time.Now())
			return err
		})},
	}
}

// BenchmarkGetAccessTokenParallel is the hot path of resource servers that have no
// cache.
func BenchmarkGetAccessTokenParallel(b *testing.B) {
	s := open(b, connect(b), redisstore.Options{})
	token := newToken(newGrant())
	require.NoError(b, s.SaveToken(b.Context(), token))
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.GetAccessToken(b.Context(), token.AccessKey()); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkListGrants lists those of a user who has a few, and of a client that has
// many.
func BenchmarkListGrants(b *testing.B) {
	for _, n := range []int{3, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := open(b, connect(b), redisstore.Options{})
			for range n {
				require.NoError(b, s.SaveToken(b.Context(), newToken(newGrant())))
			}
			b.ReportAllocs()
			for b.Loop() {
				got, err := s.ListGrants(b.Context(), model.GrantFilter{ClientID: "web"}, t0, 100)
				if err != nil || len(got) != min(n, 100) {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}

// BenchmarkMemory reports what the server needs for a grant, its indexes included.
func BenchmarkMemory(b *testing.B) {
	const grants = 2000
	user := func(ctx context.Context, s *redisstore.Store, rotations int) error {
		code := newCode()
		token := newToken(code.Key.Grant)
		code.UserID = newGrant().String()
		token.UserID = code.UserID
		err := errors.Join(s.SaveAuthorizationCode(ctx, code), s.RedeemAuthorizationCode(ctx, code.Key, token))
		for range rotations {
			next := newToken(code.Key.Grant)
			next.UserID = code.UserID
			err = errors.Join(err, s.RotateRefreshToken(ctx, token.RefreshKey(), [32]byte{1}, next))
			token = next
		}
		return err
	}
	for _, row := range []struct {
		name string
		open func(ctx context.Context, s *redisstore.Store) error
	}{
		{"user", func(ctx context.Context, s *redisstore.Store) error { return user(ctx, s, 0) }},
		{"user after ten rotations", func(ctx context.Context, s *redisstore.Store) error { return user(ctx, s, 10) }},
		{"machine", func(ctx context.Context, s *redisstore.Store) error {
			return s.SaveToken(ctx, newMachineToken())
		}},
	} {
		for _, packed := range []string{"64", "1024"} { // the first is Redis's own
			b.Run(row.name+", hash-max-listpack-value "+packed, func(b *testing.B) {
				client := dial(b, testserver.OwnRedis(b, "hash-max-listpack-value "+packed).DSN())
				s := open(b, client, redisstore.Options{})
				used := func() (n float64) {
					info, err := client.InfoMap(b.Context(), "memory").Result()
					require.NoError(b, err)
					n, err = strconv.ParseFloat(info["Memory"]["used_memory"], 64)
					require.NoError(b, err)
					return n
				}
				before := used()
				for range grants {
					require.NoError(b, row.open(b.Context(), s))
				}
				size := (used() - before) / grants
				for b.Loop() { // nothing is timed
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(size, "B/grant")
			})
		}
	}
}
