package engine

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// A code or token in the built-in form is
//
//	prefix + base64url(16 bytes of grant, 32 secret bytes)
//
// The grant stands in clear, so that a store knows from the key where the
// record lives. What is looked up is the SHA-256 of the whole text.
const (
	grantLen      = 16
	secretLen     = 32
	encodedLen    = (grantLen + secretLen) * 4 / 3 // 64, without padding
	maxCredential = 4096
)

// credential is a presented or new code or token.
type credential struct {
	text string
	key  model.Key
	// secret holds the 32 secret bytes of the built-in form, and hasSecret tells
	// that it is one.
	secret    [secretLen]byte
	hasSecret bool
}

// newCredential puts grant and secret together into a code or token.
func (s *Server) newCredential(grant model.GrantID, secret [secretLen]byte) credential {
	var raw [grantLen + secretLen]byte
	copy(raw[:], grant[:])
	copy(raw[grantLen:], secret[:])
	var text [32 + encodedLen]byte
	n := copy(text[:], s.cfg.TokenPrefix)
	base64.RawURLEncoding.Encode(text[n:], raw[:])
	whole := text[:n+encodedLen]
	return credential{
		text:      string(whole),
		key:       model.Key{Grant: grant, Digest: sha256.Sum256(whole)},
		secret:    secret,
		hasSecret: true,
	}
}

// randomCredential makes a code or token of fresh random bytes.
func (s *Server) randomCredential(grant model.GrantID) (credential, error) {
	var secret [secretLen]byte
	if err := s.random(secret[:]); err != nil {
		return credential{}, err
	}
	return s.newCredential(grant, secret), nil
}

// parseCode reads a presented authorization code. False: it cannot be one, and
// the store need not be asked.
func parseCode(text string) (credential, bool) {
	if len(text) < encodedLen || len(text) > maxCredential {
		return credential{}, false
	}
	var raw [grantLen + secretLen]byte
	if !decodeBase64URL(raw[:], text[len(text)-encodedLen:]) {
		return credential{}, false
	}
	c := credential{text: text, hasSecret: true}
	copy(c.key.Grant[:], raw[:])
	copy(c.secret[:], raw[grantLen:])
	if c.key.Grant.IsZero() {
		return credential{}, false
	}
	c.key.Digest = model.DigestOf(text)
	return c, true
}

// parseToken reads a presented access or refresh token: the application's own
// form if there is one, else the built-in form.
func (s *Server) parseToken(text string) (credential, bool) {
	if len(text) > maxCredential {
		return credential{}, false
	}
	if s.cfg.TokenGrant != nil {
		if grant, ok := s.cfg.TokenGrant(text); ok {
			c := credential{text: text, key: model.Key{Grant: grant, Digest: model.DigestOf(text)}}
			return c, !grant.IsZero()
		}
	}
	return parseCode(text)
}

// decodeBase64URL decodes unpadded base64url into dst, which it fills. Unlike
// encoding/base64 it takes nothing else: no line breaks.
func decodeBase64URL(dst []byte, s string) bool {
	if len(s) != len(dst)/3*4 {
		return false
	}
	for len(dst) >= 3 && len(s) >= 4 {
		a, b, c, d := base64URLValues[s[0]], base64URLValues[s[1]], base64URLValues[s[2]], base64URLValues[s[3]]
		if a|b|c|d >= notBase64URL {
			return false
		}
		dst[0] = a<<2 | b>>4
		dst[1] = b<<4 | c>>2
		dst[2] = c<<6 | d
		dst, s = dst[3:], s[4:]
	}
	return true
}

// base64URLValues has the six bits of each character of base64url, and a value
// with the bit notBase64URL, which none of those has, for all others.
//
//nolint:gochecknoglobals // read only
var base64URLValues = makeBase64URLValues()

const (
	notBase64URL = 64
	// otherBearer is for the characters that a bearer token may have besides.
	otherBearer = notBase64URL + 1
)

func makeBase64URLValues() (values [256]byte) {
	for i := range values {
		values[i] = notBase64URL
	}
	for _, c := range []byte(".~+/") {
		values[c] = otherBearer
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		values[c] = byte(i)
	}
	return values
}

func isBase64URL(c byte) bool { return base64URLValues[c] < notBase64URL }

// The labels that keep the two halves of a derived pair apart.
const (
	accessLabel  = "gin-oauth-server access v1\x00"
	refreshLabel = "gin-oauth-server refresh v1\x00"
)

// deriveSecret computes a secret of the pair that follows a refresh token, so
// that the same answer can be given again when it was lost. The key is the 32
// secret bytes of the presented token, never its text: HMAC hashes longer keys,
// and the hash of the text is the digest that the database holds. Whoever has
// the database alone has the seed but not the key.
func deriveSecret(label string, presented *credential, seed *[32]byte) [secretLen]byte {
	message := make([]byte, 0, len(refreshLabel)+grantLen+len(seed))
	message = append(message, label...)
	message = append(message, presented.key.Grant[:]...)
	message = append(message, seed[:]...)
	return hmacSHA256(&presented.secret, message)
}

// hmacSHA256 is HMAC (RFC 2104) with a key of 32 bytes and a short message. It
// does what crypto/hmac does in a third of the time, for that one allocates two
// hash states and their buffers for each key.
func hmacSHA256(key *[secretLen]byte, message []byte) [sha256.Size]byte {
	var buf [sha256.BlockSize + 128]byte
	pad := func(with byte) []byte {
		for i := range sha256.BlockSize {
			buf[i] = with
		}
		for i, b := range key {
			buf[i] ^= b
		}
		return buf[:sha256.BlockSize]
	}
	inner := sha256.Sum256(append(pad(0x36), message...))
	return sha256.Sum256(append(pad(0x5c), inner[:]...))
}
