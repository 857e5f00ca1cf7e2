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
	// Spec is the state that the history has come to. With it most keys are
	// those of records that are there and unspent. It may be nil.
	Spec *Spec
	// Salt makes the ids of this history different from those of others on the
	// same database.
	Salt [16]byte
	// Sweeps says whether to draw [Sweep], for a store that is a [model.Sweeper].
	Sweeps bool

	now    time.Time
	drawn  int
	grants []model.GrantID
	keys   [kinds][]model.Key
	// limits are the limits of the families that refresh tokens are of: each
	// rotation copies it, and none comes after it.
	limits map[model.Digest]time.Time
}

// The kinds of keys.
const (
	codeKey = iota
	accessKey
	refreshKey
	kinds
)

// steps are by how much time goes on: mostly little, so that much happens while
// records must be kept, and sometimes past their retention.
var steps = [...]time.Duration{
	0, ms, ms, ms, ms, ms, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second,
	time.Second, 30 * time.Second, 30 * time.Second, 30 * time.Second, 10 * time.Minute, time.Hour,
}

// Next draws an operation.
func (g *Generator) Next() Op {
	if g.now.IsZero() {
		g.now, g.limits = now, map[model.Digest]time.Time{}
	}
	g.now = g.now.Add(steps[g.Pick(len(steps))])
	verbs := []Verb{
		SaveAuthorizationCode, SaveToken, GetAuthorizationCode, GetAccessToken, GetRefreshToken,
		RedeemAuthorizationCode, RotateRefreshToken, RevokeAccessToken, GetAccessToken, GetRefreshToken,
		SaveAuthorizationCode, RedeemAuthorizationCode, RotateRefreshToken,
		RedeemAuthorizationCode, RotateRefreshToken, RotateRefreshToken, RotateRefreshToken, RevokeGrant,
	}
	if g.Sweeps {
		verbs = append(verbs, Sweep)
	}
	op := Op{Verb: verbs[g.Pick(len(verbs))]}
	switch op.Verb {
	case SaveAuthorizationCode:
		op.Code = g.code()
	case SaveToken:
		op.Token = g.token(g.newGrant(), g.Pick(3) < 2, time.Time{})
	case GetAuthorizationCode:
		op.Key = g.key(codeKey)
	case GetAccessToken, RevokeAccessToken:
		op.Key = g.key(accessKey)
	case GetRefreshToken:
		op.Key = g.key(refreshKey)
	case RedeemAuthorizationCode:
		op.Key = g.key(codeKey)
		if g.Pick(6) < 5 {
			op.Token = g.token(op.Key.Grant, g.Pick(4) < 3, time.Time{})
		}
	case RotateRefreshToken:
		op.Key = g.key(refreshKey)
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
	}
	return op
}

// digest returns a new one, the same in each history with these draws.
func (g *Generator) digest(what string) model.Digest {
	g.drawn++
	return sha256.Sum256(fmt.Appendf(nil, "%x %s %d", g.Salt, what, g.drawn))
}

// newGrant draws a new grant, or now and then one that was drawn before.
func (g *Generator) newGrant() model.GrantID {
	if len(g.grants) > 0 && g.Pick(4) == 3 {
		return g.grant()
	}
	d := g.digest("grant")
	g.grants = append(g.grants, model.GrantID(d[:16]))
	return g.grants[len(g.grants)-1]
}

// grant draws one of the latest grants.
func (g *Generator) grant() model.GrantID {
	n := len(g.grants)
	if n == 0 {
		return g.newGrant()
	}
	return g.grants[n-1-g.Pick(min(n, 5))]
}

// key draws a key of this kind; now and then one that the verb must not find.
func (g *Generator) key(kind int) model.Key {
	if g.Pick(16) == 15 {
		kind = g.Pick(kinds)
	}
	keys := g.live(kind)
	if len(keys) == 0 || g.Pick(4) == 3 {
		keys = g.keys[kind]
	}
	n := len(keys)
	if n == 0 || g.Pick(32) == 31 {
		return model.Key{Grant: g.grant(), Digest: g.digest("unknown")}
	}
	key := keys[n-1-min(g.Pick(n), g.Pick(n))]
	switch g.Pick(32) {
	case 31:
		key.Grant = g.grant()
	case 30:
		key.Digest = model.Digest{}
	}
	return key
}

// live returns the keys of this kind that are there and unspent.
func (g *Generator) live(kind int) (keys []model.Key) {
	if g.Spec == nil {
		return nil
	}
	for _, id := range g.grants {
		gr := g.Spec.grants[id]
		if gr == nil || gr.revoked {
			continue
		}
		if kind == codeKey && gr.code != nil && !gr.code.Spent {
			keys = append(keys, gr.code.Key)
		}
		for _, t := range gr.tokens {
			switch {
			case kind == accessKey && !t.accessRevoked:
				keys = append(keys, t.token.AccessKey())
			case kind == refreshKey && !t.token.Refresh.IsZero() && t.token.SpentAt.IsZero():
				keys = append(keys, t.token.RefreshKey())
			}
		}
	}
	return keys
}

func (g *Generator) code() *model.AuthorizationCode {
	c := &model.AuthorizationCode{
		Key:             model.Key{Grant: g.newGrant(), Digest: g.digest("code")},
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
	g.keys[codeKey] = append(g.keys[codeKey], c.Key)
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
	g.keys[accessKey] = append(g.keys[accessKey], t.AccessKey())
	if withRefresh {
		t.Refresh = g.digest("refresh")
		t.RefreshExpiresAt = earlier(limit, g.now.Add([...]time.Duration{time.Hour, 20 * time.Minute, 3 * time.Hour}[g.Pick(3)]))
		t.GrantExpiresAt = limit
		g.keys[refreshKey] = append(g.keys[refreshKey], t.RefreshKey())
		g.limits[t.Refresh] = limit
	}
	if g.Pick(8) == 7 { // to be ignored
		t.SpentAt, t.Seed = g.now, g.digest("seed")
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
	historyLength = 150
)

// history compares seeded random histories of the store with [Spec].
func history(c *checker) {
	for seed := range uint64(histories) {
		s := c.newStore()
		_, sweeps := s.(model.Sweeper)
		var spec Spec
		g := Generator{Pick: Seeded(seed), Spec: &spec, Salt: newGrant(), Sweeps: sweeps}
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
