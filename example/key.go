package main

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

const (
	// keyVariable is the environment variable for the key: a flag is seen by
	// everybody who may list the processes of the machine.
	keyVariable = "OAUTH_KEY"
	keySize     = 32
	// makeKey is a command that prints a key.
	makeKey = "openssl rand -hex 32"
)

// parseKey reads a key as people write one: 64 hexadecimal digits, or base64 of
// 32 bytes, with or without padding and in either alphabet. The error does not
// repeat what was given.
func parseKey(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	key, err := hex.DecodeString(s)
	if err != nil {
		key, err = base64.RawURLEncoding.Strict().DecodeString(strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(s))
	}
	if err != nil || len(key) != keySize {
		return nil, errors.New("the key must be 64 hexadecimal digits or base64url of 32 bytes; make one with: " + makeKey)
	}
	return key, nil
}

// keys are what the program needs that is secret and the same in each instance.
// All come from one key (RFC 5869), so that an operator has one to share and none
// of them tells anything about another.
type keys struct {
	pages          []byte // seals consent pages
	sessionSign    []byte
	sessionEncrypt []byte
	flows          []byte // seals what the demo client knows
	demoSecret     string // of the demo client
}

func deriveKeys(key []byte) (k keys, err error) {
	derive := func(label string, n int) []byte {
		out, e := hkdf.Key(sha256.New, key, nil, "gin-oauth-server demo: "+label+" v1", n)
		err = errors.Join(err, e)
		return out
	}
	k = keys{
		pages:          derive("pages", keySize),
		sessionSign:    derive("sign sessions", 64),
		sessionEncrypt: derive("encrypt sessions", keySize),
		flows:          derive("flows of the demo client", keySize),
		demoSecret:     base64.RawURLEncoding.EncodeToString(derive("secret of the demo client", keySize)),
	}
	return k, err
}
