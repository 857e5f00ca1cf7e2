package main

import (
	"crypto/rand"
	"crypto/x509"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// scopeNotes is the one scope there is.
const scopeNotes = "notes"

// app is the whole application behind one handler.
type app struct {
	handler http.Handler
	store   *memstore.Store
	oauth   *ginoauth.Server
}

// newApp makes the application. roots vouch for the hosts of client ID metadata
// documents; nil: those of the system.
func newApp(issuer string, roots *x509.CertPool, log *slog.Logger) (*app, error) {
	store := memstore.New()
	// A client that is known from the start, for a program on the user's machine.
	// All others make themselves known.
	err := store.AddClient(model.Client{
		ID: "cli", Name: "Terminal", Public: true, RedirectURIs: []string{"http://127.0.0.1/callback"}, Scope: scopeNotes,
	})
	if err != nil {
		return nil, err
	}

	// The keys are random: sessions end with the program. An application takes them
	// from its configuration.
	sessions, err := ginoauth.NewSessions(cookie.NewStore(randomKey(), randomKey()), ginoauth.SessionOptions{Issuer: issuer})
	if err != nil {
		return nil, err
	}
	oauth, err := ginoauth.New(engine.Config{
		Model:  store,
		Issuer: issuer,
		Scopes: []engine.ScopeInfo{{Name: scopeNotes, Title: "Read your notes and add to them"}},
		// With Resource the server says in its metadata and in each challenge what a
		// token has to be for, and takes no token that is for something else.
		Resource:     issuer + "/mcp",
		ResourceName: "Notes",
		// MCP clients are many, and nobody knows them in advance: either their
		// client_id is a URL where they describe themselves, or they register.
		ClientIDDocuments: &engine.ClientIDDocumentPolicy{
			Scope:         scopeNotes,
			AllowLoopback: strings.HasPrefix(issuer, "http:"), // which a server on the internet is not
			RootCAs:       roots,
		},
		Registration: &engine.RegistrationPolicy{AllowOpen: true, Scope: scopeNotes},
		Logger:       log,
	}, ginoauth.Options{AuthenticateHandler: sessions.User, LoginURL: "/login"})
	if err != nil {
		return nil, err
	}

	r := gin.New()
	if err := r.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	r.Use(gin.Recovery(), sessions.Middleware())
	oauth.Mount(r)

	l, err := newLogin(sessions, oauth, log)
	if err != nil {
		return nil, err
	}
	r.GET("/login", l.show)
	r.POST("/login", l.signIn)
	r.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })

	// Stateless: each call is served with the context of its own request, and with
	// it the token of its own request. In a session of the SDK that would be the
	// token that opened the session, for whoever knows the session's id.
	server := newMCP(&notes{of: map[string][]string{}})
	tools := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true, Logger: log})
	r.Any("/mcp", oauth.Authenticate(scopeNotes), oauth.RequireUser(), gin.WrapH(tools))
	return &app{handler: r, store: store, oauth: oauth}, nil
}

func newMCP(n *notes) *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "notes", Version: "1.0.0"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "list_notes", Description: "Lists the user's notes, the oldest first."}, n.list)
	mcp.AddTool(server, &mcp.Tool{Name: "add_note", Description: "Adds a note to the user's."}, n.add)
	return server
}

func randomKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}
