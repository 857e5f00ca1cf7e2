package ginoauthtest

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// ClientID is the client of the tokens that are for no client in particular. It
// is not registered: the store knows its tokens only.
const ClientID = "ginoauthtest"

// Token returns an access token with which a client acts for this user. Without
// scopes it has the default scope. The client may have every scope there is; for
// one that is registered use [Issue]. Where no such token can be issued the test
// fails, with the reason.
func Token(t testing.TB, oauth *ginoauth.Server, userID string, scopes ...string) string {
	t.Helper()
	if userID == "" {
		t.Fatalf("ginoauthtest: Token needs a user; a client gets a token for itself with ClientToken")
	}
	return issue(t, oauth, engine.Issue{UserID: userID, Scope: scopeOf(t, scopes)})
}

// ClientToken returns an access token that a registered client has for itself,
// as by client_credentials: without user, unless Config.ClientUser names one.
// Without scopes it has the default scope. Where no such token can be issued the
// test fails, with the reason.
func ClientToken(t testing.TB, oauth *ginoauth.Server, clientID string, scopes ...string) string {
	t.Helper()
	if clientID == "" {
		t.Fatalf("ginoauthtest: ClientToken needs the ID of a registered client")
	}
	i := engine.Issue{ClientID: clientID, Scope: scopeOf(t, scopes)}
	cfg := oauth.Engine().Config()
	if cfg.ClientUser != nil {
		client, err := cfg.Model.GetClient(t.Context(), clientID)
		if err != nil {
			t.Fatalf("ginoauthtest: client %q: %v", clientID, err)
		}
		user, err := cfg.ClientUser(t.Context(), client)
		if err != nil {
			t.Fatalf("ginoauthtest: Config.ClientUser(%q): %v", clientID, err)
		}
		if user != nil {
			i.UserID = user.ID
		}
	}
	return issue(t, oauth, i)
}

// Issue returns an access token with everything that can be asked for: client,
// resources, lifetime. Without client it is that of [Token]. Where no such token
// can be issued the test fails, with the reason.
func Issue(t testing.TB, oauth *ginoauth.Server, i engine.Issue) string {
	t.Helper()
	return issue(t, oauth, i)
}

// Authorize puts the token into the request, as a client does (RFC 6750, section
// 2.1), in place of what may be there.
func Authorize(r *http.Request, token string) {
	r.Header.Set("Authorization", "Bearer "+token)
}

// scopeOf joins the scopes. A mistake fails the test, where model.NewScope would
// panic.
func scopeOf(t testing.TB, scopes []string) model.Scope {
	t.Helper()
	for _, s := range scopes {
		if _, err := model.ParseScope(s); err != nil || s == "" || strings.Contains(s, " ") {
			t.Fatalf("ginoauthtest: %q is not a scope: give each by itself", s)
		}
	}
	return model.NewScope(scopes...)
}

func issue(t testing.TB, oauth *ginoauth.Server, i engine.Issue) string {
	t.Helper()
	srv := oauth.Engine()
	if i.ClientID == "" {
		i.ClientID = ClientID
		srv = withClient(t, srv)
	}
	res, err := srv.Issue(t.Context(), i)
	if err != nil {
		t.Fatalf("ginoauthtest: no token for client %q, user %q, scope %q: %v", i.ClientID, i.UserID, i.Scope, err)
	}
	// A test that asks for more than it gets would look for the mistake in its route.
	if i.Scope != "" && !res.Token.Scope.Covers(i.Scope) {
		t.Fatalf("ginoauthtest: no token for client %q, user %q: of scope %q Config.ValidateScope leaves %q", i.ClientID, i.UserID, i.Scope, res.Token.Scope)
	}
	return res.AccessToken
}

// withClient returns the same server with one client more.
func withClient(t testing.TB, srv *engine.Server) *engine.Server {
	t.Helper()
	cfg := srv.Config()
	var scope []string
	for _, s := range cfg.Scopes {
		scope = append(scope, s.Name)
	}
	cfg.Model = &withTestClient{Model: cfg.Model, scope: model.NewScope(scope...)}
	cfg.Logger = slog.New(slog.DiscardHandler) // it has said already what it says at its start
	srv, err := engine.New(cfg)
	if err != nil {
		t.Fatalf("ginoauthtest: %v", err)
	}
	return srv
}

// withTestClient is a store that has the client of the tests too.
type withTestClient struct {
	model.Model
	scope model.Scope
}

// GetClient knows one client more than the store.
func (m *withTestClient) GetClient(ctx context.Context, clientID string) (*model.Client, error) {
	if clientID != ClientID {
		return m.Model.GetClient(ctx, clientID)
	}
	return &model.Client{ID: ClientID, Name: "Test", Public: true, Grants: []string{model.GrantRefreshToken}, Scope: m.scope}, nil
}
