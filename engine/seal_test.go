package engine_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func sealKey(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func withKeys(keys ...[]byte) func(*engine.Config) {
	return func(c *engine.Config) { c.Keys = keys }
}

// What was sealed comes back whole.
func TestSealRoundTrip(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		edits []string
	}{
		{"attack-A24 all of a request", pub("scope=read write")},
		{"B09 redirect_uri not sent", pub("-redirect_uri")},
		{"B55 no state", []string{"-state"}},
		{"B57 a state that is not UTF-8", []string{"state=\xff\xfe\x00é"}},
		{"attack-A10 a hostile state", []string{"state=" + hostileState()}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			want, err := f.srv.AuthorizeRequest(get(az(tt.edits...)))
			require.NoError(t, err)
			form, err := f.srv.Seal(want, alice())
			require.NoError(t, err)
			got, err := f.srv.Open(context.Background(), form, alice())
			require.NoError(t, err)
			assert.Nil(t, got.Client, "the client is read again at approval")
			assert.Empty(t, got.Query())
			for _, pair := range [][2]any{
				{want.GrantID, got.GrantID}, {want.ClientID, got.ClientID}, {want.RedirectURI, got.RedirectURI},
				{want.RedirectURISent, got.RedirectURISent}, {want.Scope, got.Scope}, {want.State, got.State},
				{want.HasState, got.HasState}, {want.Challenge, got.Challenge}, {want.HasChallenge, got.HasChallenge},
			} {
				assert.Equal(t, pair[0], pair[1])
			}
		})
	}
}

// A form opens for the user, the session and the keys it was made for.
func TestSealIsBound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		made, shown model.User
	}{
		{"6749-10.12+attack-C14 another user", model.User{ID: "alice", SessionID: "s"}, model.User{ID: "mallory", SessionID: "s"}},
		{"6749-10.12+attack-C14 another session", model.User{ID: "alice", SessionID: "s"}, model.User{ID: "alice", SessionID: "t"}},
		{"6749-10.12 no session any more", model.User{ID: "alice", SessionID: "s"}, model.User{ID: "alice"}},
		{"6749-10.12 the border between user and session", model.User{ID: "al", SessionID: "ice"}, model.User{ID: "alice"}},
		{"6749-10.12 a user id that looks like a length", model.User{ID: "1:a", SessionID: "b"}, model.User{ID: "1", SessionID: ":ab"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.user = &tt.made
			form := f.page(t)
			f.user = &tt.shown
			f.assertStale(t, f.decide(form, "allow"))
		})
	}
	t.Run("6749-10.12 the name and the time of sign-in do not matter", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		form := f.page(t)
		f.user = &model.User{ID: "alice", SessionID: "session-1", Name: "Alice B.", AuthTime: fixtureStart}
		f.decide(form, "allow").code(t)
	})
}

func TestSealKeys(t *testing.T) {
	t.Parallel()
	a, b, c := sealKey(1), sealKey(2), sealKey(3)
	tests := []struct {
		name         string
		seals, opens [][]byte
		ok           bool
	}{
		{"attack-O10 the same key", [][]byte{a}, [][]byte{a}, true},
		{"attack-O10 a new key is rolled out", [][]byte{a}, [][]byte{b, a}, true},
		{"attack-O10 the first key seals", [][]byte{b, a}, [][]byte{b}, true},
		{"attack-O10 the old key is gone", [][]byte{a}, [][]byte{b, c}, false},
		{"attack-O10 no keys: one of this process", nil, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			form := newFixture(t, withKeys(tt.seals...)).page(t)
			f := newFixture(t, withKeys(tt.opens...))
			if tt.ok {
				f.decide(form, "allow").code(t)
				return
			}
			f.assertStale(t, f.decide(form, "allow"))
		})
	}
}

// Whatever is changed in a form, it does not open, and nothing breaks.
func TestSealTampered(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	form := f.page(t)
	box, err := base64.RawURLEncoding.DecodeString(form)
	require.NoError(t, err)
	forms := []string{"x", "!", form + "A", form[1:], form[:len(form)-4], strings.Repeat("A", 16), strings.Repeat("A", 5<<10), form + form, hex.EncodeToString(box)}
	for i := range box {
		flipped := bytes.Clone(box)
		flipped[i] ^= 1
		forms = append(forms, base64URL(flipped))
	}
	for _, form := range forms {
		f.assertStale(t, f.decide(form, "allow"))
	}
	assert.Zero(t, f.store.count("SaveAuthorizationCode"))
	f.decide(form, "allow").code(t)
}

// The form tells nothing of the request, and two of the same differ.
func TestSealIsOpaque(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	req, err := f.srv.AuthorizeRequest(get(az("state=my-state-is-readable")))
	require.NoError(t, err)
	one, err := f.srv.Seal(req, alice())
	require.NoError(t, err)
	two, err := f.srv.Seal(req, alice())
	require.NoError(t, err)
	assert.NotEqual(t, one, two)
	box, err := base64.RawURLEncoding.DecodeString(one)
	require.NoError(t, err)
	for _, s := range []string{"conf", "client.example", "my-state", "read", "alice", string(req.GrantID[:])} {
		assert.NotContains(t, string(box), s)
	}
}

// FuzzOpen feeds text, and forms with one byte changed, to Open: nothing but the
// form itself opens.
func FuzzOpen(f *testing.F) {
	cfg := fuzzConfig()
	cfg.Keys = nil // a key of this process: no form of another one opens
	srv := startFuzz(f, cfg)
	req, err := srv.AuthorizeRequest(get(az()))
	if err != nil {
		f.Fatal(err)
	}
	good, err := srv.Seal(req, alice())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("", uint(0), byte(0))
	f.Add("", uint(30), byte(1))
	f.Add(good, uint(0), byte(0))
	f.Add(good[1:], uint(0), byte(0))
	f.Add("\x00=", uint(0), byte(0))
	f.Fuzz(func(t *testing.T, text string, at uint, change byte) {
		box, _ := base64.RawURLEncoding.DecodeString(good)
		if _, err := srv.Open(context.Background(), text, alice()); err == nil {
			// Base64 can be spelt in several ways.
			if same, _ := base64.RawURLEncoding.DecodeString(text); !bytes.Equal(same, box) {
				t.Fatalf("%q opens", text)
			}
		}
		box[at%uint(len(box))] ^= change
		got, err := srv.Open(context.Background(), base64URL(box), alice())
		switch {
		case change != 0 && err == nil:
			t.Fatalf("a form with byte %d changed opens", at)
		case change == 0 && (err != nil || got.GrantID != req.GrantID):
			t.Fatalf("the form does not open: %v", err)
		}
	})
}
