package engine

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// The code challenge methods of RFC 7636.
const (
	methodS256  = "S256"
	methodPlain = "plain"
)

// readChallenge takes the code challenge of an authorization request (RFC 7636,
// section 4.3).
func (s *Server) readChallenge(f *form, a *AuthorizeRequest) *Error {
	challenge, method := f.get("code_challenge"), f.get("code_challenge_method")
	if challenge == "" {
		if method != "" {
			return refuse(CodeInvalidRequest, "challenge_missing", "There is a code_challenge_method without a code_challenge.")
		}
		if a.Client.AllowNoPKCE && !a.Client.Public {
			return nil
		}
		return refuse(CodeInvalidRequest, "challenge_required", "A code_challenge is required (PKCE with S256).")
	}
	if !isVerifier(challenge) {
		return refuse(CodeInvalidRequest, "challenge_malformed", "The code_challenge must be 43 to 128 unreserved characters.")
	}
	switch {
	case method == methodS256:
		// On the stack: a challenge has at most 128 characters.
		sum, err := strictBase64URL.AppendDecode(make([]byte, 0, 96), append(make([]byte, 0, 128), challenge...))
		if err != nil || len(sum) != sha256.Size {
			return refuse(CodeInvalidRequest, "challenge_malformed", "The code_challenge of S256 must be a SHA-256 in base64url, 43 characters.")
		}
		a.Challenge = [32]byte(sum)
	case (method == methodPlain || method == "") && s.cfg.AllowPlainPKCE:
		// Kept as its digest, so that the exchange is one comparison, and the
		// verifier, which a plain challenge is, stands in no store.
		a.Challenge = sha256.Sum256([]byte(challenge))
	default:
		// Absent means plain (RFC 7636, section 4.3).
		return refuse(CodeInvalidRequest, "challenge_method", "The code_challenge_method must be S256.").because(fmt.Errorf("sent %q", loggable(method))).instead(method, s.challengeMethods()...)
	}
	a.HasChallenge = true
	return nil
}

// strictBase64URL takes a value in one form only: the bits that are left over
// must be zero.
//
//nolint:gochecknoglobals // read only
var strictBase64URL = base64.RawURLEncoding.Strict()

// errVerifierWrong marks the one refusal that burns the code: a well-formed
// verifier that does not match.
var errVerifierWrong = errors.New("the verifier does not match the challenge")

// checkVerifier compares the verifier of an exchange with the challenge of the
// code (RFC 7636, section 4.6). A verifier is there if and only if a challenge
// was (RFC 9700, section 2.1.1).
func checkVerifier(code *model.AuthorizationCode, verifier string) *Error {
	switch {
	case !code.HasChallenge && verifier == "":
		return nil
	case !code.HasChallenge:
		return refuse(CodeInvalidGrant, "verifier_unexpected", "The code was requested without a code_challenge.")
	case verifier == "":
		return refuse(CodeInvalidGrant, "verifier_missing", "The parameter code_verifier is missing.")
	case !isVerifier(verifier):
		return refuse(CodeInvalidRequest, "verifier_malformed", "The code_verifier must be 43 to 128 unreserved characters.")
	}
	sum := model.DigestOf(verifier)
	if subtle.ConstantTimeCompare(sum[:], code.Challenge[:]) != 1 {
		return refuse(CodeInvalidGrant, "verifier_mismatch", "The code_verifier does not match.").because(errVerifierWrong)
	}
	return nil
}

// isVerifier reports whether s is 43 to 128 unreserved characters, the form of
// both verifier and challenge.
func isVerifier(s string) bool {
	if len(s) < 43 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isBase64URL(c) && c != '.' && c != '~' {
			return false
		}
	}
	return true
}

// challengeMethods is what the metadata advertise.
func (s *Server) challengeMethods() []string {
	if s.cfg.AllowPlainPKCE {
		return []string{methodS256, methodPlain}
	}
	return []string{methodS256}
}
