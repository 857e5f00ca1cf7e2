package engine

import (
	"crypto/cipher"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/gin-oauth/gin-oauth-server/internal/gcra"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// Server is an authorization server without a listener: it reads requests and
// says what to answer. It is safe for concurrent use.
type Server struct {
	*process
	cfg        Config
	vocabulary model.Scope
	titles     map[string]string
	grants     map[string]Grant
	seals      []cipher.AEAD
	issParam   string // "iss=…", escaped
	metadata   []byte
	// resource is the API that this server guards itself.
	resource *Resource
	limits   model.LimitModel
	// failures counts the attempts to know a secret that failed; see guesses.
	failures atomic.Uint64
	// accessTokens is nil without Config.AllowStaleAccessTokens.
	accessTokens *accessTokenCache
	// documents is nil without Config.ClientIDDocuments.
	documents *clientDocuments
}

// New returns a server for this configuration, which it copies. All problems of
// the configuration are returned at once, joined in one error; each names the
// field, the reason and the fix.
func New(cfg Config) (*Server, error) {
	cfg.setDefaults()
	findings := cfg.check()
	if err := fatalError(findings); err != nil {
		return nil, err
	}
	s := &Server{
		process: newProcess(cfg.Events, cfg.Logger, cfg.Clock, cfg.Random),
		cfg:     cfg, titles: make(map[string]string, len(cfg.Scopes)),
	}
	if s.limits = cfg.Limits; s.limits == nil {
		s.limits = gcra.New()
	}
	names := make([]string, len(cfg.Scopes))
	for i, info := range cfg.Scopes {
		names[i] = info.Name
		s.titles[info.Name] = info.Title
	}
	s.vocabulary = model.NewScope(names...)
	s.grants = s.makeGrants()
	s.accessTokens = newAccessTokenCache(cfg.AllowStaleAccessTokens, cfg.AccessTokenCacheSize, cfg.Clock)
	s.issParam = "iss=" + escape(cfg.Issuer)
	if p := cfg.ClientIDDocuments; p != nil {
		s.documents = newClientDocuments(*p, s.now)
	}
	var err error
	if s.seals, err = makeSeals(cfg.Keys); err != nil {
		return nil, err
	}
	if s.metadata, err = s.makeMetadata(); err != nil {
		return nil, err
	}
	if s.resource, err = newResource(s.process, s.resourceConfig()); err != nil {
		return nil, err
	}
	s.resource.ofIssuer = true
	s.logStart(findings)
	return s, nil
}

func (c *Config) setDefaults() {
	for _, e := range c.Endpoints.list() {
		setDefault(e.url, c.endpoint(e.path))
	}
	setDefault(&c.Realm, "oauth")
	setDefault(&c.CodeLifetime, defaultCodeLifetime)
	setDefault(&c.AccessTokenLifetime, defaultAccessLifetime)
	setDefault(&c.RefreshTokenLifetime, defaultRefreshLifetime)
	setDefault(&c.GrantLifetime, defaultGrantLifetime)
	setDefault(&c.ConsentLifetime, c.GrantLifetime)
	setDefault(&c.RefreshTokenGrace, defaultGrace)
	setDefault(&c.DeviceCodeLifetime, defaultDeviceLifetime)
	setDefault(&c.DevicePollInterval, defaultPollInterval)
	setDefault(&c.AccessTokenCacheSize, defaultAccessTokenCacheSize)
	c.RateLimits.setDefaults()
	c.findStorage()
	c.setRegistrationDefaults()
	c.Scopes = slices.Clone(c.Scopes)
	c.Grants = maps.Clone(c.Grants)
	if p := c.ClientIDDocuments; p != nil {
		own := *p
		c.ClientIDDocuments = &own
	}
	setProcessDefaults(&c.Logger, &c.Clock, &c.Random)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// logStart tells once what a developer may want to know about this server.
func (s *Server) logStart(findings []Finding) {
	for _, f := range findings {
		s.cfg.Logger.Warn("oauth: "+f.String(), slog.String("id", f.ID))
	}
	if p := s.cfg.ClientIDDocuments; p != nil {
		s.cfg.Logger.Info("oauth: client ID metadata documents are on (Config.ClientIDDocuments)", slog.String("scope", string(p.Scope)), slog.Bool("any_host", p.AllowHost == nil))
	}
	s.logStorage()
}

// Config returns a copy of the configuration with the defaults filled in. The
// keys are left out.
func (s *Server) Config() Config {
	c := s.cfg
	c.Keys = nil
	c.Scopes = slices.Clone(c.Scopes)
	c.Grants = maps.Clone(c.Grants)
	return c
}

// HasScope reports whether the vocabulary has this scope token.
func (s *Server) HasScope(token string) bool { return s.vocabulary.Has(token) }

// ScopeInfos returns the vocabulary's entries for the tokens of a scope, in its
// order.
func (s *Server) ScopeInfos(scope model.Scope) []ScopeInfo {
	var infos []ScopeInfo
	for t := range scope.Tokens() {
		infos = append(infos, ScopeInfo{Name: t, Title: s.titles[t]})
	}
	return infos
}
