package peer

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
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
		Name: "ours", Title: "gin-oauth-server", Refusal: http.StatusUnauthorized, Requests: 2,
		Notes: []string{"safe defaults: token digests, PKCE demanded, replay detection, sweeping, events counted; rate limits off"},
		New:   func(o Options) (*Instance, error) { return newOurs(o, limits) },
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
	scopes := []engine.ScopeInfo{{Name: Scope, Title: "Read"}}
	names := []string{Scope}
	for i := range o.Scopes {
		name := "scope-" + strconv.Itoa(i)
		scopes = append(scopes, engine.ScopeInfo{Name: name, Title: name})
		names = append(names, name)
	}
	store := memstore.New()
	scope, err := model.ParseScope(strings.Join(names, " "))
	if err != nil {
		return nil, err
	}
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
	return &Instance{Handler: r, Close: stop}, nil
}
