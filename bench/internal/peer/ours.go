package peer

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// Ours is this project as it is by default: digests in the store, PKCE, replay
// detection, sweeping, and an Events hook that counts. Rate limits are off, since
// a benchmark is what they are there to stop.
func Ours() Peer {
	off := model.Rate{Interval: -1}
	limits := engine.RateLimits{Address: off, Client: off, Failures: off}
	return Peer{
		Name: "ours", Title: "gin-oauth-server", Refusal: http.StatusUnauthorized,
		Notes: []string{
			"safe defaults: token digests, PKCE demanded, replay detection, sweeping, events counted; rate limits off",
			"answers of the guarded route tell the scopes in two headers more, which only express-oauth-server does too",
		},
		New: func(o Options) (*Instance, error) { return newOurs(o, limits) },
	}
}

// OursLimited is the same with rate limits that count but never refuse.
func OursLimited() Peer {
	high := model.Rate{Interval: time.Microsecond, Burst: 1 << 30}
	limits := engine.RateLimits{Address: high, Client: high}
	p := Ours()
	p.Name, p.Title, p.Variant = "ours-limits", "gin-oauth-server (rate limits on)", true
	p.Notes = []string{"the same with its three rate limits counting, set so high that none refuses; no other peer has rate limits"}
	p.New = func(o Options) (*Instance, error) { return newOurs(o, limits) }
	return p
}

func newOurs(o Options, limits engine.RateLimits) (*Instance, error) {
	scope, err := model.ParseScope(o.Scope())
	if err != nil {
		return nil, err
	}
	names := strings.Fields(string(scope))
	var scopes []engine.ScopeInfo
	for _, name := range names {
		scopes = append(scopes, engine.ScopeInfo{Name: name, Title: name})
	}
	store := memstore.New()
	client := model.Client{
		ID: ClientID, Secrets: model.HashSecrets(ClientSecret), RedirectURIs: []string{RedirectURI}, Scope: scope, SkipConsent: true,
		Grants: []string{model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantClientCredentials},
	}
	if err := store.AddClient(client); err != nil {
		return nil, err
	}
	for i := range o.Clients {
		client.ID = fmt.Sprintf("client-%d", i)
		if err := store.AddClient(client); err != nil {
			return nil, err
		}
	}
	var events atomic.Int64
	oauth, err := ginoauth.New(engine.Config{
		Model: store, Issuer: "http://localhost", Scopes: scopes,
		CodeLifetime: CodeLifetime, AccessTokenLifetime: AccessLifetime, RefreshTokenLifetime: RefreshLifetime,
		RateLimits: limits,
		Events:     func(context.Context, engine.Event) { events.Add(1) },
		Logger:     slog.New(slog.DiscardHandler),
	}, ginoauth.Options{
		AuthenticateHandler: func(*gin.Context) (*model.User, error) { return &model.User{ID: UserID, SessionID: "session-1"}, nil },
		LoginURL:            "/login",
	})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	go model.SweepEvery(ctx, store, time.Minute, nil)

	r := newRouter()
	r.POST(TokenPath, oauth.Token())
	r.GET(AuthorizePath, oauth.Authorize())
	r.GET(GuardedPath, oauth.Authenticate(names...), ok)
	return &Instance{Handler: r, Close: stop, Short: short(oauth.Engine()), SweepShort: sweepShort(store)}, nil
}

// shortLifetime is how long the tokens of Instance.Short live.
const shortLifetime = 10 * time.Minute

func short(srv *engine.Server) func(n int) error {
	return func(n int) error {
		for range n {
			if _, err := srv.Issue(context.Background(), engine.Issue{ClientID: ClientID, Scope: Scope, Lifetime: shortLifetime}); err != nil {
				return err
			}
		}
		return nil
	}
}

// sweepShort is model.SweepEvery ahead of time, for one round.
func sweepShort(store model.Sweeper) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		a := &ahead{store: store, stop: stop}
		var failed error
		model.SweepEvery(ctx, a, time.Hour, func(err error) { failed = err })
		return a.removed, failed
	}
}

// ahead sweeps what expires within twenty minutes, and stops when there is no more.
type ahead struct {
	store   model.Sweeper
	stop    context.CancelFunc
	removed int
}

func (a *ahead) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	n, err := a.store.Sweep(ctx, now.Add(2*shortLifetime), limit)
	a.removed += n
	if err != nil || n < limit {
		a.stop()
	}
	return n, err
}
