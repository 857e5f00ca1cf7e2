package engine

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Server is an authorization server without a listener: it reads requests and
// says what to answer. It is safe for concurrent use.
type Server struct {
	cfg        Config
	vocabulary model.Scope
	titles     map[string]string
	grants     map[string]Grant
	seals      []cipher.AEAD
	issParam   string // "iss=…", escaped
	metadata   []byte
	// resourceMetadata and where it is, if the server has a resource of its own.
	resourceMetadata    []byte
	resourceMetadataURL string
	buffers             sync.Pool
}

// New returns a server for this configuration, which it copies. All problems of
// the configuration are returned at once, joined in one error; each names the
// field, the reason and the fix.
func New(cfg Config) (*Server, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, titles: make(map[string]string, len(cfg.Scopes))}
	s.buffers.New = func() any { b := make([]byte, 1024); return &b }
	names := make([]string, len(cfg.Scopes))
	for i, info := range cfg.Scopes {
		names[i] = info.Name
		s.titles[info.Name] = info.Title
	}
	s.vocabulary = model.NewScope(names...)
	s.grants = s.makeGrants()
	s.issParam = "iss=" + escape(cfg.Issuer)
	var err error
	if s.seals, err = makeSeals(cfg.Keys); err != nil {
		return nil, err
	}
	if s.metadata, err = s.makeMetadata(); err != nil {
		return nil, err
	}
	if cfg.Resource != "" {
		s.resourceMetadata, s.resourceMetadataURL, err = makeResourceMetadata(cfg.Resource, cfg.ResourceName, []string{cfg.Issuer}, s.vocabulary, cfg.bearerMethods())
		if err != nil {
			return nil, err
		}
	}
	s.logStart()
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
	setDefault(&c.RefreshTokenGrace, defaultGrace)
	c.Scopes = slices.Clone(c.Scopes)
	c.Grants = maps.Clone(c.Grants)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// logStart tells once what a developer may want to know about this server.
func (s *Server) logStart() {
	if s.cfg.Keys == nil {
		s.cfg.Logger.Warn("oauth: Config.Keys is not set: consent pages are sealed with a random key of this process. With several instances, or after a restart, an approval says that the page has expired.")
	}
	if s.cfg.CheckPassword != nil {
		s.cfg.Logger.Warn("oauth: the password grant is on (Config.CheckPassword). RFC 9700, section 2.4, says that it must not be used.")
	}
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

// now is the time of this moment as it is stored: UTC, whole milliseconds.
func (s *Server) now() time.Time { return s.cfg.Clock().UTC().Truncate(time.Millisecond) }

// random fills b from the source of secrets.
func (s *Server) random(b []byte) error {
	_, err := io.ReadFull(s.cfg.Random, b)
	return err
}

// caught turns a panic of a policy function or of the store into a fault, so
// that the client gets an answer in the protocol's form. It is deferred
// directly. http.ErrAbortHandler is no accident and goes on.
func (s *Server) caught(ctx context.Context, endpoint string, err *error) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
		panic(p)
	}
	e := fault(fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "panic")
	*err = s.refused(ctx, Event{Endpoint: endpoint}, e)
}
