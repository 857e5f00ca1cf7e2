// Package peer has the servers that are compared, one in each file. All of them
// are one Gin application with the same three routes, the same client, the same
// lifetimes and a user who is signed in and has agreed, so that what differs
// between them is the library alone:
//
//	POST /oauth/token      the token endpoint
//	GET  /oauth/authorize  the authorization endpoint
//	GET  /api/ok           a guarded route that answers "ok"
package peer

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// The one client, user and scope that all peers know. The secret has 256 bits, as
// a generated one has.
const (
	ClientID     = "bench-client"
	ClientSecret = "c2VjcmV0LW9mLXRoZS1iZW5jaG1hcmstY2xpZW50LTI1Ng"
	RedirectURI  = "https://client.example/callback"
	UserID       = "user-1"
	Scope        = "read"

	TokenPath     = "/oauth/token"
	AuthorizePath = "/oauth/authorize"
	GuardedPath   = "/api/ok"
)

// The lifetimes that all peers are set to.
const (
	CodeLifetime    = time.Minute
	AccessLifetime  = time.Hour
	RefreshLifetime = 14 * 24 * time.Hour
)

// Peer is a server to compare.
type Peer struct {
	// Name is what the command line calls it.
	Name string
	// Title stands in the tables.
	Title string
	// Variant marks another setting of a peer, which the picture leaves out.
	Variant bool
	// Modules are the Go modules whose version the report names.
	Modules []string
	// Notes are the settings that differ from the others', for the report.
	Notes []string
	// Refusal is the status of the guarded route for a token that is not valid.
	// It should be 401.
	Refusal int
	// Limit marks the bare handler, whose tokens from the token endpoint are not
	// good for anything.
	Limit bool
	// Lax names the checks of package workload that this peer is known not to make.
	Lax []string
	// FlowScope is the scope of a code flow, and TokenScope that of the client's own
	// tokens, where it has to be another than Scope.
	FlowScope, TokenScope string
	// New makes a server with an empty store. Nil: it is a program of its own.
	New func(Options) (*Instance, error)
	// Command starts the program that serves, with Env in its environment. With it
	// New is nil.
	Command, Env []string
}

// Short is the title without what stands in brackets.
func (p Peer) Short() string {
	short, _, _ := strings.Cut(p.Title, " (")
	return short
}

// Options change what a server is made of, to see how cost grows. Only this
// project's looks at them.
type Options struct {
	// Clients is how many further clients are registered.
	Clients int
	// Scopes is how many further scopes tokens have and the route asks for.
	Scopes int
	// Procs is GOMAXPROCS of the process; zero leaves it alone.
	Procs int
}

// Scope returns all scopes of a token.
func (o Options) Scope() string {
	scope := Scope
	for i := range o.Scopes {
		scope += fmt.Sprintf(" scope-%d", i)
	}
	return scope
}

// Instance is a running peer.
type Instance struct {
	Handler http.Handler
	// Issue makes n live access tokens and hands each on. Nil: they are asked for
	// at the token endpoint, which only the bare handler cannot do.
	Issue func(n int, each func(token string) error) error
	// Short makes n access tokens that live for ten minutes, and SweepShort removes
	// them and returns how many. Only this project's server has these two.
	Short      func(n int) error
	SweepShort func(context.Context) (int, error)
	// Close ends what runs in the background. It may be nil.
	Close func()
}

// All returns the peers in the order of the tables. The first is the limit that
// the others are compared with, the second is this project.
func All() []Peer {
	all := []Peer{Bare(), Ours(), OursLimited(), Osin(), GoOAuth2(), Fosite(), FositeBcrypt(), Zitadel()}
	if express, err := Express(); err == nil {
		all = append(all, express)
	}
	return all
}

// Find returns the peer of this name.
func Find(name string) (Peer, error) {
	for _, p := range All() {
		if p.Name == name {
			return p, nil
		}
	}
	return Peer{}, fmt.Errorf("there is no peer %q", name)
}

// newRouter returns a Gin engine without middleware.
func newRouter() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	return gin.New()
}

// ok is the handler behind the guard of every peer.
func ok(c *gin.Context) { c.String(http.StatusOK, "ok") }

// refuse is the answer to a token that is not valid, for the peers that leave it
// to the application (RFC 6750, section 3).
func refuse(c *gin.Context) {
	c.Header("WWW-Authenticate", `Bearer realm="oauth", error="invalid_token"`)
	c.AbortWithStatusJSON(http.StatusUnauthorized, gin.H{
		"error": "invalid_token", "error_description": "The access token is not valid.",
	})
}
