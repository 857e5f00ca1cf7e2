package modeltest

import (
	"testing"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Two histories with the same answers come to equal states, and a single step
// more makes them different: no field of the state is left out.
func TestSpecStates(t *testing.T) {
	t.Parallel()
	var a, b Spec
	if !a.Equal(&b) || a.String() != "empty" {
		t.Fatalf("the empty state is %q and not equal to itself", a.String())
	}
	code := newCode()
	first := newToken(code.Key.Grant, now)
	next := newToken(code.Key.Grant, now)
	steps := []Op{
		{Verb: SaveAuthorizationCode, Code: code},
		{Verb: RedeemAuthorizationCode, Key: code.Key, Token: first},
		{Verb: RotateRefreshToken, Key: first.RefreshKey(), Seed: newSeed(), Token: next},
		{Verb: RevokeAccessToken, Key: next.AccessKey()},
		{Verb: RevokeGrant, Key: model.Key{Grant: code.Key.Grant}},
		{Verb: SaveToken, Token: newMachineToken()},
	}
	for _, op := range steps {
		before := a.Clone()
		for _, s := range []*Spec{&a, &b} {
			if err := s.Step(op, Result{}); err != nil {
				t.Fatalf("%v: %v", op, err)
			}
		}
		if !a.Equal(&b) || a.String() != b.String() {
			t.Errorf("after %v two equal states differ:\n%v\n%v", op, &a, &b)
		}
		if a.Equal(before) || a.String() == before.String() {
			t.Errorf("%v leaves the state as it was:\n%v", op, before)
		}
		if !before.Equal(before.Clone()) {
			t.Errorf("a copy differs from what it was made of:\n%v", before)
		}
	}
}
