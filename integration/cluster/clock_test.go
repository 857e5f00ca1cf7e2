package cluster

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/integration/internal/storage"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// A hand is an instance with a clock of its own. It is an engine in this process: what is at stake here is what the engine
// makes of the times that others have put in the store.
type hand struct {
	t *testing.T
	*engine.Server
	store model.Model
	now   func() time.Time
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func newHand(t *testing.T, dsn string, ahead time.Duration, cfg engine.Config) *hand {
	t.Helper()
	h := &hand{t: t, store: storage.ForTest(t, dsn), now: func() time.Time { return time.Now().Add(ahead) }}
	cfg.Model, cfg.Clock, cfg.Issuer = h.store, h.now, "https://auth.example"
	cfg.Scopes = []engine.ScopeInfo{{Name: "read", Title: "Read"}}
	cfg.Logger = slog.New(slog.DiscardHandler)
	var err error
	h.Server, err = engine.New(cfg)
	require.NoError(t, err)
	return h
}

// hands returns an instance whose clock is right, and one whose clock is a minute ahead.
func hands(t *testing.T, dsn string, cfg engine.Config) (right, ahead *hand) {
	t.Helper()
	right, ahead = newHand(t, dsn, 0, cfg), newHand(t, dsn, time.Minute, cfg)
	clients, ok := right.store.(model.ClientModel)
	require.True(t, ok)
	require.NoError(t, clients.CreateClient(t.Context(), &model.Client{
		ID: "web", Name: "Web", Secrets: model.HashSecrets("s3cret"), RedirectURIs: []string{"https://web.example/cb"}, Scope: "read",
	}))
	return right, ahead
}

func (h *hand) code() string {
	h.t.Helper()
	sum := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {"web"}, "redirect_uri": {"https://web.example/cb"}, "scope": {"read"}, "state": {"xyz"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	req, err := h.AuthorizeRequest(httptest.NewRequest(http.MethodGet, "/oauth/authorize?"+query.Encode(), nil))
	require.NoError(h.t, err)
	res, err := h.Approve(h.t.Context(), req, &model.User{ID: "alice"}, req.Scope)
	require.NoError(h.t, err)
	location, err := url.Parse(res.Location)
	require.NoError(h.t, err)
	return location.Query().Get("code")
}

// ask returns the pair, or the error of the answer.
func (h *hand) ask(form url.Values) (Pair, string) {
	r := httptest.NewRequest(http.MethodPost, "/oauth/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("web", "s3cret")
	w := httptest.NewRecorder()
	if res, err := h.Token(r); err != nil {
		h.WriteError(w, r, err)
	} else {
		h.WriteToken(w, r, res)
	}
	var body struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Error   string `json:"error"`
	}
	assert.NoError(h.t, json.Unmarshal(w.Body.Bytes(), &body), w.Body)
	return Pair{body.Access, body.Refresh}, body.Error
}

func (h *hand) redeem(code string) (Pair, string) {
	return h.ask(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://web.example/cb"}, "code_verifier": {verifier}})
}

func (h *hand) refresh(p Pair) (Pair, string) {
	return h.ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.Refresh}})
}

// good reports whether the access token is taken.
func (h *hand) good(p Pair) bool {
	r := httptest.NewRequest(http.MethodGet, "/api", nil)
	r.Header.Set("Authorization", "Bearer "+p.Access)
	_, err := h.Authenticate(r, "read")
	return err == nil
}

// session is a pair that an instance gave for a code of its own.
func (h *hand) session() Pair {
	h.t.Helper()
	p, refused := h.redeem(h.code())
	require.Empty(h.t, refused)
	return p
}

// With clocks a minute apart all that must not happen does not, and what does is what the README says of clocks.
func TestClocks(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, dsn string) {
		right, ahead := hands(t, dsn, engine.Config{})

		// Whoever issued a token, all take it, until somebody revokes it anywhere.
		for _, by := range [][2]*hand{{right, ahead}, {ahead, right}} {
			p := by[0].session()
			assert.True(t, by[0].good(p))
			assert.True(t, by[1].good(p))
			next, refused := by[1].refresh(p)
			assert.Empty(t, refused)
			assert.True(t, by[0].good(next))
			again, refused := by[0].refresh(next)
			assert.Empty(t, refused)
			assert.True(t, by[1].good(again))
			form := url.Values{"token": {again.Refresh}}
			r := httptest.NewRequest(http.MethodPost, "/oauth/revoke", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("web", "s3cret")
			require.NoError(t, by[1].Revoke(r))
			assert.False(t, by[0].good(again))
			assert.False(t, by[1].good(again))
		}

		// A code of the instance that is ahead is taken by the other, and a replay is seen by both.
		for _, replayedAt := range []*hand{right, ahead} {
			code := ahead.code()
			p, refused := right.redeem(code)
			require.Empty(t, refused)
			_, refused = replayedAt.redeem(code)
			assert.Equal(t, "invalid_grant", refused)
			assert.False(t, right.good(p))
			assert.False(t, ahead.good(p))
		}

		// A code lives a minute: for the clock that is ahead it is over.
		_, refused := ahead.redeem(right.code())
		assert.Equal(t, "invalid_grant", refused)

		// A lost answer of the instance that is ahead is given again by the other.
		p := ahead.session()
		lost, refused := ahead.refresh(p)
		require.Empty(t, refused)
		again, refused := right.refresh(p)
		assert.Empty(t, refused)
		assert.Equal(t, lost, again)

		// The other way round it is a replay: by the clock that is ahead the grace window of 30 seconds is over.
		p = right.session()
		lost, refused = right.refresh(p)
		require.Empty(t, refused)
		_, refused = ahead.refresh(p)
		assert.Equal(t, "invalid_grant", refused)
		assert.False(t, right.good(lost))
		assert.False(t, ahead.good(lost))
	})
}

// Lifetimes beyond the difference are all that it takes.
func TestClocksWithRoom(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, dsn string) {
		right, ahead := hands(t, dsn, engine.Config{CodeLifetime: 5 * time.Minute, RefreshTokenGrace: 2 * time.Minute})
		p, refused := ahead.redeem(right.code())
		assert.Empty(t, refused)
		assert.True(t, right.good(p))
		lost, refused := right.refresh(p)
		require.Empty(t, refused)
		again, refused := ahead.refresh(p)
		assert.Empty(t, refused)
		assert.Equal(t, lost, again)
	})
}

// Sweeping by a clock that is ahead takes nothing that the others need: what was revoked or spent stays so, and what is
// alive lives.
func TestClocksAndSweeping(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, dsn string) {
		right, ahead := hands(t, dsn, engine.Config{})
		sweeper, ok := ahead.store.(model.Sweeper)
		if !ok {
			return // records expire by themselves, by one clock
		}
		alive, code := right.session(), right.code()
		replayed, refused := right.redeem(code)
		require.Empty(t, refused)
		unused := right.code()
		_, err := sweeper.Sweep(t.Context(), ahead.now(), 1000)
		require.NoError(t, err)
		assert.True(t, right.good(alive))
		_, refused = right.refresh(alive)
		assert.Empty(t, refused)
		_, refused = right.redeem(unused)
		assert.Empty(t, refused)
		_, refused = right.redeem(code)
		assert.Equal(t, "invalid_grant", refused)
		_, err = sweeper.Sweep(t.Context(), ahead.now(), 1000)
		require.NoError(t, err)
		assert.False(t, right.good(replayed))
		assert.False(t, ahead.good(replayed))
	})
}
