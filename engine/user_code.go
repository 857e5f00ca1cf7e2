package engine

import (
	"strings"
	"unicode"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// A user code is what people type from a screen (RFC 8628, section 6.1): eight
// consonants, so that no word comes out and nothing looks like a digit. That is
// 20^8, more than 34 bits, for a few minutes and with every try counted.
const (
	userCodeAlphabet = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLen      = 8
	// maxUserCode bounds what is typed, in bytes.
	maxUserCode = 64
)

// userCode is a user code in normal form: upper case, without separator.
type userCode string

// newUserCode draws a code. Bytes that would favour the first letters are drawn
// again.
func (s *Server) newUserCode() (userCode, error) {
	const fair = 256 - 256%len(userCodeAlphabet)
	code := make([]byte, 0, userCodeLen)
	var buf [2 * userCodeLen]byte
	for len(code) < userCodeLen {
		if err := s.random(buf[:]); err != nil {
			return "", err
		}
		for _, b := range buf {
			if int(b) < fair && len(code) < userCodeLen {
				code = append(code, userCodeAlphabet[int(b)%len(userCodeAlphabet)])
			}
		}
	}
	return userCode(code), nil
}

// parseUserCode reads what somebody typed: case and everything that is neither
// letter nor digit are ignored. False: it cannot be a code.
func parseUserCode(typed string) (userCode, bool) {
	if len(typed) > maxUserCode {
		return "", false
	}
	code := make([]byte, 0, userCodeLen)
	for _, r := range typed {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		switch {
		case r < unicode.MaxASCII && strings.IndexByte(userCodeAlphabet, byte(r)) >= 0:
			code = append(code, byte(r))
		case unicode.IsLetter(r), unicode.IsNumber(r):
			return "", false
		}
	}
	return userCode(code), len(code) == userCodeLen
}

// String returns the code as it is shown: XXXX-XXXX.
func (c userCode) String() string {
	return string(c[:userCodeLen/2]) + "-" + string(c[userCodeLen/2:])
}

// digest is what the code is stored under.
func (c userCode) digest() model.Digest { return model.DigestOf(string(c)) }
