package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// TokenVerifier finds out what an access token is. It is all that a resource
// needs to know of the authorization server; package introspect has one that
// asks over HTTP (RFC 7662).
type TokenVerifier interface {
	// VerifyToken returns the record of a token, or model.ErrNotFound if it is
	// none or was revoked. Expiry, resource and scope are checked by the caller.
	// Any other error is a fault: nobody knows whether the token is good.
	VerifyToken(ctx context.Context, token string) (*model.Token, error)
}

// ResourceConfig configures a [Resource]. Only Verifier is needed.
type ResourceConfig struct {
	// Verifier finds out what a token is. Required.
	Verifier TokenVerifier
	// Resource is the identifier of this API (RFC 8707, RFC 9728): an absolute URL
	// without fragment. If it is set, a token must be for it. Empty: tokens that
	// name a resource are refused.
	Resource string
	// ResourceName is what the API is called, for people. Optional.
	ResourceName string
	// AuthorizationServers are the issuers that give tokens for this API, for the
	// metadata.
	AuthorizationServers []string
	// Scopes is the vocabulary, for the metadata and for the guards. Empty: any
	// scope can be asked for.
	Scopes model.Scope
	// ResourceScope is what Authenticate asks for when the route names no scope.
	ResourceScope model.Scope
	// Realm stands in challenges. Defaults to "oauth".
	Realm string

	// AllowBodyToken, AllowQueryToken and the Omit fields are those of [Config].
	AllowBodyToken, AllowQueryToken                      bool
	OmitAcceptedScopesHeader, OmitAuthorizedScopesHeader bool
	// AllowStaleAccessTokens and AccessTokenCacheSize are those of [Config]: what
	// Verifier found is kept for so long, at most a minute. Nothing is revoked in
	// this process, so that is how long a revoked token may still be taken. The
	// verifier of package introspect keeps its answers itself; the two times add
	// up.
	AllowStaleAccessTokens time.Duration
	AccessTokenCacheSize   int

	// VerifyScope decides whether a token satisfies a route. Nil: the token must
	// have each of the scopes.
	VerifyScope func(ctx context.Context, t *model.Token, required []string) (bool, error)

	// Events, Logger, Clock and Random are those of [Config].
	Events func(ctx context.Context, e Event)
	Logger *slog.Logger
	Clock  func() time.Time
	Random io.Reader
}

// Resource is the resource side alone: it guards an API that runs in another
// process than the authorization server. It is safe for concurrent use.
type Resource struct {
	*process
	cfg         ResourceConfig
	metadata    []byte
	metadataURL string
	values      headerValues
	// ofIssuer tells that this is the issuing server's own API, which tokens
	// without a resource are for.
	ofIssuer bool
}

// NewResource returns a guard for an API. All problems of the configuration are
// returned at once, joined in one error.
func NewResource(cfg ResourceConfig) (*Resource, error) {
	var errs []error
	if cfg.Verifier == nil {
		errs = append(errs, errors.New("engine: ResourceConfig.Verifier is missing: set introspect.New(…), or a store of your own"))
	}
	if isNilInside(cfg.Verifier) {
		errs = append(errs, fmt.Errorf("engine: ResourceConfig.Verifier is a %T that is nil: see that it was made", cfg.Verifier))
	}
	if cfg.Resource != "" {
		if u, err := url.Parse(cfg.Resource); err != nil || !u.IsAbs() || u.Host == "" || strings.Contains(cfg.Resource, "#") {
			errs = append(errs, fmt.Errorf("engine: ResourceConfig.Resource %q must be an absolute URL without fragment", cfg.Resource))
		}
		if len(cfg.AuthorizationServers) == 0 {
			errs = append(errs, errors.New("engine: ResourceConfig.AuthorizationServers is missing: name the issuer, so that clients find it"))
		}
	}
	if !isQuotable(cfg.Realm) {
		errs = append(errs, fmt.Errorf(`engine: ResourceConfig.Realm %q must be printable ASCII without " and \`, cfg.Realm))
	}
	for _, scope := range [...]model.Scope{cfg.Scopes, cfg.ResourceScope} {
		if p, err := model.ParseScope(string(scope)); err != nil || p != scope {
			errs = append(errs, fmt.Errorf("engine: ResourceConfig.Scopes or ResourceScope: %q is not a scope in normal form", scope))
		}
	}
	var f findings
	checkStale(&f, cfg.AllowStaleAccessTokens, cfg.AccessTokenCacheSize)
	for _, problem := range f.list {
		errs = append(errs, errors.New("engine: Resource"+problem.String()))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	setDefault(&cfg.Realm, "oauth")
	setDefault(&cfg.AccessTokenCacheSize, defaultAccessTokenCacheSize)
	setProcessDefaults(&cfg.Logger, &cfg.Clock, &cfg.Random)
	if c := newAccessTokenCache(cfg.AllowStaleAccessTokens, cfg.AccessTokenCacheSize, cfg.Clock); c != nil {
		cfg.Verifier = cachedVerifier{cfg.Verifier, c}
	}
	return newResource(newProcess(cfg.Events, cfg.Logger, cfg.Clock, cfg.Random), cfg)
}

func newResource(p *process, cfg ResourceConfig) (*Resource, error) {
	r := &Resource{process: p, cfg: cfg}
	if cfg.Resource == "" {
		return r, nil
	}
	var err error
	r.metadata, r.metadataURL, err = makeResourceMetadata(cfg.Resource, cfg.ResourceName, cfg.AuthorizationServers, cfg.Scopes, cfg.bearerMethods())
	return r, err
}

// unverified is the answer when nobody knows whether a token is good. In a
// process of its own that is a server that cannot be asked just now.
func (p *Resource) unverified(err error) *Error {
	e := asError(err, "verify_token")
	if p.ofIssuer {
		return e
	}
	return busy(e)
}

// HasScope reports whether the vocabulary has this scope token; without a
// vocabulary every scope will do.
func (p *Resource) HasScope(token string) bool { return p.cfg.Scopes == "" || p.cfg.Scopes.Has(token) }

// WriteError writes the answer for an error of Authenticate or RequireUser:
// status, challenge and, if it has a code, JSON.
func (p *Resource) WriteError(w http.ResponseWriter, _ *http.Request, err error) {
	p.writeError(w, AsError(err))
}

// resourceConfig is the part of the configuration that guards the server's own
// API.
func (s *Server) resourceConfig() ResourceConfig {
	c := &s.cfg
	return ResourceConfig{
		Verifier: s, Resource: c.Resource, ResourceName: c.ResourceName, AuthorizationServers: []string{c.Issuer},
		Scopes: s.vocabulary, ResourceScope: c.ResourceScope, Realm: c.Realm,
		AllowBodyToken: c.AllowBodyToken, AllowQueryToken: c.AllowQueryToken,
		OmitAcceptedScopesHeader: c.OmitAcceptedScopesHeader, OmitAuthorizedScopesHeader: c.OmitAuthorizedScopesHeader,
		VerifyScope: c.VerifyScope,
	}
}

// VerifyToken looks an access token up in the store; see [TokenVerifier].
func (s *Server) VerifyToken(ctx context.Context, token string) (*model.Token, error) {
	cred, ok := s.parseToken(token)
	if !ok {
		return nil, model.ErrNotFound
	}
	return s.getAccessToken(ctx, cred.key)
}

// Resource returns the guard of the API that this server protects itself.
func (s *Server) Resource() *Resource { return s.resource }

// Authenticate is [Resource.Authenticate] of the server's own API.
func (s *Server) Authenticate(r *http.Request, scopes ...string) (*model.Token, error) {
	return s.resource.Authenticate(r, scopes...)
}

// RequireUser is [Resource.RequireUser] of the server's own API.
func (s *Server) RequireUser(ctx context.Context, t *model.Token) error {
	return s.resource.RequireUser(ctx, t)
}

// SetHeaders is [Resource.SetHeaders] of the server's own API.
func (s *Server) SetHeaders(h http.Header, t *model.Token, scopes ...string) {
	s.resource.SetHeaders(h, t, scopes...)
}
