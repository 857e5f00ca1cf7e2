package memstore_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

var t0 = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// fresh draws ids and digests like the engine's.
func fresh() (g model.GrantID, a, r model.Digest) {
	var b [80]byte
	_, _ = rand.Read(b[:])
	return model.GrantID(b[:16]), model.Digest(b[16:48]), model.Digest(b[48:])
}

// machineToken is a client_credentials token, without user and refresh token.
func machineToken(at time.Time) *model.Token {
	g, a, _ := fresh()
	end := at.Add(time.Hour)
	return &model.Token{
		GrantID: g, ClientID: "machine", Access: a, Scope: "read write", GrantScope: "read write",
		IssuedAt: at, AccessExpiresAt: end, GrantExpiresAt: end,
	}
}

// userToken is a pair with a refresh token.
func userToken(at time.Time, user string) *model.Token {
	g, a, r := fresh()
	return &model.Token{
		GrantID: g, ClientID: "web", UserID: user, Access: a, Refresh: r, Scope: "read", GrantScope: "read write",
		IssuedAt: at, AccessExpiresAt: at.Add(time.Hour), RefreshExpiresAt: at.Add(14 * 24 * time.Hour), GrantExpiresAt: at.Add(90 * 24 * time.Hour),
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// fill returns a store with n live client_credentials tokens and their keys.
func fill(b *testing.B, n int) (*memstore.Store, []model.Key) {
	b.Helper()
	s, keys := memstore.New(), make([]model.Key, n)
	for i := range keys {
		t := machineToken(t0)
		must(b, s.SaveToken(context.Background(), t))
		keys[i] = t.AccessKey()
	}
	return s, keys
}

// BenchmarkLiveTokens reports what a live token costs in heap, and what a full
// collection takes with all of them there.
func BenchmarkLiveTokens(b *testing.B) {
	const n = 1_000_000
	for _, kind := range []struct {
		name string
		make func(i int) *model.Token
	}{
		{"client_credentials", func(int) *model.Token { return machineToken(t0) }},
		{"with refresh, 1000 users", func(i int) *model.Token { return userToken(t0, "user-"+strconv.Itoa(i%1000)) }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			before := liveHeap()
			s := memstore.New()
			for i := range n {
				must(b, s.SaveToken(context.Background(), kind.make(i)))
			}
			perToken := float64(liveHeap()-before) / n
			start := time.Now()
			rounds := 0
			for b.Loop() {
				runtime.GC()
				rounds++
			}
			b.ReportMetric(perToken, "B/token")
			b.ReportMetric(float64(time.Since(start).Microseconds())/1000/float64(rounds), "ms/GC")
			runtime.KeepAlive(s)
		})
	}
}

func BenchmarkGetAccessToken(b *testing.B) {
	for _, n := range []int{1, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s, keys := fill(b, n)
			ctx := context.Background()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := s.GetAccessToken(ctx, keys[i*7919%n]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
		b.Run(strconv.Itoa(n)+" parallel", func(b *testing.B) {
			s, keys := fill(b, n)
			ctx := context.Background()
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := s.GetAccessToken(ctx, keys[i*7919%n]); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkGetAccessTokenForged looks up digests that are not there, in grants
// that are and that are not.
func BenchmarkGetAccessTokenForged(b *testing.B) {
	s, keys := fill(b, 100_000)
	ctx := context.Background()
	b.ReportAllocs()
	var n uint64
	for b.Loop() {
		n++
		k := keys[n%uint64(len(keys))]
		if n%2 == 0 {
			k.Grant = model.GrantID{}
		}
		binary.LittleEndian.PutUint64(k.Digest[:], n)
		if _, err := s.GetAccessToken(ctx, k); err == nil {
			b.Fatal("found")
		}
	}
}

func BenchmarkGetClient(b *testing.B) {
	s := memstore.New()
	must(b, s.AddClient(model.Client{ID: "web", Public: true, RedirectURIs: []string{"https://web.test/cb"}}))
	id, ctx := string([]byte("web")), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.GetClient(ctx, id); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSaveToken is the steady state: a token a millisecond of the records'
// own time, living for a minute, so that as many go as come.
func BenchmarkSaveToken(b *testing.B) {
	s, ctx, now := memstore.New(), context.Background(), t0
	t := machineToken(now)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		t.GrantID, t.Access, _ = fresh()
		t.IssuedAt, t.AccessExpiresAt = now, now.Add(time.Minute)
		t.GrantExpiresAt = t.AccessExpiresAt
		must(b, s.SaveToken(ctx, t))
	}
}

func BenchmarkCodeExchange(b *testing.B) {
	s, ctx, now := memstore.New(), context.Background(), t0
	t := userToken(now, "alice")
	code := &model.AuthorizationCode{ClientID: "web", UserID: "alice", Scope: "read", RedirectURI: "https://web.test/cb"}
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		t.GrantID, t.Access, t.Refresh = fresh()
		t.IssuedAt, t.AccessExpiresAt, t.RefreshExpiresAt, t.GrantExpiresAt = now, now.Add(time.Minute), now.Add(2*time.Minute), now.Add(3*time.Minute)
		code.Key = model.Key{Grant: t.GrantID, Digest: t.Access}
		code.IssuedAt, code.ExpiresAt, code.RetainUntil = now, now.Add(time.Minute), now.Add(2*time.Minute)
		must(b, s.SaveAuthorizationCode(ctx, code))
		must(b, s.RedeemAuthorizationCode(ctx, code.Key, t))
	}
}

func BenchmarkRotateRefreshToken(b *testing.B) {
	s, ctx, now := memstore.New(), context.Background(), t0
	t := userToken(now, "alice")
	must(b, s.SaveToken(ctx, t))
	b.ReportAllocs()
	for b.Loop() {
		key := t.RefreshKey()
		now = now.Add(time.Second)
		_, t.Access, t.Refresh = fresh()
		t.IssuedAt, t.AccessExpiresAt, t.RefreshExpiresAt = now, now.Add(time.Hour), now.Add(2*time.Hour)
		must(b, s.RotateRefreshToken(ctx, key, [32]byte{1}, t))
	}
}

func BenchmarkRevokeGrant(b *testing.B) {
	s, keys := fill(b, 100_000)
	ctx, i := context.Background(), 0
	b.ReportAllocs()
	for b.Loop() {
		must(b, s.RevokeGrant(ctx, keys[i%len(keys)].Grant))
		i++
	}
}

// BenchmarkSweep removes a million expired tokens in batches.
func BenchmarkSweep(b *testing.B) {
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s, _ := fill(b, 1_000_000)
		b.StartTimer()
		for n := 1000; n == 1000; {
			var err error
			n, err = s.Sweep(ctx, t0.Add(time.Hour), 1000)
			must(b, err)
		}
	}
}

// BenchmarkListGrants lists the three grants of one user among a million tokens.
func BenchmarkListGrants(b *testing.B) {
	s, _ := fill(b, 1_000_000)
	for range 3 {
		must(b, s.SaveToken(context.Background(), userToken(t0, "alice")))
	}
	for b.Loop() {
		got, err := s.ListGrants(context.Background(), model.GrantFilter{UserID: "alice"}, t0, 0)
		if err != nil || len(got) != 3 {
			b.Fatal(len(got), err)
		}
	}
}
