package engine

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The HMAC by hand is that of the standard library, for messages of any length.
func TestHMAC(t *testing.T) {
	t.Parallel()
	var key [secretLen]byte
	message := make([]byte, 300)
	_, _ = rand.Read(key[:])
	_, _ = rand.Read(message)
	for n := range message {
		want := hmac.New(sha256.New, key[:])
		want.Write(message[:n])
		got := hmacSHA256(&key, message[:n])
		assert.Equal(t, want.Sum(nil), got[:], n)
	}
}

// The derivation is part of what is stored: another one would end the grace of
// every refresh token.
func TestDeriveSecretStaysTheSame(t *testing.T) {
	t.Parallel()
	c := credential{secret: [secretLen]byte{1, 2, 3}}
	c.key.Grant = [grantLen]byte{4, 5, 6}
	for _, label := range []string{accessLabel, refreshLabel} {
		mac := hmac.New(sha256.New, c.secret[:])
		mac.Write([]byte(label))
		mac.Write(c.key.Grant[:])
		mac.Write(make([]byte, 32))
		got := deriveSecret(label, &c, &[32]byte{})
		assert.Equal(t, mac.Sum(nil), got[:])
	}
}
