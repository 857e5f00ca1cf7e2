package memstore_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestAddClientValidatesCopiesAndReplaces(t *testing.T) {
	t.Parallel()
	ctx, s := context.Background(), memstore.New()
	if err := s.AddClient(model.Client{ID: "web"}); err == nil {
		t.Error("a client that Validate refuses was added")
	}
	c := model.Client{ID: "web", Public: true, RedirectURIs: []string{"https://web.test/cb"}}
	if err := s.AddClient(c); err != nil {
		t.Fatal(err)
	}
	c.RedirectURIs[0] = "https://evil.test/cb"
	got, err := s.GetClient(ctx, "web")
	if err != nil || got.RedirectURIs[0] != "https://web.test/cb" {
		t.Fatalf("got %+v, %v: the store must keep a copy", got, err)
	}
	c.RedirectURIs[0], c.Disabled = "https://web.test/new", true
	if err := s.AddClient(c); err != nil {
		t.Fatal(err)
	}
	if now, err := s.GetClient(ctx, "web"); err != nil || !now.Disabled {
		t.Errorf("got %+v, %v: the client was not replaced", now, err)
	}
	if got.Disabled {
		t.Error("a client that was handed out changed")
	}
	s.RemoveClient("web")
	if _, err := s.GetClient(ctx, "web"); !errors.Is(err, model.ErrNotFound) {
		t.Errorf("got %v after RemoveClient", err)
	}
}

func save(t *testing.T, s *memstore.Store, tok *model.Token) {
	t.Helper()
	if err := s.SaveToken(context.Background(), tok); err != nil {
		t.Fatal(err)
	}
}

// A few records from a clock that ran ahead must not remove what is still needed.
func TestInsertFromAFastClockRemovesNothing(t *testing.T) {
	t.Parallel()
	s, ctx := memstore.New(), context.Background()
	var keys []model.Key
	for range 10_000 {
		tok := machineToken(t0)
		save(t, s, tok)
		keys = append(keys, tok.AccessKey())
	}
	for range 20 {
		save(t, s, machineToken(t0.Add(1000*time.Hour)))
	}
	for range 10_000 {
		save(t, s, machineToken(t0.Add(time.Minute)))
	}
	for _, k := range keys {
		if _, err := s.GetAccessToken(ctx, k); err != nil {
			t.Fatal(err)
		}
	}
}

func TestShardsAreEvenForIDsThatAreNotRandom(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]func(i byte) model.GrantID{
		"first byte": func(i byte) model.GrantID { return model.GrantID{i} },
		"last byte":  func(i byte) model.GrantID { return model.GrantID{15: i} },
		"middle":     func(i byte) model.GrantID { return model.GrantID{7: i} },
	} {
		if n := memstore.ShardsUsed(id); n < 32 {
			t.Errorf("%s: 255 ids fall into %d shards", name, n)
		}
	}
}

// Under steady load the store does not grow, though nobody calls Sweep; when the
// load ends, Sweep leaves nothing behind.
func TestDoesNotGrowWithoutEnd(t *testing.T) {
	t.Parallel()
	s, ctx, now := memstore.New(), context.Background(), t0
	step := func(i int) {
		now = now.Add(time.Second)
		save(t, s, machineToken(now)) // lives for an hour: 3600 live ones
		tok := userToken(now, "user-"+strconv.Itoa(i))
		tok.RefreshExpiresAt, tok.GrantExpiresAt = now.Add(time.Hour), now.Add(time.Hour)
		tok.Extra = []byte(`{"n":` + strconv.Itoa(i) + `}`)
		code := &model.AuthorizationCode{
			Key: model.Key{Grant: tok.GrantID, Digest: tok.Access}, ClientID: "web", UserID: tok.UserID,
			RedirectURI: "https://web.test/" + strconv.Itoa(i), IssuedAt: now, ExpiresAt: now.Add(time.Minute), RetainUntil: now.Add(10 * time.Minute),
		}
		if err := s.SaveAuthorizationCode(ctx, code); err != nil {
			t.Fatal(err)
		}
		if err := s.RedeemAuthorizationCode(ctx, code.Key, tok); err != nil {
			t.Fatal(err)
		}
		next := *tok
		_, next.Access, next.Refresh = fresh()
		if err := s.RotateRefreshToken(ctx, tok.RefreshKey(), [32]byte{1}, &next); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 30_000 {
		step(i)
	}
	before := s.Stats()
	if live := 3600 * 3; before.Tokens > 4*live {
		t.Errorf("%d tokens with %d live", before.Tokens, live)
	}
	for i := range 60_000 {
		step(i + 30_000)
	}
	after := s.Stats()
	if after.Slots > before.Slots*5/4 {
		t.Errorf("slots went from %d to %d", before.Slots, after.Slots)
	}
	for n := 1000; n == 1000; {
		var err error
		if n, err = s.Sweep(ctx, now.Add(24*time.Hour), 1000); err != nil {
			t.Fatal(err)
		}
	}
	if left := s.Stats(); left.Tokens+left.Grants+left.Codes+left.Values+left.Indexed != 0 {
		t.Errorf("left behind: %+v", left)
	}
}

func TestFaultsWriteNothing(t *testing.T) {
	t.Parallel()
	s, ctx := memstore.New(), context.Background()
	tok := userToken(t0, "alice")
	save(t, s, tok)
	other := userToken(t0, "alice")
	if err := s.RotateRefreshToken(ctx, tok.RefreshKey(), [32]byte{1}, other); err == nil {
		t.Error("rotated into another grant")
	}
	if err := s.RotateRefreshToken(ctx, tok.RefreshKey(), [32]byte{1}, tok); err == nil {
		t.Error("rotated to the same token")
	}
	got, err := s.GetRefreshToken(ctx, tok.RefreshKey())
	if err != nil || !got.SpentAt.IsZero() {
		t.Errorf("got %+v, %v: a failed rotation spent the token", got, err)
	}
}
