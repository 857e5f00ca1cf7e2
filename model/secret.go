package model

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"
)

// SecretHash is a client secret as it is stored. A generated secret of at least
// 128 bits needs no slow hash: SHA-256 of it cannot be turned back. For secrets
// that people choose, plug a verifier into the engine instead.
type SecretHash struct {
	// Digest is the SHA-256 of the secret.
	Digest Digest
	// ExpiresAt is from when on the secret is refused. The zero time means never.
	ExpiresAt time.Time
}

// HashSecrets returns the hashes to store for these secrets. An empty secret
// is left out: it is no secret.
func HashSecrets(secrets ...string) []SecretHash {
	hashes := make([]SecretHash, 0, len(secrets))
	for _, s := range secrets {
		if s != "" {
			hashes = append(hashes, SecretHash{Digest: DigestOf(s)})
		}
	}
	return hashes
}

// MatchesSecret reports whether secret is one of the client's live secrets at
// the time now. It takes the same time whichever secret it is, and for a nil
// client as long as for one with a single secret.
func (c *Client) MatchesSecret(secret string, now time.Time) bool {
	sum := DigestOf(secret)
	if c == nil || len(c.Secrets) == 0 {
		var none [sha256.Size]byte
		subtle.ConstantTimeCompare(sum[:], none[:])
		return false
	}
	ok := 0
	for i := range c.Secrets {
		h := &c.Secrets[i]
		live := h.ExpiresAt.IsZero() || now.Before(h.ExpiresAt)
		if match := subtle.ConstantTimeCompare(sum[:], h.Digest[:]); live {
			ok |= match
		}
	}
	return ok == 1 && secret != ""
}
