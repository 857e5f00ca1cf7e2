package memstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// Sweep keeps to its limit, and takes each record when its own retention ends,
// not only with its grant.
func TestSweepTakesRecordByRecord(t *testing.T) {
	t.Parallel()
	s, ctx := memstore.New(), context.Background()
	for range 10 {
		tok := userToken(t0, "alice") // lives for 14 days, its grant for 90
		save(t, s, tok)
		next := userToken(t0.Add(24*time.Hour), "alice")
		next.GrantID = tok.GrantID
		if err := s.RotateRefreshToken(ctx, tok.RefreshKey(), [32]byte{1}, next); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{4, 4, 2, 0} {
		if n, err := s.Sweep(ctx, t0.Add(14*24*time.Hour), 4); n != want || err != nil {
			t.Fatalf("removed %d, %v, want %d", n, err, want)
		}
	}
	if st := s.Stats(); st.Tokens != 10 || st.Grants != 10 {
		t.Errorf("left: %+v, want 10 tokens and 10 grants", st)
	}
}

// What was revoked cannot be read again, so its tokens and code go at once; the
// mark stays for as long as the grant must be known.
func TestSweepTakesWhatWasRevoked(t *testing.T) {
	t.Parallel()
	s, ctx := memstore.New(), context.Background()
	tok := userToken(t0, "alice")
	save(t, s, tok)
	if err := s.RevokeGrant(ctx, tok.GrantID); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(ctx, t0, 10); n != 1 || err != nil {
		t.Fatalf("removed %d, %v, want 1", n, err)
	}
	if err := s.SaveToken(ctx, tok); !errors.Is(err, model.ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
}

func TestSweepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if n, err := memstore.New().Sweep(ctx, t0, 10); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("got %d, %v", n, err)
	}
}

// A consent goes when it expires, with what it names, also in the middle of its
// user's list.
func TestSweepTakesExpiredConsents(t *testing.T) {
	t.Parallel()
	s, ctx := memstore.New(), context.Background()
	for i, client := range []string{"a", "b", "c"} {
		consent := &model.Consent{UserID: "alice", ClientID: client, Scope: "read", GivenAt: t0, ExpiresAt: t0.Add(time.Hour)}
		if i == 1 {
			consent.ExpiresAt = t0.Add(time.Minute)
		}
		if err := s.AddConsent(ctx, consent); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{time.Minute, 2}, {time.Hour, 0}} {
		if _, err := s.Sweep(ctx, t0.Add(step.at), 10); err != nil {
			t.Fatal(err)
		}
		if left, err := s.ListConsents(ctx, "alice", ""); len(left) != step.want || err != nil {
			t.Fatalf("after %v: %+v, %v, want %d", step.at, left, err, step.want)
		}
	}
	if st := s.Stats(); st.Values != 0 {
		t.Errorf("left: %+v", st)
	}
}

// The listing goes through more slots than it looks at under one lock, and finds
// the one that matters among them.
func TestListGrantsInLargeShards(t *testing.T) {
	t.Parallel()
	s, ctx := memstore.New(), context.Background()
	want := userToken(t0, "alice")
	var id model.GrantID
	for i := range 12000 {
		tok := userToken(t0, "bob")
		if i%2 == 0 {
			tok = machineToken(t0)
		}
		// The same bits on both sides fold to nothing: one shard gets them all.
		tok.GrantID[0], tok.GrantID[8] = byte(i), byte(i)
		copy(tok.GrantID[1:8], []byte{byte(i >> 8), 1, 0, 0, 0, 0, 0})
		copy(tok.GrantID[9:], tok.GrantID[1:8])
		save(t, s, tok)
		if i == 9000 {
			copy(want.GrantID[:8], []byte{1, 2, 3, 4, 5, 6, 7, 8})
			copy(want.GrantID[8:], want.GrantID[:8])
			save(t, s, want)
			id = want.GrantID
		}
	}
	got, err := s.ListGrants(ctx, model.GrantFilter{UserID: "alice"}, t0, 0)
	if err != nil || len(got) != 1 || got[0].ID != id {
		t.Fatalf("got %+v, %v", got, err)
	}
	if n, err := s.RevokeGrants(ctx, model.GrantFilter{ClientID: "machine"}); n != 6000 || err != nil {
		t.Fatalf("revoked %d, %v, want 6000", n, err)
	}
}
