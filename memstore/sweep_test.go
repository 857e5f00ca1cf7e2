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
