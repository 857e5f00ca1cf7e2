package engine

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Config configures a [Server]. The zero value of every field is the strict
// one; what loosens is called Allow…. Only Model, Issuer and Scopes are needed.
type Config struct {
	// Model stores clients, codes and tokens. Required.
	Model model.Model
	// Consents remembers what users allowed. Defaults to the Model if that is a
	// model.ConsentModel; without one the user is asked each time.
	Consents model.ConsentModel
	// GrantList lists and ends the grants of a user or client. Defaults to the
	// Model if that is a model.GrantModel; without one there is no page of
	// applications with access, and Server.RevokeUser and its like fail.
	GrantList model.GrantModel
	// Clients changes clients while the server runs. Defaults to the Model if that
	// is a model.ClientModel.
	Clients model.ClientModel
	// Issuer is the URL that names this server (RFC 8414, section 2): https, no
	// query, no fragment. Plain http is taken for loopback hosts. Required.
	Issuer string
	// Endpoints are the public URLs. Default to the issuer with /oauth/authorize,
	// /oauth/token and so on.
	Endpoints Endpoints
	// Realm stands in challenges. Defaults to "oauth".
	Realm string

	// Scopes is the vocabulary: every scope there is, with its title for the
	// consent page. A request for any other is invalid_scope.
	Scopes []ScopeInfo
	// DefaultScope is what a request without scope gets, as far as the client may
	// have it. Empty: such a request is invalid_scope (RFC 6749, section 3.3).
	DefaultScope model.Scope
	// ResourceScope is what Authenticate asks for when the route names no scope.
	// Empty: any valid token will do.
	ResourceScope model.Scope

	// Resource is the identifier of the API that this server guards itself (RFC
	// 8707, RFC 9728): an absolute URL without fragment. Empty: it has none.
	Resource string
	// ResourceName is what Resource is called, for people. Optional.
	ResourceName string
	// Resources are the identifiers of further resources that tokens may be asked
	// for. A request for any other is invalid_target. With neither Resource nor
	// Resources the parameter is ignored.
	Resources []string

	// Devices stores device codes, and with it the device grant (RFC 8628) is on.
	// It must be part of the same storage as Model, since a code and its token are
	// saved together. Nil: the Model, if it implements model.DeviceModel.
	Devices model.DeviceModel

	// Registration lets clients register themselves (RFC 7591) and manage their
	// registration (RFC 7592), within its bounds. It needs Clients. Nil: off.
	Registration *RegistrationPolicy
	// ClientIDDocuments turns on clients whose client_id is the URL of a document
	// that describes them. Nil: there are none.
	ClientIDDocuments *ClientIDDocumentPolicy

	// CodeLifetime is how long an authorization code lives. Defaults to 60
	// seconds, at most 10 minutes (RFC 6749, section 4.1.2).
	CodeLifetime time.Duration
	// AccessTokenLifetime defaults to 1 hour. A client's own wins.
	AccessTokenLifetime time.Duration
	// RefreshTokenLifetime is the idle limit: how long a refresh token may stay
	// unused. Defaults to 14 days. A client's own wins.
	RefreshTokenLifetime time.Duration
	// GrantLifetime is the absolute limit: how long refreshing can go on before
	// the user has to be asked again. Defaults to 90 days.
	GrantLifetime time.Duration
	// ConsentLifetime is how long a remembered consent spares the user the page.
	// Defaults to GrantLifetime. A negative value turns remembering off.
	ConsentLifetime time.Duration
	// DeviceCodeLifetime is how long a user has to type the code that a device
	// shows. Defaults to 10 minutes, at most 30 (RFC 8628, section 5.1).
	DeviceCodeLifetime time.Duration
	// DevicePollInterval is how long a device waits between two polls, in whole
	// seconds. Defaults to 5 seconds.
	DevicePollInterval time.Duration
	// RefreshTokenGrace is how long a refresh whose answer was lost can be
	// repeated; it then gets the same answer again. Defaults to 30 seconds. A
	// negative value turns it off: each repeat is then a replay.
	RefreshTokenGrace time.Duration

	// Keys seal what travels through the browser, 32 random bytes each: the first
	// seals, all open, so that keys can be rotated. Nil: a random key for this
	// process, good for a single instance. They protect pages only; codes and
	// tokens do not depend on them.
	Keys [][]byte

	// RequireState refuses authorization requests without state. By default PKCE
	// does its work (RFC 9700, section 2.1).
	RequireState bool
	// AllowPlainPKCE takes the code challenge method "plain" too.
	AllowPlainPKCE bool
	// AllowBodyToken takes a bearer token from a form body too (RFC 6750, section
	// 2.2). The body is read, at most 64 kB, and put back for the handler.
	AllowBodyToken bool
	// AllowQueryToken takes a bearer token from the query too (RFC 6750, section
	// 2.3), where logs and histories see it.
	AllowQueryToken bool
	// AllowInsecureIssuer takes an http issuer on a host that is not loopback.
	AllowInsecureIssuer bool

	// AllowStaleAccessTokens keeps access tokens that were looked up in memory for
	// so long, at most a minute, for servers that verify far more than they issue:
	// 5 seconds spare most questions. What this process revokes is refused at once,
	// but a token that another one revoked, or the application in the store itself,
	// is taken for so long afterwards, also while the store is down. Expiry is
	// compared each time, and a token that is not kept is always asked for, so one
	// just issued works. Introspection and revocation ask the store. Zero: off.
	AllowStaleAccessTokens time.Duration
	// AccessTokenCacheSize bounds how many tokens AllowStaleAccessTokens keeps, of
	// about half a kilobyte each. Defaults to 10,000.
	AccessTokenCacheSize int

	// AllowErrorDetails is for development: the error page of the authorization
	// endpoint explains to the developer which rule refused a request, what was
	// expected and what came. Visitors so see what is registered for a client.
	AllowErrorDetails bool

	// OmitAcceptedScopesHeader and OmitAuthorizedScopesHeader leave out the
	// headers X-Accepted-OAuth-Scopes (what the route asks for) and X-OAuth-Scopes
	// (what the token has) on answers of guarded routes.
	OmitAcceptedScopesHeader, OmitAuthorizedScopesHeader bool

	// TokenPrefix stands before codes and tokens, so that secret scanners find
	// them: at most 32 of [A-Za-z0-9_-]. Changing it signs nobody out.
	TokenPrefix string
	// GenerateToken makes access and refresh tokens of the application's own form.
	// t is the record that will be saved, without digests; the token must belong
	// to t.GrantID, which TokenGrant reads back. Both or neither must be set. A
	// refresh whose answer was lost cannot be repeated with such tokens.
	GenerateToken func(ctx context.Context, kind TokenKind, t *model.Token) (string, error)
	// TokenGrant reads the grant out of a token that GenerateToken made. False
	// means that it is none, and the built-in form is tried.
	TokenGrant func(token string) (model.GrantID, bool)
	// TokenAttributes returns further members for the token response. Names of
	// standard members are refused. They are kept with the token.
	TokenAttributes func(ctx context.Context, t *model.Token) (map[string]any, error)

	// ValidateScope is asked before anything is issued and may narrow the scope,
	// never widen it: what it returns beyond the request is cut off. An empty
	// scope refuses with invalid_scope.
	ValidateScope func(ctx context.Context, req ScopeRequest) (model.Scope, error)
	// VerifyScope decides whether a token satisfies a route. Nil: the token must
	// have each of the scopes.
	VerifyScope func(ctx context.Context, t *model.Token, required []string) (bool, error)
	// ValidateRedirectURI decides about a redirect URI in place of the comparison
	// with those registered. The rules of model.ValidateRedirectURI hold anyway.
	ValidateRedirectURI func(ctx context.Context, c *model.Client, uri string) (bool, error)
	// VerifySecret decides about a client secret in place of the comparison with
	// Client.Secrets, say for secrets under a slow hash. It is called with a nil
	// client for an unknown one and must then take as long and return false.
	VerifySecret func(ctx context.Context, c *model.Client, secret string) (bool, error)
	// CheckUser is asked at approval and before any token is issued for a user: at
	// the exchange of a code or device code, at refresh, in Server.Issue, before
	// anything is spent. model.ErrNoUser refuses: deleted and disabled users get
	// nothing more. Any other error is a fault.
	CheckUser func(ctx context.Context, userID string) error
	// CheckPassword turns the password grant on, which RFC 9700, section 2.4,
	// says must not be used. It returns the user, or model.ErrNoUser.
	CheckPassword func(ctx context.Context, c *model.Client, username, password string) (*model.User, error)
	// ClientUser names a user for whom a client acts with client_credentials. Nil:
	// such tokens have no user.
	ClientUser func(ctx context.Context, c *model.Client) (*model.User, error)

	// Grants adds grant types by their URI, or replaces a built-in one by its name.
	Grants map[string]Grant

	// RateLimits says how often the endpoints may be called.
	RateLimits RateLimits
	// Limits counts for the rate limits. Nil: the Model, if it does so, or else
	// this process by itself.
	Limits model.LimitModel
	// ClientAddress says which address a request comes from, for the rate limits:
	// an IP address, with or without port, of IPv6 the /64 counts. Defaults to the
	// connection's, RemoteAddr. Behind a proxy that is the proxy's: set a function
	// that reads the header which that proxy sets and no client can.
	ClientAddress func(r *http.Request) string

	// Events is told what happens: issued, refused, replayed, revoked …. It is
	// called in the request, so it must be quick and safe for concurrent use.
	Events func(ctx context.Context, e Event)
	// Logger gets the same with the reasons spelled out. Defaults to slog.Default.
	Logger *slog.Logger
	// Clock tells the time. Defaults to time.Now.
	Clock func() time.Time
	// Random is where secrets come from. Defaults to crypto/rand.
	Random io.Reader
}

// Endpoints are the public URLs of the server, as the metadata name them. An
// application that mounts a handler elsewhere sets its URL here.
type Endpoints struct {
	// Authorization defaults to the issuer with /oauth/authorize.
	Authorization string
	// Token defaults to the issuer with /oauth/token.
	Token string
	// Revocation defaults to the issuer with /oauth/revoke.
	Revocation string
	// Introspection defaults to the issuer with /oauth/introspect.
	Introspection string
	// Applications is the page of applications with access. It defaults to the
	// issuer with /oauth/applications.
	Applications string
	// DeviceAuthorization defaults to the issuer with /oauth/device_authorization.
	DeviceAuthorization string
	// Device is the page where people type the code that a device shows. It
	// should be short. Defaults to the issuer with /device.
	Device string
	// Registration defaults to the issuer with /oauth/register. A client's own
	// registration is below it, named by its client_id.
	Registration string
}

// namedEndpoint is one of the endpoints, with its default path below the issuer.
type namedEndpoint struct {
	name, path string
	url        *string
}

// list returns all endpoints.
func (e *Endpoints) list() []namedEndpoint {
	return []namedEndpoint{
		{"Authorization", "/oauth/authorize", &e.Authorization},
		{"Token", "/oauth/token", &e.Token},
		{"Revocation", "/oauth/revoke", &e.Revocation},
		{"Introspection", "/oauth/introspect", &e.Introspection},
		{"Applications", "/oauth/applications", &e.Applications},
		{"DeviceAuthorization", "/oauth/device_authorization", &e.DeviceAuthorization},
		{"Device", "/device", &e.Device},
		{"Registration", "/oauth/register", &e.Registration},
	}
}

// endpoint returns the URL of a path below the issuer.
func (c *Config) endpoint(path string) string { return strings.TrimSuffix(c.Issuer, "/") + path }

// ScopeInfo is one scope of the vocabulary.
type ScopeInfo struct {
	// Name is the scope token.
	Name string `json:"name"`
	// Title says in the user's words what it allows: "Read your notes".
	Title string `json:"title"`
}

// ScopeRequest is what [Config].ValidateScope decides about.
type ScopeRequest struct {
	Client *model.Client
	// UserID is empty when the client acts for itself.
	UserID string
	// GrantType is the grant type, "authorization_code" at approval too. Empty in
	// Server.Issue.
	GrantType string
	// Scope is what would be granted.
	Scope model.Scope
}

// TokenKind tells the two halves of a pair apart.
type TokenKind int

// The kinds of token that [Config].GenerateToken makes.
const (
	AccessToken TokenKind = iota
	RefreshToken
)

const (
	defaultCodeLifetime    = 60 * time.Second
	maxCodeLifetime        = 10 * time.Minute
	defaultAccessLifetime  = time.Hour
	defaultRefreshLifetime = 14 * 24 * time.Hour
	defaultGrantLifetime   = 90 * 24 * time.Hour
	defaultGrace           = 30 * time.Second
	defaultDeviceLifetime  = 10 * time.Minute
	maxDeviceLifetime      = 30 * time.Minute
	defaultPollInterval    = 5 * time.Second
	// replayWindow is how long a code is remembered at least, so that its replay
	// is recognised.
	replayWindow = 10 * time.Minute
)
