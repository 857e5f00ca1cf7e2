package scaling

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// perUser is how many grants a user has.
const perUser = 5

// hash draws a value that can be drawn again.
func hash(kind byte, n int) [32]byte {
	var b [9]byte
	b[0] = kind
	binary.BigEndian.PutUint64(b[1:], uint64(n))
	return sha256.Sum256(b[:])
}

func grantID(n int) model.GrantID {
	h := hash('g', n)
	return model.GrantID(h[:16])
}

func userID(n int) string { return fmt.Sprintf("user-%09d", n/perUser) }

func accessKey(n int) model.Key { return model.Key{Grant: grantID(n), Digest: hash('a', n)} }

// token is the n-th token: an access token alone, as client_credentials and the password grant without refresh give it.
func token(n int, now time.Time) *model.Token {
	now = now.UTC().Truncate(time.Millisecond)
	return &model.Token{
		GrantID: grantID(n), ClientID: "notes-web", UserID: userID(n), Access: hash('a', n),
		Scope: "notes:read profile", GrantScope: "notes:read profile",
		IssuedAt: now, AccessExpiresAt: now.Add(time.Hour), GrantExpiresAt: now.Add(time.Hour),
	}
}

// pair is a token with its refresh token.
func pair(n, generation int, now time.Time) *model.Token {
	t := token(n, now)
	if generation > 0 {
		t.Access = hash('A', n<<20+generation)
	}
	t.Refresh = hash('R', n<<20+generation)
	t.RefreshExpiresAt, t.GrantExpiresAt = now.Add(14*24*time.Hour).UTC().Truncate(time.Millisecond), now.Add(90*24*time.Hour).UTC().Truncate(time.Millisecond)
	return t
}

func code(n int, now time.Time) *model.AuthorizationCode {
	now = now.UTC().Truncate(time.Millisecond)
	return &model.AuthorizationCode{
		Key: model.Key{Grant: grantID(n), Digest: hash('c', n)}, ClientID: "notes-web", UserID: userID(n), Scope: "notes:read profile",
		RedirectURI: "https://notes.example.com/callback", RedirectURISent: true, Challenge: hash('p', n), HasChallenge: true,
		IssuedAt: now, ExpiresAt: now.Add(time.Minute), RetainUntil: now.Add(10 * time.Minute),
	}
}

// inParallel does something for each number from one to another.
func inParallel(tb testing.TB, from, to int, do func(ctx context.Context, n int) error) {
	tb.Helper()
	var next atomic.Int64
	next.Store(int64(from))
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range 2 * connections {
		wg.Go(func() {
			for failed.Load() == nil {
				n := int(next.Add(1)) - 1
				if n >= to {
					return
				}
				if err := do(context.Background(), n); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		require.NoError(tb, *err)
	}
}
