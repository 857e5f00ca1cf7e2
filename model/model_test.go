package model_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestParseScope(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]model.Scope{
		"": "", " ": "", "a": "a", "a b": "a b", " a  b ": "a b", "b a b a": "b a", "a A": "a A", "ab a b": "ab a b", "!~": "!~",
	} {
		if got, err := model.ParseScope(in); err != nil || got != want {
			t.Errorf("ParseScope(%q): got %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"a\tb", "a\nb", `a"b`, `a\b`, "é", "\x00", "a\x7f"} {
		if got, err := model.ParseScope(in); !errors.Is(err, model.ErrBadScope) || got != "" {
			t.Errorf("ParseScope(%q): got %q, %v, want ErrBadScope", in, got, err)
		}
	}
}

func TestScopeSets(t *testing.T) {
	t.Parallel()
	s := model.NewScope("read", "write", "read")
	if s != "read write" || s.Has("") || s.Has("read write") || !s.Has("read") {
		t.Errorf("NewScope made %q", s)
	}
	if !s.Equal("write read") || s.Equal("read") || !s.Covers("") || model.Scope("").Covers("a") {
		t.Error("Equal or Covers is wrong")
	}
	if got := s.Intersect("write x read"); got != "read write" {
		t.Errorf("Intersect gave %q", got)
	}
	for other, want := range map[model.Scope]model.Scope{"": "read write", "write": "read write", "admin read x": "read write admin x"} {
		if got := s.Union(other); got != want {
			t.Errorf("Union with %q gave %q, want %q", other, got, want)
		}
	}
	if got := model.Scope("").Union("a b"); got != "a b" {
		t.Errorf("Union of nothing gave %q", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("NewScope took a token with a space")
		}
	}()
	model.NewScope("a b")
}

// FuzzParseScope says that the result is in normal form, is kept by parsing it
// again, and holds the tokens of the input and no others.
func FuzzParseScope(f *testing.F) {
	for _, s := range []string{"", "a", " read  write read", "a\tb", strings.Repeat("x ", 300), `"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 64<<10 {
			return // no request is longer, and the checks below compare each token with each
		}
		s, err := model.ParseScope(in)
		if err != nil {
			if s != "" {
				t.Fatalf("%q with an error", s)
			}
			return
		}
		if again, err := model.ParseScope(string(s)); err != nil || again != s {
			t.Fatalf("parsed again: %q, %v", again, err)
		}
		seen := map[string]bool{}
		for tok := range s.Tokens() {
			if seen[tok] || tok == "" || !s.Has(tok) {
				t.Fatalf("token %q of %q", tok, s)
			}
			seen[tok] = true
		}
		want := map[string]bool{}
		for _, tok := range strings.Fields(in) {
			want[tok] = true
			if !seen[tok] {
				t.Fatalf("token %q was lost", tok)
			}
		}
		if len(want) != len(seen) || !s.Equal(s.Intersect(s)) || !s.Covers(s) {
			t.Fatalf("%q from %q", s, in)
		}
	})
}

func TestClientValidate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*model.Client)
		want   string // in the error, or empty
	}{
		"as it is":             {func(*model.Client) {}, ""},
		"no id":                {func(c *model.Client) { c.ID = "" }, "ID must"},
		"id in Cyrillic":       {func(c *model.Client) { c.ID = "веб" }, "ID must"},
		"long id":              {func(c *model.Client) { c.ID = strings.Repeat("a", 256) }, "ID must"},
		"name in Cyrillic":     {func(c *model.Client) { c.Name = "веб" }, ""},
		"name with line break": {func(c *model.Client) { c.Name = "a\nb" }, "Name must"},
		"no secret":            {func(c *model.Client) { c.Secrets = nil }, "needs Secrets"},
		"empty secret":         {func(c *model.Client) { c.Secrets = model.HashSecrets("") }, "needs Secrets"},
		"zero digest":          {func(c *model.Client) { c.Secrets = make([]model.SecretHash, 1) }, "digest of nothing"},
		"digest of \"\"":       {func(c *model.Client) { c.Secrets = []model.SecretHash{{Digest: model.DigestOf("")}} }, "digest of nothing"},
		"three secrets":        {func(c *model.Client) { c.Secrets = model.HashSecrets("a", "b", "c") }, "at most two"},
		"public with secret":   {func(c *model.Client) { c.Public = true }, "must not have Secrets"},
		"public":               {func(c *model.Client) { c.Public, c.Secrets = true, nil }, ""},
		"public with method":   {func(c *model.Client) { c.Public, c.Secrets, c.AuthMethod = true, nil, model.AuthSecretPost }, "leave AuthMethod empty"},
		"confidential, none":   {func(c *model.Client) { c.AuthMethod = model.AuthNone }, "none is for public"},
		"unknown method":       {func(c *model.Client) { c.AuthMethod = "private_key_jwt" }, "is unknown"},
		"public without PKCE":  {func(c *model.Client) { c.Public, c.Secrets, c.AllowNoPKCE = true, nil, true }, "AllowNoPKCE"},
		"without PKCE":         {func(c *model.Client) { c.AllowNoPKCE = true }, ""},
		"implicit":             {func(c *model.Client) { c.Grants = []string{"implicit"} }, "implicit"},
		"unknown grant":        {func(c *model.Client) { c.Grants = []string{"magic"} }, "neither"},
		"extension grant":      {func(c *model.Client) { c.Grants = []string{"urn:ietf:params:oauth:grant-type:jwt-bearer"} }, ""},
		"grant twice":          {func(c *model.Client) { c.Grants = []string{"password", "password"} }, "twice"},
		"public machine":       {func(c *model.Client) { c.Public, c.Secrets, c.Grants = true, nil, []string{"client_credentials"} }, "confidential clients only"},
		"machine without URI":  {func(c *model.Client) { c.RedirectURIs, c.Grants = nil, []string{"client_credentials"} }, ""},
		"no redirect URI":      {func(c *model.Client) { c.RedirectURIs = nil }, "needs RedirectURIs"},
		"bad redirect URI":     {func(c *model.Client) { c.RedirectURIs = []string{"myapp:/cb"} }, "private-use"},
		"redirect URI twice":   {func(c *model.Client) { c.RedirectURIs = append(c.RedirectURIs, c.RedirectURIs[0]) }, "twice"},
		"bad scope":            {func(c *model.Client) { c.Scope = "a\tb" }, "Scope"},
		"scope not normal":     {func(c *model.Client) { c.Scope = "a  b" }, `write "a b"`},
		"negative lifetime":    {func(c *model.Client) { c.AccessTokenLifetime = -time.Second }, "negative"},
		"silent private scheme": {func(c *model.Client) {
			c.Public, c.Secrets, c.SkipConsent, c.RedirectURIs = true, nil, true, []string{"com.a.app:/cb"}
		}, "SkipConsent"},
		"silent https": {func(c *model.Client) { c.Public, c.Secrets, c.SkipConsent = true, nil, true }, ""},
	} {
		c := &model.Client{ID: "web", Secrets: model.HashSecrets("s"), RedirectURIs: []string{"https://web.test/cb"}, Scope: "read"}
		tt.change(c)
		err := c.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want something with %q", name, err, tt.want)
		}
	}
}

func TestMatchesSecret(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := &model.Client{Secrets: model.HashSecrets("a", "", "b")}
	if len(c.Secrets) != 2 || !c.MatchesSecret("a", now) || !c.MatchesSecret("b", now) || c.MatchesSecret("c", now) || c.MatchesSecret("", now) {
		t.Error("the wrong secrets match")
	}
	c.Secrets[0].ExpiresAt = now
	if c.MatchesSecret("a", now) || !c.MatchesSecret("a", now.Add(-1)) || (*model.Client)(nil).MatchesSecret("a", now) {
		t.Error("an expired secret matches, or a live one does not")
	}
}

func TestGrantID(t *testing.T) {
	t.Parallel()
	id := model.GrantID{1, 2, 15: 255}
	if got, err := model.ParseGrantID(id.String()); err != nil || got != id || len(id.String()) != 22 {
		t.Errorf("got %v, %v", got, err)
	}
	for _, s := range []string{"", "a", strings.Repeat("A", 22), id.String() + "A", id.String() + "\n", id.String()[:21] + "/", id.String()[:21] + "x"} {
		if got, err := model.ParseGrantID(s); err == nil {
			t.Errorf("ParseGrantID(%q): got %v", s, got)
		}
	}
}

func TestDigestOfLongAndShort(t *testing.T) {
	t.Parallel()
	seen := map[model.Digest]bool{}
	for n := range 300 {
		seen[model.DigestOf(strings.Repeat("a", n))] = true
	}
	if len(seen) != 300 {
		t.Errorf("%d digests of 300 texts", len(seen))
	}
}

func TestTokenContext(t *testing.T) {
	t.Parallel()
	if model.TokenFromContext(context.Background()) != nil {
		t.Error("a token from nowhere")
	}
	tok := &model.Token{ClientID: "web"}
	if model.TokenFromContext(model.ContextWithToken(context.Background(), tok)) != tok {
		t.Error("the token got lost")
	}
}
