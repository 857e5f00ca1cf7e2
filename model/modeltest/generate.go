package modeltest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Generator draws the operations of a history, such that they meet: few grants,
// keys that are there and keys that are not, times at which retention ends.
type Generator struct {
	// Pick returns a number from 0 to n-1. The smaller, the simpler is the
	// operation, which suits a property tester that shrinks.
	Pick func(n int) int
	// Salt makes the ids of this history different from those of others on the
	// same database.
	Salt [16]byte
	// Sweeps says whether to draw [Sweep], for a store that is a [model.Sweeper].
	Sweeps bool

	now    time.Time
	drawn  int
	grants []model.GrantID
	keys   []model.Key // of codes and of both halves of tokens
	// limits are the limits of the families that refresh tokens are of: each
	// rotation copies it, and none comes after it.
	limits map[model.Digest]time.Time
}

// maxGrants is how many grants a history plays with.
const maxGrants = 4

// Next draws an operation.
func (g *Generator) Next() Op {
	if g.now.IsZero() {
		g.now, g.limits = now, map[model.Digest]time.Time{}
	}
	g.now = g.now.Add([...]time.Duration{0, ms, 30 * time.Second, 10 * time.Minute, time.Hour}[g.Pick(5)])
	verbs := []Verb{
		SaveAuthorizationCode, SaveToken, GetAuthorizationCode, GetAccessToken, GetRefreshToken,
		RedeemAuthorizationCode, RotateRefreshToken, RevokeAccessToken, RedeemAuthorizationCode, RotateRefreshToken, RevokeGrant,
	}
	if g.Sweeps {
		verbs = append(verbs, Sweep)
	}
	op := Op{Verb: verbs[g.Pick(len(verbs))]}
	switch op.Verb {
	case SaveAuthorizationCode:
		op.Code = g.code()
	case SaveToken:
		op.Token = g.token(g.grant(), g.Pick(3) > 0, time.Time{})
	case RedeemAuthorizationCode:
		op.Key = g.key()
		if g.Pick(6) < 5 {
			op.Token = g.token(op.Key.Grant, g.Pick(4) > 0, time.Time{})
		}
	case RotateRefreshToken:
		op.Key = g.key()
		limit, ok := g.limits[op.Key.Digest]
		if ok && !g.now.Before(limit) {
			return Op{Verb: GetRefreshToken, Key: op.Key}
		}
		op.Seed = g.digest("seed")
		op.Token = g.token(op.Key.Grant, g.Pick(8) < 7, limit)
	case RevokeGrant:
		op.Key.Grant = g.grant()
	case Sweep:
		// Never ahead of what is issued next: time goes forward for all.
		op.Now, op.Limit = g.now, [...]int{1000, 1, 2}[g.Pick(3)]
	default:
		op.Key = g.key()
	}
	return op
}

// digest returns a new one, the same in each history with these draws.
func (g *Generator) digest(what string) model.Digest {
	g.drawn++
	return sha256.Sum256(fmt.Appendf(nil, "%x %s %d", g.Salt, what, g.drawn))
}

// grant draws one that was drawn before, or a new one.
func (g *Generator) grant() model.GrantID {
	i := g.Pick(maxGrants)
	for len(g.grants) <= i {
		d := g.digest("grant")
		g.grants = append(g.grants, model.GrantID(d[:16]))
	}
	return g.grants[i]
}

// key draws one that was issued, mostly a late one, or now and then a mixture.
func (g *Generator) key() model.Key {
	n := len(g.keys)
	if n == 0 || g.Pick(16) == 15 {
		return model.Key{Grant: g.grant(), Digest: g.digest("unknown")}
	}
	back := min(g.Pick(n), g.Pick(n))
	key := g.keys[n-1-back]
	switch g.Pick(32) {
	case 31:
		key.Grant = g.grant()
	case 30:
		key.Digest = model.Digest{}
	}
	return key
}

func (g *Generator) code() *model.AuthorizationCode {
	c := &model.AuthorizationCode{
		Key:             model.Key{Grant: g.grant(), Digest: g.digest("code")},
		ClientID:        "web",
		UserID:          [...]string{"alice", "bob", ""}[g.Pick(3)],
		Scope:           [...]model.Scope{"", "read", "read write"}[g.Pick(3)],
		RedirectURI:     "https://web.test/cb",
		RedirectURISent: g.Pick(2) == 1,
		HasChallenge:    g.Pick(2) == 1,
		IssuedAt:        g.now,
		ExpiresAt:       g.now.Add(time.Minute),
		RetainUntil:     g.now.Add(10 * time.Minute),
	}
	if c.HasChallenge {
		c.Challenge = g.digest("challenge")
	}
	g.keys = append(g.keys, c.Key)
	return c
}

// token draws a token of a family with this limit, or of a new one.
func (g *Generator) token(grant model.GrantID, withRefresh bool, limit time.Time) *model.Token {
	if limit.IsZero() {
		limit = g.now.Add([...]time.Duration{3 * time.Hour, 12 * time.Hour}[g.Pick(2)])
	}
	t := &model.Token{
		GrantID:         grant,
		ClientID:        "web",
		UserID:          [...]string{"alice", "bob", ""}[g.Pick(3)],
		Access:          g.digest("access"),
		Scope:           [...]model.Scope{"", "read", "read write"}[g.Pick(3)],
		GrantScope:      "read write",
		IssuedAt:        g.now,
		AccessExpiresAt: earlier(limit, g.now.Add([...]time.Duration{10 * time.Minute, 2 * time.Hour}[g.Pick(2)])),
	}
	t.GrantExpiresAt = t.AccessExpiresAt
	g.keys = append(g.keys, t.AccessKey())
	if withRefresh {
		t.Refresh = g.digest("refresh")
		t.RefreshExpiresAt = earlier(limit, g.now.Add([...]time.Duration{time.Hour, 20 * time.Minute, 3 * time.Hour}[g.Pick(3)]))
		t.GrantExpiresAt = limit
		g.keys, g.limits[t.Refresh] = append(g.keys, t.RefreshKey()), limit
	}
	if g.Pick(4) == 3 {
		t.Extra = json.RawMessage(fmt.Sprintf(`{"n":%d}`, g.drawn))
	}
	return t
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Seeded returns a Pick that draws the same numbers for the same seed.
func Seeded(seed uint64) func(n int) int {
	r := rand.New(rand.NewPCG(seed, 0))
	return r.IntN
}

const (
	histories     = 100
	historyLength = 120
)

// history compares seeded random histories of the store with [Spec].
func history(c *checker) {
	for seed := range uint64(histories) {
		s := c.newStore()
		_, sweeps := s.(model.Sweeper)
		g := Generator{Pick: Seeded(seed), Salt: newGrant(), Sweeps: sweeps}
		var spec Spec
		var log []string
		for range historyLength {
			op := g.Next()
			got := op.Apply(c.ctx, s)
			log = append(log, fmt.Sprintf("%v: %v", op, got))
			if err := spec.Step(op, got); err != nil {
				c.Fatalf("history %d: %v: %v\n%s", seed, op.Verb, err, tail(log, 30))
			}
		}
	}
}

func tail(lines []string, n int) (text string) {
	for _, l := range lines[max(0, len(lines)-n):] {
		text += "\t" + l + "\n"
	}
	return text
}
