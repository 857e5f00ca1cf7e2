package modeltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// checker is what a rule runs with.
type checker struct {
	T
	ctx      context.Context
	newStore func() model.Model
}

// afterRevoke is what redeeming and rotating may answer in a revoked grant.
var afterRevoke = []error{model.ErrRevoked, model.ErrNotFound}

// is fails the rule unless err is one of want.
func (c *checker) is(err error, what string, want ...error) {
	c.Helper()
	if !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
		c.Fatalf("%s: got %s, want %s", what, errText(err), errTexts(want))
	}
}

// ok fails the rule if there is an error.
func (c *checker) ok(err error, what string) {
	c.Helper()
	if err != nil {
		c.Fatalf("%s: %v", what, err)
	}
}

func errText(err error) string {
	if err == nil {
		return "no error"
	}
	return fmt.Sprintf("%q", err)
}

func errTexts(errs []error) string {
	var texts []string
	for _, err := range errs {
		texts = append(texts, errText(err))
	}
	return strings.Join(texts, " or ")
}

// hasCode looks at what names the code and at Spent; sameCode at all of it. Most
// rules ask for the former, so that what one rule is about fails that rule.
func (c *checker) hasCode(s model.Model, want *model.AuthorizationCode, spent bool) *model.AuthorizationCode {
	c.Helper()
	got, err := s.GetAuthorizationCode(c.ctx, want.Key)
	c.ok(err, "GetAuthorizationCode")
	if got == nil || got.Key != want.Key {
		c.Fatalf("GetAuthorizationCode: got %+v, want the code with this key", got)
	}
	if got.Spent != spent {
		c.Fatalf("GetAuthorizationCode: Spent is %t, want %t", got.Spent, spent)
	}
	return got
}

func (c *checker) sameCode(s model.Model, want *model.AuthorizationCode, spent bool) {
	c.Helper()
	w := *want
	w.Spent = spent
	if d := diffCode(c.hasCode(s, want, spent), &w); d != "" {
		c.Fatalf("GetAuthorizationCode: %s", d)
	}
}

func (c *checker) token(verb string, got *model.Token, err error, want *model.Token) *model.Token {
	c.Helper()
	c.ok(err, verb)
	if got == nil || got.GrantID != want.GrantID || got.Access != want.Access || got.Refresh != want.Refresh {
		c.Fatalf("%s: got %+v, want the token with these digests", verb, got)
	}
	return got
}

// hasAccess looks at what names the token only.
func (c *checker) hasAccess(s model.Model, want *model.Token) *model.Token {
	c.Helper()
	got, err := s.GetAccessToken(c.ctx, want.AccessKey())
	return c.token("GetAccessToken", got, err, want)
}

// hasRefresh looks at what names the token only.
func (c *checker) hasRefresh(s model.Model, want *model.Token) *model.Token {
	c.Helper()
	got, err := s.GetRefreshToken(c.ctx, want.RefreshKey())
	return c.token("GetRefreshToken", got, err, want)
}

// same says that a token that was not spent is returned as it was saved.
func (c *checker) same(s model.Model, want *model.Token) {
	c.Helper()
	w := *want
	w.SpentAt, w.Seed = time.Time{}, [32]byte{}
	if d := diffToken(c.hasAccess(s, want), &w); d != "" {
		c.Fatalf("GetAccessToken: %s", d)
	}
	if want.Refresh.IsZero() {
		return
	}
	if d := diffToken(c.hasRefresh(s, want), &w); d != "" {
		c.Fatalf("GetRefreshToken: %s", d)
	}
}

// live says that the token was never spent.
func (c *checker) live(s model.Model, want *model.Token) {
	c.Helper()
	c.hasAccess(s, want)
	if got := c.hasRefresh(s, want); !got.SpentAt.IsZero() || got.Seed != [32]byte{} {
		c.Fatalf("GetRefreshToken: SpentAt %v, Seed %x of a token that was not spent", got.SpentAt, got.Seed)
	}
}

func (c *checker) noCode(s model.Model, key model.Key, why string) {
	c.Helper()
	_, err := s.GetAuthorizationCode(c.ctx, key)
	c.is(err, "GetAuthorizationCode "+why, model.ErrNotFound)
}

func (c *checker) noAccess(s model.Model, key model.Key, why string) {
	c.Helper()
	_, err := s.GetAccessToken(c.ctx, key)
	c.is(err, "GetAccessToken "+why, model.ErrNotFound)
}

func (c *checker) noRefresh(s model.Model, key model.Key, why string) {
	c.Helper()
	_, err := s.GetRefreshToken(c.ctx, key)
	c.is(err, "GetRefreshToken "+why, model.ErrNotFound)
}

// noToken says that neither half of a token is there.
func (c *checker) noToken(s model.Model, t *model.Token, why string) {
	c.Helper()
	c.noAccess(s, t.AccessKey(), why)
	c.noRefresh(s, t.RefreshKey(), why)
}

// diff collects what differs between two records.
type diff []string

func (d *diff) field(name string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		*d = append(*d, fmt.Sprintf("%s is %.200v, want %.200v", name, got, want))
	}
}

func (d *diff) time(name string, got, want time.Time) {
	switch {
	case !got.Equal(want):
		*d = append(*d, fmt.Sprintf("%s is %v, want %v", name, got, want))
	case got.Location() != time.UTC:
		*d = append(*d, fmt.Sprintf("%s is in %v, want UTC", name, got.Location()))
	}
}

func (d diff) String() string { return strings.Join(d, "; ") }

func diffCode(got, want *model.AuthorizationCode) string {
	if got == nil {
		return "nil without an error"
	}
	var d diff
	d.field("Key", got.Key, want.Key)
	d.field("ClientID", got.ClientID, want.ClientID)
	d.field("UserID", got.UserID, want.UserID)
	d.field("Scope", got.Scope, want.Scope)
	d.field("RedirectURI", got.RedirectURI, want.RedirectURI)
	d.field("RedirectURISent", got.RedirectURISent, want.RedirectURISent)
	d.field("Resources", got.Resources, want.Resources)
	d.field("Challenge", got.Challenge, want.Challenge)
	d.field("HasChallenge", got.HasChallenge, want.HasChallenge)
	d.time("IssuedAt", got.IssuedAt, want.IssuedAt)
	d.time("ExpiresAt", got.ExpiresAt, want.ExpiresAt)
	d.time("RetainUntil", got.RetainUntil, want.RetainUntil)
	d.field("Spent", got.Spent, want.Spent)
	return d.String()
}

func diffToken(got, want *model.Token) string {
	if got == nil {
		return "nil without an error"
	}
	var d diff
	d.field("GrantID", got.GrantID, want.GrantID)
	d.field("ClientID", got.ClientID, want.ClientID)
	d.field("UserID", got.UserID, want.UserID)
	d.field("Access", got.Access, want.Access)
	d.field("Refresh", got.Refresh, want.Refresh)
	d.field("Scope", got.Scope, want.Scope)
	d.field("GrantScope", got.GrantScope, want.GrantScope)
	d.field("Resources", got.Resources, want.Resources)
	d.field("GrantResources", got.GrantResources, want.GrantResources)
	d.time("IssuedAt", got.IssuedAt, want.IssuedAt)
	d.time("AccessExpiresAt", got.AccessExpiresAt, want.AccessExpiresAt)
	d.time("RefreshExpiresAt", got.RefreshExpiresAt, want.RefreshExpiresAt)
	d.time("GrantExpiresAt", got.GrantExpiresAt, want.GrantExpiresAt)
	d.time("SpentAt", got.SpentAt, want.SpentAt)
	d.field("Seed", got.Seed, want.Seed)
	if !sameJSON(got.Extra, want.Extra) {
		d.field("Extra", string(got.Extra), string(want.Extra))
	}
	return d.String()
}

// diffClient takes an empty list for the same as nil.
func diffClient(got, want *model.Client) string {
	if got == nil {
		return "nil without an error"
	}
	var d diff
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range w.NumField() {
		a, b := g.Field(i), w.Field(i)
		if b.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
			continue
		}
		name := w.Type().Field(i).Name
		switch want := b.Interface().(type) {
		case time.Time:
			d.time(name, a.Interface().(time.Time), want)
		case json.RawMessage:
			if !sameJSON(a.Interface().(json.RawMessage), want) {
				d.field(name, a.Interface(), want)
			}
		default:
			d.field(name, a.Interface(), want)
		}
	}
	return d.String()
}

// sameJSON compares as JSON: a store may lay an object out anew, but must keep
// every number's digits. No object is the same as nil only.
func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	decode := func(raw json.RawMessage) (v any) {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if dec.Decode(&v) != nil {
			return nil
		}
		return v
	}
	x, y := decode(a), decode(b)
	return x != nil && reflect.DeepEqual(x, y)
}
