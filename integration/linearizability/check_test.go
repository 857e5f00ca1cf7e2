package linearizability

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

// A grant with a code, and what can be asked about it.
type story struct {
	code               *model.AuthorizationCode
	first, next, other *model.Token
	seed               [32]byte
}

func newStory() *story {
	d := newDrawer(1, 1)
	g := d.grants[0]
	return &story{code: d.code(g), first: d.token(g, true), next: d.token(g, true), other: d.token(g, true), seed: random()}
}

func (s *story) save() modeltest.Op {
	return modeltest.Op{Verb: modeltest.SaveAuthorizationCode, Code: s.code}
}

func (s *story) redeem(t *model.Token) modeltest.Op {
	return modeltest.Op{Verb: modeltest.RedeemAuthorizationCode, Key: s.code.Key, Token: t}
}

func (s *story) rotate(t *model.Token) modeltest.Op {
	return modeltest.Op{Verb: modeltest.RotateRefreshToken, Key: s.first.RefreshKey(), Seed: s.seed, Token: t}
}

func (s *story) revoke() modeltest.Op {
	return modeltest.Op{Verb: modeltest.RevokeGrant, Key: model.Key{Grant: s.code.Key.Grant}}
}

func (s *story) getCode() modeltest.Op {
	return modeltest.Op{Verb: modeltest.GetAuthorizationCode, Key: s.code.Key}
}

func (s *story) getAccess(t *model.Token) modeltest.Op {
	return modeltest.Op{Verb: modeltest.GetAccessToken, Key: t.AccessKey()}
}

func (s *story) getRefresh(t *model.Token) modeltest.Op {
	return modeltest.Op{Verb: modeltest.GetRefreshToken, Key: t.RefreshKey()}
}

// The answers of the story.
func (s *story) isCode(spent bool) modeltest.Result {
	c := *s.code
	c.Spent = spent
	return modeltest.Result{Code: &c}
}

func isToken(t *model.Token) modeltest.Result { return modeltest.Result{Token: t} }

func is(err error) modeltest.Result { return modeltest.Result{Err: err} }

func lost() modeltest.Result { return is(errors.New("connection reset")) }

var ok modeltest.Result

// Each history is written down by hand, so that it is known whether it keeps the contract. The numbers are when a call
// began and ended; what is lost does not end.
func TestCheck(t *testing.T) {
	t.Parallel()
	s := newStory()
	saved := Call{Op: s.save(), Got: ok, Called: 1, Returned: 2}
	redeemed := Call{Op: s.redeem(s.first), Got: ok, Called: 3, Returned: 4}
	for _, tt := range []struct {
		name    string
		allowed bool
		history History
	}{
		{"nothing happened", true, nil},
		{"the second to redeem loses", true, History{saved, redeemed, {Op: s.redeem(s.next), Got: is(model.ErrSpent), Called: 5, Returned: 6}}},
		{"the loser has its answer before the winner", true, History{saved,
			{Op: s.redeem(s.first), Got: ok, Called: 3, Returned: 9}, {Op: s.redeem(s.next), Got: is(model.ErrSpent), Called: 4, Returned: 5}}},
		{"the loser has its answer before the winner begins", false, History{saved,
			{Op: s.redeem(s.next), Got: is(model.ErrSpent), Called: 3, Returned: 4}, {Op: s.redeem(s.first), Got: ok, Called: 5, Returned: 6}}},
		{"two redeem", false, History{saved, redeemed, {Op: s.redeem(s.next), Got: ok, Called: 3, Returned: 6}}},
		{"nobody redeems, all lose", false, History{saved,
			{Op: s.redeem(s.first), Got: is(model.ErrSpent), Called: 3, Returned: 9}, {Op: s.redeem(s.next), Got: is(model.ErrSpent), Called: 4, Returned: 8}}},
		{"the token of a redemption under way is found already", true, History{saved,
			{Op: s.redeem(s.first), Got: ok, Called: 3, Returned: 9}, {Op: s.getAccess(s.first), Got: isToken(s.first), Called: 4, Returned: 5}}},
		{"the token is found, then not, then again", false, History{saved,
			{Op: s.redeem(s.first), Got: ok, Called: 3, Returned: 12}, {Op: s.getAccess(s.first), Got: isToken(s.first), Called: 4, Returned: 5},
			{Op: s.getAccess(s.first), Got: is(model.ErrNotFound), Called: 6, Returned: 7}}},
		{"read before the revocation ends", true, History{saved, redeemed,
			{Op: s.revoke(), Got: ok, Called: 5, Returned: 9}, {Op: s.getAccess(s.first), Got: isToken(s.first), Called: 6, Returned: 7}}},
		{"read after the revocation", false, History{saved, redeemed,
			{Op: s.revoke(), Got: ok, Called: 5, Returned: 6}, {Op: s.getAccess(s.first), Got: isToken(s.first), Called: 7, Returned: 8}}},

		{"a lost redemption that happened", true, History{saved, {Op: s.redeem(s.first), Got: lost(), Called: 3, Returned: 4},
			{Op: s.redeem(s.next), Got: is(model.ErrSpent), Called: 5, Returned: 6}, {Op: s.getAccess(s.first), Got: isToken(s.first), Called: 7, Returned: 8}}},
		{"a lost redemption that did not happen", true, History{saved, {Op: s.redeem(s.first), Got: lost(), Called: 3, Returned: 4},
			{Op: s.redeem(s.next), Got: ok, Called: 5, Returned: 6}, {Op: s.getAccess(s.first), Got: is(model.ErrNotFound), Called: 7, Returned: 8}}},
		{"a lost redemption that happens later", true, History{saved, {Op: s.redeem(s.first), Got: lost(), Called: 3, Returned: 4},
			{Op: s.getCode(), Got: s.isCode(false), Called: 5, Returned: 6}, {Op: s.getCode(), Got: s.isCode(true), Called: 7, Returned: 8}}},
		{"half a lost redemption", false, History{saved, {Op: s.redeem(s.first), Got: lost(), Called: 3, Returned: 4},
			{Op: s.getCode(), Got: s.isCode(true), Called: 5, Returned: 6}, {Op: s.getAccess(s.first), Got: is(model.ErrNotFound), Called: 7, Returned: 8}}},
		{"a lost redemption that happens, and then has not", false, History{saved, {Op: s.redeem(s.first), Got: lost(), Called: 3, Returned: 4},
			{Op: s.getCode(), Got: s.isCode(true), Called: 5, Returned: 6}, {Op: s.getCode(), Got: s.isCode(false), Called: 7, Returned: 8}}},
		{"a lost redemption that happens before it was called", false, History{saved, {Op: s.getCode(), Got: s.isCode(true), Called: 3, Returned: 4},
			{Op: s.redeem(s.first), Got: lost(), Called: 5, Returned: 6}}},
		{"a lost revocation that happens later", true, History{saved, redeemed, {Op: s.revoke(), Got: lost(), Called: 5, Returned: 6},
			{Op: s.getAccess(s.first), Got: isToken(s.first), Called: 7, Returned: 8}, {Op: s.getAccess(s.first), Got: is(model.ErrNotFound), Called: 9, Returned: 10}}},
		{"a lost reading says nothing", true, History{saved, redeemed, {Op: s.getAccess(s.first), Got: lost(), Called: 5, Returned: 6}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := tt.history.Check()
			if tt.allowed {
				assert.Nil(t, v, "%v", v)
			} else {
				assert.NotNil(t, v)
			}
		})
	}
}

// What one grant does is no business of another, and the first that is wrong is the one that is shown.
func TestCheckFindsTheGrant(t *testing.T) {
	t.Parallel()
	good, bad := newStory(), newStory()
	v := History{
		{Op: good.save(), Got: ok, Called: 1, Returned: 2},
		{Op: bad.save(), Got: ok, Called: 3, Returned: 4},
		{Caller: 1, Op: bad.getCode(), Got: is(model.ErrNotFound), Called: 5, Returned: 8},
		{Op: good.getCode(), Got: good.isCode(false), Called: 6, Returned: 7},
		{Op: bad.redeem(bad.first), Got: lost(), Called: 9, Returned: 10},
	}.Check()
	require.NotNil(t, v)
	assert.Len(t, v.calls, 3)
	text := v.String()
	assert.Contains(t, text, "  1  caller 0  ||       SaveAuthorizationCode(")
	assert.Contains(t, text, "  -  caller 1    ||     GetAuthorizationCode(")
	assert.Contains(t, text, "  -  caller 0      |=>  RedeemAuthorizationCode(")
	assert.Contains(t, text, "answer lost (connection reset)")

	path := filepath.Join(t.TempDir(), "history.html")
	require.NoError(t, v.Save(path))
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(page), "GetAuthorizationCode(")
}

// Thirty lost answers in one grant are decided at once, though there are a billion ways in which they may have happened.
func TestCheckOfManyLostAnswers(t *testing.T) {
	t.Parallel()
	s := newStory()
	h := History{{Op: s.save(), Got: ok, Called: 1, Returned: 2}, {Op: s.redeem(s.first), Got: ok, Called: 3, Returned: 4}}
	d := newDrawer(2, 1)
	g := d.grants[0]
	g.id = s.code.Key.Grant
	for i := range int64(30) {
		op := s.rotate(d.token(g, true))
		if i%3 == 0 {
			op = s.redeem(d.token(g, true))
		} else if i%3 == 1 {
			op.Key = g.tried.refresh[i/2]
		}
		h = append(h, Call{Op: op, Got: lost(), Called: 5 + 2*i, Returned: 6 + 2*i})
	}
	end := h[len(h)-1].Returned
	for i := range int64(20) {
		h = append(h, Call{Op: s.getAccess(s.first), Got: isToken(s.first), Called: end + 2*i + 1, Returned: end + 2*i + 2})
	}
	assert.Nil(t, h.Check())
	end = h[len(h)-1].Returned
	v := append(h, Call{Op: s.getAccess(s.next), Got: isToken(s.next), Called: end + 1, Returned: end + 2}).Check()
	require.NotNil(t, v)
	assert.False(t, v.undecided)
}

// Require fails the test with the picture.
func TestRequire(t *testing.T) {
	t.Parallel()
	s := newStory()
	rec := &failing{TB: t}
	Require(rec, History{{Op: s.save(), Got: ok, Called: 1, Returned: 2}})
	assert.Empty(t, rec.said)
	Require(rec, History{{Op: s.save(), Got: is(model.ErrExists), Called: 1, Returned: 2}})
	require.Len(t, rec.said, 1)
	assert.Contains(t, rec.said[0], "SaveAuthorizationCode(")
	_, path, found := strings.Cut(rec.said[0], "picture: ")
	require.True(t, found)
	assert.FileExists(t, path)
	require.NoError(t, os.Remove(path))
}

// failing is a test that may fail.
type failing struct {
	testing.TB
	said []string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
}
