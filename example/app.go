package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// app is the whole application behind one handler.
type app struct {
	handler http.Handler
	storage *storage
	site    *site
	log     *slog.Logger
	// findings are what engine.Check says about the configuration.
	findings []engine.Finding
}

// site is what the pages share.
type site struct {
	cfg         *config
	origin      string
	seed        *seed
	users       *users
	storage     *storage
	sessions    *ginoauth.Sessions
	oauth       *ginoauth.Server
	pages       *pages
	notes       *notes
	walkthrough *walkthrough
	log         *slog.Logger
}

// newApp opens the storage and builds the application on it. Whoever called it
// closes the storage.
func newApp(ctx context.Context, cfg *config, sd *seed, log *slog.Logger) (*app, error) {
	return newAppHashing(ctx, cfg, sd, log, hashIterations)
}

// newAppHashing is newApp with passwords hashed as many times: tests have no use
// for slow ones.
func newAppHashing(ctx context.Context, cfg *config, sd *seed, log *slog.Logger, iterations int) (*app, error) {
	key := cfg.key
	if key == nil {
		key = randomKey(keySize) // sessions and consent pages end with the program
	}
	k, err := deriveKeys(key)
	if err != nil {
		return nil, err
	}
	st, err := openStorage(ctx, cfg.store, k, log)
	if err != nil {
		return nil, err
	}
	a, err := buildApp(ctx, cfg, sd, st, k, log, iterations)
	if err != nil {
		return nil, errors.Join(err, st.close())
	}
	return a, nil
}

func buildApp(ctx context.Context, cfg *config, sd *seed, st *storage, k keys, log *slog.Logger, iterations int) (*app, error) {
	s := &site{cfg: cfg, origin: originOf(cfg.issuer), seed: sd, storage: st, log: log}
	if err := s.putSeed(ctx, k); err != nil {
		return nil, err
	}
	var err error
	if s.users, err = newUsers(sd.Users, iterations); err != nil {
		return nil, err
	}
	if s.pages, err = newPages(); err != nil {
		return nil, err
	}
	s.sessions, err = ginoauth.NewSessions(st.sessions, ginoauth.SessionOptions{
		Issuer: cfg.issuer, Name: "demo_session", LoadUser: s.loadUser,
	})
	if err != nil {
		return nil, err
	}
	engineConfig := s.engineConfig(k)
	s.oauth, err = ginoauth.New(engineConfig, ginoauth.Options{
		AuthenticateHandler: s.sessions.User,
		LoginURL:            "/login",
		HomeURL:             "/",
		CSS:                 string(s.pages.css),
	})
	if err != nil {
		return nil, err
	}
	r, err := s.routes(k)
	if err != nil {
		return nil, err
	}
	return &app{handler: r, storage: st, site: s, log: log, findings: engine.Check(engineConfig)}, nil
}

// putSeed puts the clients of the seed, and the demo's own, in the store.
func (s *site) putSeed(ctx context.Context, k keys) error {
	clients := append([]model.Client{demoClient(k.demoSecret, s.origin+callbackPath)}, s.seed.Clients...)
	if err := putClients(ctx, s.storage.model, clients); err != nil {
		return fmt.Errorf("putting the clients in the store: %w", err)
	}
	if err := removeBuiltIn(ctx, s.storage.model, s.seed); err != nil {
		return fmt.Errorf("removing the built-in clients from the store: %w", err)
	}
	return nil
}

// applicationsPath is where users see and end what applications may do.
const applicationsPath = "/oauth/applications"

func (s *site) engineConfig(k keys) engine.Config {
	grace := s.cfg.refreshTokenGrace
	if grace == 0 {
		grace = -1 // the flag's "off"; zero is the engine's "default"
	}
	cfg := engine.Config{
		Model:  s.storage.model,
		Issuer: s.cfg.issuer,
		// The routes stay where they are, whatever the issuer's path.
		Endpoints: engine.Endpoints{
			Authorization:       s.origin + "/oauth/authorize",
			Token:               s.origin + "/oauth/token",
			Revocation:          s.origin + "/oauth/revoke",
			Introspection:       s.origin + "/oauth/introspect",
			DeviceAuthorization: s.origin + "/oauth/device_authorization",
			Device:              s.origin + "/device",
			Applications:        s.origin + applicationsPath,
			Registration:        s.origin + "/oauth/register",
		},
		Resource:             s.origin + "/api",
		ResourceName:         "Notes",
		Resources:            []string{secondAPI},
		Scopes:               scopeInfos(),
		CodeLifetime:         s.cfg.codeLifetime,
		AccessTokenLifetime:  s.cfg.accessTokenLifetime,
		RefreshTokenLifetime: s.cfg.refreshTokenLifetime,
		RefreshTokenGrace:    grace,
		Keys:                 [][]byte{k.pages},
		CheckUser: func(_ context.Context, userID string) error {
			_, err := s.users.get(userID)
			return err
		},
		AllowErrorDetails: s.cfg.errorDetails,
		Logger:            s.log,
	}
	if s.cfg.allowPasswordGrant {
		cfg.CheckPassword = func(ctx context.Context, _ *model.Client, username, password string) (*model.User, error) {
			return s.users.check(ctx, username, password)
		}
	}
	if s.cfg.registration {
		cfg.Registration = registrationPolicy()
		cfg.ClientIDDocuments = &engine.ClientIDDocumentPolicy{Scope: cfg.Registration.Scope}
	}
	return cfg
}

// registrationPolicy takes everybody's client, which may only read, and only for
// a user who allows it on the page. One that is not used goes within the hour.
func registrationPolicy() *engine.RegistrationPolicy {
	return &engine.RegistrationPolicy{
		AllowOpen:      true,
		Scope:          model.NewScope(scopeProfile, scopeRead),
		UnusedLifetime: time.Hour,
	}
}

// loadUser gives a session's user a name. No session is ended before its time.
func (s *site) loadUser(_ context.Context, u *model.User) (time.Time, error) {
	known, err := s.users.get(u.ID)
	if err != nil {
		return time.Time{}, err
	}
	u.Name = known.Name
	return time.Time{}, nil
}

func (s *site) routes(k keys) (*gin.Engine, error) {
	r := gin.New()
	r.HandleMethodNotAllowed = true
	// With nil, nobody's X-Forwarded-For is believed. X-Real-IP is not looked at:
	// what a proxy does not set, clients can.
	r.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := r.SetTrustedProxies(s.cfg.trustedProxies); err != nil {
		return nil, err
	}
	r.Use(logRequests(s.log), recoverPanics(s.log), fromClient, limitTime(requestTimeout), s.sessions.Middleware())
	r.NoRoute(s.notFound)

	get := func(path string, h gin.HandlerFunc) { r.Match([]string{http.MethodGet, http.MethodHead}, path, h) }
	get("/icon.svg", s.pages.icon)
	get("/healthz", s.health)

	// The authorization server, with its metadata where RFC 8414 wants them: for an
	// issuer with a path that is not the plain place, where people look first.
	s.oauth.Mount(r)
	if s.oauth.Engine().MetadataPath() != engine.WellKnownPath {
		r.Any(engine.WellKnownPath, s.oauth.Metadata())
	}

	s.notes = newNotes(s.storage.drawer, s.seed.Notes, time.Now, s.log)
	mountAPI(r, s.oauth, s.notes)

	// The pages. Their forms are for their own origin only.
	sameOrigin, err := s.sameOrigin()
	if err != nil {
		return nil, err
	}
	get("/", s.home)
	get("/login", s.loginPage)
	r.POST("/login", sameOrigin, s.login)
	get("/logout", s.logoutPage)
	r.POST("/logout", sameOrigin, s.logout)

	w, err := newWalkthrough(s, k, r)
	if err != nil {
		return nil, err
	}
	s.walkthrough = w
	get("/client", w.show)
	get(callbackPath, w.callback)
	post := r.Group("/client", sameOrigin)
	post.POST("/start", w.start)
	post.POST("/call", w.call)
	post.POST("/refresh", w.refresh)
	post.POST("/replay", w.replay)
	post.POST("/sign-out", w.signOut)
	return r, nil
}

// health tells a proxy whether to send requests here.
func (s *site) health(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), pingTimeout)
	defer cancel()
	if err := s.storage.ping(ctx); err != nil {
		s.log.Warn("health: the store does not answer", "err", err)
		c.String(http.StatusServiceUnavailable, "the store does not answer\n")
		return
	}
	c.String(http.StatusOK, "ok\n")
}

// sameOrigin refuses forms that another site sent.
func (s *site) sameOrigin() (gin.HandlerFunc, error) {
	check := http.NewCrossOriginProtection()
	// Behind a proxy that rewrites Host, browsers still say the public origin.
	if err := check.AddTrustedOrigin(s.origin); err != nil {
		return nil, err
	}
	return func(c *gin.Context) {
		if err := check.Check(c.Request); err != nil {
			s.log.Info("form from another site refused", "path", c.Request.URL.Path, "err", err)
			c.Abort()
			s.message(c, http.StatusForbidden, "This form came from another site", "Nothing was done. Open the page here and send the form from there.")
		}
	}, nil
}

// user returns who is signed in, or nil. A session that cannot be read is logged
// and counts as none: these pages show it only.
func (s *site) user(c *gin.Context) *model.User {
	u, err := s.sessions.User(c)
	if err != nil {
		if !errors.Is(err, ginoauth.ErrNoUser) {
			s.log.Error("session", "err", err)
		}
		return nil
	}
	return u
}

func randomKey(n int) []byte {
	key := make([]byte, n)
	_, _ = rand.Read(key) // never fails
	return key
}

// canonical is the URL of this page at the server's own name, if the browser came
// by another name of this machine, where it has no cookies of ours. Behind a proxy
// Host says nothing about what the browser sees.
func (s *site) canonical(r *http.Request) string {
	u, err := url.Parse(s.origin)
	if err != nil || u.Host == r.Host || !isLoopback(u.Host) || !isLoopback(r.Host) {
		return ""
	}
	return s.origin + r.URL.Path
}

func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
