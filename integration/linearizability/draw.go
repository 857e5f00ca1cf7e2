package linearizability

import (
	"crypto/rand"
	"encoding/json"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

// callsPerGrant is after how many calls a grant is left for a new one. It bounds what has to be put in order.
const callsPerGrant = 48

// A drawer draws what callers do next: mostly what others do at the same moment, to the same code or token. What is drawn
// depends on the seed and on what came of the calls before; ids and digests are new every time, so that one database
// serves many histories.
type drawer struct {
	mu     sync.Mutex
	rand   *mathrand.Rand
	now    time.Time
	grants []*drawnGrant
}

// drawnGrant is a grant that is being worked on, with everything that was ever asked to be in it.
type drawnGrant struct {
	id    model.GrantID
	limit time.Time
	calls int
	kind  int // how it is opened first
	code  model.Key
	tried keys // of tokens that somebody asked to save
	saved keys // of those of which a caller was told that they are
}

type keys struct{ access, refresh []model.Key }

// How a grant is opened.
const (
	byCode = iota
	byPair
	byLone // by a token without refresh token
)

func newDrawer(seed uint64, grants int) *drawer {
	d := &drawer{
		rand: mathrand.New(mathrand.NewPCG(seed, 5)),
		now:  time.Date(2031, time.March, 14, 15, 9, 26, 0, time.UTC),
	}
	for range grants {
		d.grants = append(d.grants, d.newGrant())
	}
	return d
}

func (d *drawer) newGrant() *drawnGrant {
	id := random()
	return &drawnGrant{
		id:    model.GrantID(id[:16]),
		limit: d.now.Add(90 * 24 * time.Hour),
		kind:  [...]int{byCode, byCode, byCode, byCode, byCode, byPair, byPair, byLone}[d.rand.IntN(8)],
	}
}

func random() (b [32]byte) {
	_, _ = rand.Read(b[:]) // never fails
	return b
}

// next draws a call, and whether its caller gives it up: one of so many does.
func (d *drawer) next(giveUp int) (op modeltest.Op, givenUp bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(time.Millisecond)
	i := d.rand.IntN(len(d.grants))
	if d.grants[i].calls == callsPerGrant {
		d.grants[i] = d.newGrant()
	}
	g := d.grants[i]
	g.calls++
	return d.draw(g), giveUp > 0 && d.rand.IntN(giveUp) == 0
}

// shares are of how many calls in a hundred each verb is one.
var shares = [...]struct {
	verb  modeltest.Verb
	share int
}{
	{modeltest.RotateRefreshToken, 30},
	{modeltest.RedeemAuthorizationCode, 18},
	{modeltest.GetRefreshToken, 15},
	{modeltest.GetAccessToken, 16},
	{modeltest.GetAuthorizationCode, 8},
	{modeltest.RevokeAccessToken, 7},
	{modeltest.SaveAuthorizationCode, 2},
	{modeltest.SaveToken, 2},
	{modeltest.RevokeGrant, 2},
}

func (d *drawer) draw(g *drawnGrant) modeltest.Op {
	op := modeltest.Op{Verb: d.verb(g)}
	switch op.Verb {
	case modeltest.SaveAuthorizationCode:
		op.Code = d.code(g)
	case modeltest.SaveToken:
		op.Token = d.token(g, g.kind != byLone)
	case modeltest.GetAuthorizationCode:
		op.Key = d.mostly(g.code, g)
	case modeltest.RedeemAuthorizationCode:
		op.Key = d.mostly(g.code, g)
		if d.rand.IntN(16) < 15 {
			op.Token = d.token(g, d.rand.IntN(8) < 7)
		}
	case modeltest.RotateRefreshToken:
		op.Key = d.recent(g.saved.refresh, g.tried.refresh, g)
		if n := len(g.saved.refresh); n > 0 && d.rand.IntN(3) < 2 {
			op.Key = d.mostly(g.saved.refresh[n-1], g)
		}
		op.Seed, op.Token = random(), d.token(g, true)
	case modeltest.GetRefreshToken:
		op.Key = d.recent(g.saved.refresh, g.tried.refresh, g)
	case modeltest.GetAccessToken, modeltest.RevokeAccessToken:
		op.Key = d.recent(g.saved.access, g.tried.access, g)
	case modeltest.RevokeGrant:
		op.Key = model.Key{Grant: g.id}
	}
	return op
}

// verb draws one. The first two calls open the grant, one of them in vain.
func (d *drawer) verb(g *drawnGrant) modeltest.Verb {
	if g.calls <= 2 {
		if (g.kind == byCode) == (d.rand.IntN(8) < 7) {
			return modeltest.SaveAuthorizationCode
		}
		return modeltest.SaveToken
	}
	n := d.rand.IntN(100)
	verb := modeltest.GetAccessToken
	for _, s := range shares {
		if n -= s.share; n < 0 {
			verb = s.verb
			break
		}
	}
	switch {
	case g.kind == byPair && verb == modeltest.RedeemAuthorizationCode && d.rand.IntN(8) > 0:
		return modeltest.RotateRefreshToken // there is no code
	case g.kind == byLone && verb == modeltest.RotateRefreshToken && d.rand.IntN(8) > 0:
		return modeltest.GetAccessToken // there is no refresh token
	}
	return verb
}

// mostly is the key, or one that a store must not find. The zero key is of a grant in which there is nothing yet.
func (d *drawer) mostly(key model.Key, g *drawnGrant) model.Key {
	switch n := d.rand.IntN(32); {
	case n == 31 && len(g.tried.access) > 0: // of another kind
		return g.tried.access[0]
	case n >= 29 || key == model.Key{}:
		return model.Key{Grant: g.id, Digest: random()}
	case n == 28:
		return model.Key{Grant: g.id}
	}
	return key
}

// recent draws one of the keys, rather a later one, and mostly of a token that was saved.
func (d *drawer) recent(saved, tried []model.Key, g *drawnGrant) model.Key {
	keys := saved
	if len(saved) == 0 || d.rand.IntN(4) == 0 {
		keys = tried
	}
	if len(keys) == 0 {
		return d.mostly(model.Key{}, g)
	}
	return d.mostly(keys[len(keys)-1-min(d.rand.IntN(len(keys)), d.rand.IntN(len(keys)))], g)
}

func (d *drawer) code(g *drawnGrant) *model.AuthorizationCode {
	c := &model.AuthorizationCode{
		Key: model.Key{Grant: g.id, Digest: random()}, ClientID: "web", UserID: "alice", Scope: "read write",
		RedirectURI: "https://web.test/cb", RedirectURISent: true, Challenge: random(), HasChallenge: true,
		IssuedAt: d.now, ExpiresAt: d.now.Add(time.Minute), RetainUntil: d.now.Add(10 * time.Minute),
	}
	if g.code == (model.Key{}) {
		g.code = c.Key
	}
	return c
}

func (d *drawer) token(g *drawnGrant, withRefresh bool) *model.Token {
	t := &model.Token{
		GrantID: g.id, ClientID: "web", UserID: "alice", Access: random(), Scope: "read", GrantScope: "read write",
		IssuedAt: d.now, AccessExpiresAt: d.now.Add(time.Hour), GrantExpiresAt: d.now.Add(time.Hour),
		Extra: json.RawMessage(`{"tenant":"t1"}`),
	}
	g.tried.access = append(g.tried.access, t.AccessKey())
	if withRefresh {
		t.Refresh, t.RefreshExpiresAt, t.GrantExpiresAt = random(), d.now.Add(14*24*time.Hour), g.limit
		g.tried.refresh = append(g.tried.refresh, t.RefreshKey())
	}
	return t
}

// answered tells which tokens are worth asking for.
func (d *drawer) answered(op modeltest.Op, got modeltest.Result) {
	if got.Err != nil || op.Token == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range d.grants {
		if g.id != op.Token.GrantID {
			continue
		}
		g.saved.access = append(g.saved.access, op.Token.AccessKey())
		if !op.Token.Refresh.IsZero() {
			g.saved.refresh = append(g.saved.refresh, op.Token.RefreshKey())
		}
	}
}
