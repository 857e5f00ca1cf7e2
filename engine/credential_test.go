package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
)

func credentialServer(prefix string) *Server { return &Server{cfg: Config{TokenPrefix: prefix}} }

func TestCredential(t *testing.T) {
	t.Parallel()
	grant := model.GrantID{1, 2, 3}
	secret := [secretLen]byte{4, 5, 6}
	for name, prefix := range map[string]string{
		"M13 without prefix":                "",
		"M13 with a prefix":                 "acme_",
		"M13 with the longest prefix":       strings.Repeat("p", 32),
		"M13 with a prefix of its alphabet": "-_-_",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := credentialServer(prefix)
			c := s.newCredential(grant, secret)
			require.Len(t, c.text, len(prefix)+64)
			assert.True(t, strings.HasPrefix(c.text, prefix))
			// Another prefix, or none, signs nobody out.
			for _, other := range []string{"", prefix, "other"} {
				got, ok := credentialServer(other).parseToken(c.text)
				require.True(t, ok)
				assert.Equal(t, c, got)
			}
			assert.Equal(t, model.Key{Grant: grant, Digest: sha256.Sum256([]byte(c.text))}, c.key)
		})
	}
	good := credentialServer("").newCredential(grant, secret).text
	for name, text := range map[string]string{
		"attack-D06 empty":                    "",
		"attack-D06 truncated":                good[:63],
		"attack-D06 line break inside":        good[:32] + "\n" + good[33:],
		"attack-D06 line break at the end":    good[1:] + "\n",
		"attack-D06 other alphabet":           good[:63] + "+",
		"attack-D06 padding":                  good[:63] + "=",
		"attack-D06 beyond ASCII":             good[:62] + "é",
		"attack-D06 grant zero":               strings.Repeat("A", 22) + good[22:],
		"attack-D06 longer than 4 kB":         strings.Repeat("p", maxCredential-63) + good,
		"attack-D06+6749-10.10 NUL at an end": good[:63] + "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, ok := parseCode(text)
			assert.False(t, ok)
			_, ok = credentialServer("").parseToken(text)
			assert.False(t, ok)
		})
	}
	t.Run("attack-D06 4 kB", func(t *testing.T) {
		t.Parallel()
		_, ok := parseCode(strings.Repeat("p", maxCredential-64) + good)
		assert.True(t, ok)
	})
}

// FuzzParseCode: the decoder agrees with that of the standard library where
// there is no line break, which that one skips, and takes what it writes.
func FuzzParseCode(f *testing.F) {
	good := credentialServer("").newCredential(model.GrantID{1}, [secretLen]byte{2}).text
	for _, seed := range []string{"", good, "prefix_" + good, good[1:] + "\n", good[:20] + "\r\n" + good[22:], strings.Repeat("A", 64), good[:63] + "=", good[:60] + "é=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := parseCode(text)
		if len(text) < encodedLen || len(text) > maxCredential {
			if ok {
				t.Fatalf("%q of %d bytes is taken", text, len(text))
			}
			return
		}
		tail := text[len(text)-encodedLen:]
		raw, err := base64.RawURLEncoding.Strict().DecodeString(tail)
		want := err == nil && !strings.ContainsAny(tail, "\r\n") && len(raw) == grantLen+secretLen
		want = want && !bytes.Equal(raw[:grantLen], make([]byte, grantLen))
		if ok != want {
			t.Fatalf("parseCode(%q) says %t", text, ok)
		}
		if !ok {
			return
		}
		if !bytes.Equal(raw[:grantLen], c.key.Grant[:]) || !bytes.Equal(raw[grantLen:], c.secret[:]) || c.key.Digest != sha256.Sum256([]byte(text)) {
			t.Fatalf("parseCode(%q) reads %x %x", text, c.key.Grant, c.secret)
		}
		if again := credentialServer("").newCredential(c.key.Grant, c.secret); again.text != tail {
			t.Fatalf("%q was written as %q", tail, again.text)
		}
	})
}

// FuzzDecodeBase64URL holds the decoder to the strict one of encoding/base64, at
// each length.
func FuzzDecodeBase64URL(f *testing.F) {
	for _, seed := range []string{"", "AAAA", "_-_-", "AA\nA", "AAA=", "AAAA\n", "++//", "\xff\xff\xff\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		dst := make([]byte, len(s)/4*3)
		ok := decodeBase64URL(dst, s)
		want, err := base64.RawURLEncoding.Strict().DecodeString(s)
		good := err == nil && len(s)%4 == 0 && !strings.ContainsAny(s, "\r\n")
		if ok != good || ok && !bytes.Equal(dst, want) {
			t.Fatalf("%q: got %t %x, want %t %x", s, ok, dst, good, want)
		}
	})
}

// FuzzBasic: what is read out of a Basic header can be written as one, by the
// standard library too, and is read back the same.
func FuzzBasic(f *testing.F) {
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, seed := range []string{"", "Basic", "Basic ", "Basic !!!", "Bearer x", basic("a:b"), basic("a"), basic(":"), basic("a:"), basic(":b"), basic("a:b:c"), basic("a%3A:b+c"), basic("a:%"), basic("é:ü"), basic("a;b:c;d"), "basic  " + basic("a:b")[6:] + "  "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		c, err := readBasic(header)
		if err != nil {
			return
		}
		if c.id == "" || c.secret == "" || c.method != model.AuthSecretBasic {
			t.Fatalf("%q: read %+v", header, c)
		}
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
		written := r.Header.Get("Authorization")
		if len(written) > len("Basic ")+maxCredential {
			return // escaped, what was near the limit is beyond it
		}
		again, err := readBasic(written)
		if err != nil || again != c {
			t.Fatalf("%q: read %+v, and of that again %+v, %v", header, c, again, err)
		}
	})
}
