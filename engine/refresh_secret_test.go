package engine_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// dump is what somebody has who stole the database: every record of a grant.
type dump struct {
	grant   model.GrantID
	digests []model.Digest
	seeds   [][32]byte
}

// steal reads the records of all tokens that were issued.
func (f *fixture) steal(t *testing.T) dump {
	t.Helper()
	var d dump
	for _, saved := range f.store.saved {
		d.grant = saved.GrantID
		d.digests = append(d.digests, saved.Access, saved.Refresh)
		record, err := f.store.Store.GetRefreshToken(t.Context(), saved.RefreshKey())
		require.NoError(t, err)
		if record.Seed != [32]byte{} {
			d.seeds = append(d.seeds, record.Seed)
		}
	}
	return d
}

// derivations are all secrets that can be made with one key out of what is in
// the dump: each label, and each order of label, grant and seed that makes sense.
func (d dump) derivations(key []byte) (secrets [][]byte) {
	for _, label := range []string{"gin-oauth-server access v1\x00", "gin-oauth-server refresh v1\x00", "gin-oauth-server access v1", "gin-oauth-server refresh v1", ""} {
		for _, seed := range d.seeds {
			for _, parts := range [][][]byte{
				{[]byte(label), d.grant[:], seed[:]}, {[]byte(label), seed[:], d.grant[:]}, {[]byte(label), seed[:]},
				{d.grant[:], seed[:], []byte(label)}, {seed[:], d.grant[:], []byte(label)}, {seed[:], []byte(label)},
			} {
				mac := hmac.New(sha256.New, key)
				for _, p := range parts {
					mac.Write(p)
				}
				secrets = append(secrets, mac.Sum(nil))
			}
		}
	}
	return secrets
}

// keys are what the dump has that could serve as a key.
func (d dump) keys() [][]byte {
	keys := [][]byte{nil, d.grant[:], []byte(d.grant.String()), make([]byte, 32)}
	for _, digest := range d.digests {
		keys = append(keys, digest[:], []byte(base64URL(digest[:])))
	}
	for _, seed := range d.seeds {
		keys = append(keys, seed[:])
	}
	return keys
}

// token writes a secret as a token.
func (d dump) token(prefix string, secret []byte) string {
	return prefix + base64URL(append(d.grant[:], secret...))
}

// attack returns all tokens that these keys give.
func (d dump) attack(prefix string, keys ...[]byte) map[string]bool {
	found := map[string]bool{}
	for _, key := range keys {
		found[d.token(prefix, key)] = true
		for _, secret := range d.derivations(key) {
			found[d.token(prefix, secret)] = true
		}
	}
	return found
}

// naiveDerivation is the mistake: the token's text is the key.
func naiveDerivation(label, text string, grant model.GrantID, seed [32]byte) []byte {
	mac := hmac.New(sha256.New, []byte(text))
	mac.Write([]byte(label))
	mac.Write(grant[:])
	mac.Write(seed[:])
	return mac.Sum(nil)
}

// secretOf returns the secret bytes of a token of the built-in form.
func secretOf(t *testing.T, token string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(token[len(token)-64:])
	require.NoError(t, err)
	return raw[16:]
}

func TestStolenDatabase(t *testing.T) {
	t.Parallel()
	for name, prefix := range map[string]string{"with a prefix": "acme_", "without a prefix": ""} {
		t.Run("6749-10.3+6749-10.4+9700-4.14.2 "+name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(c *engine.Config) { c.TokenPrefix = prefix })
			_, spent := f.tokens(t)
			access, refresh := f.refresh(spent).tokens(t)
			d := f.steal(t)
			require.Len(t, d.seeds, 1)

			found := d.attack(prefix, d.keys()...)
			assert.False(t, found[access], "the access token follows from the database")
			assert.False(t, found[refresh], "the refresh token follows from the database")

			// The attack is the right one: with the secret of the spent token, which the
			// database does not have, it finds both.
			found = d.attack(prefix, secretOf(t, spent))
			assert.True(t, found[access])
			assert.True(t, found[refresh])

			// It would also find both if the token's text were the key and, with its
			// prefix, longer than a block of the hash: then the digest is the key.
			for _, label := range []string{"gin-oauth-server access v1\x00", "gin-oauth-server refresh v1\x00"} {
				naive := d.token(prefix, naiveDerivation(label, spent, d.grant, d.seeds[0]))
				assert.Equal(t, prefix != "", d.attack(prefix, d.keys()...)[naive])
			}
		})
	}
	t.Run("6749-10.4 an old token from a log and the database do not lead to the living pair", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, first := f.tokens(t)
		_, second := f.refresh(first).tokens(t)
		access, refresh := f.refresh(second).tokens(t)
		d := f.steal(t)
		require.Len(t, d.seeds, 1, "a grant has one seed, that of its latest rotation")
		found := d.attack("", append(d.keys(), secretOf(t, first))...)
		for _, token := range []string{second, access, refresh} {
			assert.False(t, found[token])
		}
	})
}
