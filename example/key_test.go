package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testKey is a key in the forms that people write.
var testKey = struct {
	bytes []byte
	hex   string
}{bytes.Repeat([]byte{0xfb, 0xef, 0xff, 0x01}, 8), strings.Repeat("fbefff01", 8)}

func TestParseKey(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"hex":               testKey.hex,
		"capital hex":       strings.ToUpper(testKey.hex),
		"base64url":         base64.RawURLEncoding.EncodeToString(testKey.bytes),
		"base64url, padded": base64.URLEncoding.EncodeToString(testKey.bytes),
		"base64":            base64.StdEncoding.EncodeToString(testKey.bytes),
		"end of line":       testKey.hex + "\n", // of a file
	} {
		key, err := parseKey(s)
		require.NoError(t, err, name)
		assert.Equal(t, testKey.bytes, key, name)
	}
}

func TestParseKeyRefuses(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"empty":          "",
		"a password":     "correct horse battery staple",
		"short hex":      testKey.hex[:62],
		"long hex":       testKey.hex + "00",
		"24 bytes":       base64.RawURLEncoding.EncodeToString(testKey.bytes[:24]),
		"64 bytes":       base64.RawURLEncoding.EncodeToString(append(testKey.bytes, testKey.bytes...)),
		"stray bits":     strings.Repeat("A", 42) + "B",
		"digits and one": testKey.hex[:63] + "g",
	} {
		_, err := parseKey(s)
		require.ErrorContains(t, err, makeKey, name)
		if s != "" {
			assert.NotContains(t, err.Error(), s, name)
		}
	}
}

func TestDerivedKeys(t *testing.T) {
	t.Parallel()
	a, err := deriveKeys(testKey.bytes)
	require.NoError(t, err)
	again, err := deriveKeys(testKey.bytes)
	require.NoError(t, err)
	assert.Equal(t, a, again, "every instance has the same")
	other, err := deriveKeys(bytes.Repeat([]byte{1}, keySize))
	require.NoError(t, err)

	assert.Len(t, a.pages, 32)
	assert.Len(t, a.sessionSign, 64)
	assert.Len(t, a.sessionEncrypt, 32)
	assert.Len(t, a.demoSecret, 43)
	seen := map[string]bool{hex.EncodeToString(testKey.bytes): true}
	for _, k := range []keys{a, other} {
		for _, b := range [][]byte{k.pages, k.sessionSign[:32], k.sessionEncrypt, k.flows, []byte(k.demoSecret)} {
			assert.False(t, seen[string(b)], "each is another")
			seen[string(b)] = true
		}
	}
}
