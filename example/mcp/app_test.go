package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	m.Run()
}

// start serves the application at the address that is its issuer.
func start(t *testing.T) (*app, string) {
	t.Helper()
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	a, err := newApp(srv.URL, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	handler = a.handler
	return a, srv.URL
}

// bearer sends a token that can be changed on the way.
type bearer struct{ token string }

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(r)
}

func (a *app) token(t *testing.T, userID string) string {
	t.Helper()
	res, err := a.oauth.Engine().Issue(t.Context(), engine.Issue{ClientID: "cli", UserID: userID, Scope: scopeNotes})
	require.NoError(t, err)
	return res.AccessToken
}

func connect(t *testing.T, url string, b *bearer) (*mcp.ClientSession, error) {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: url + "/mcp", HTTPClient: &http.Client{Transport: b}, MaxRetries: -1,
	}, nil)
	if err == nil {
		t.Cleanup(func() { _ = session.Close() })
	}
	return session, err
}

func call(ctx context.Context, t *testing.T, s *mcp.ClientSession, tool string, arguments any) any {
	t.Helper()
	res, err := s.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	require.NoError(t, err)
	require.False(t, res.IsError, "%v", res.Content)
	return res.StructuredContent
}

func TestEachCallIsMadeWithItsOwnToken(t *testing.T) {
	t.Parallel()
	a, url := start(t)
	b := &bearer{token: a.token(t, "alice")}
	session, err := connect(t, url, b)
	require.NoError(t, err)

	alices := map[string]any{"notes": []any{"buy milk"}}
	assert.Equal(t, alices, call(t.Context(), t, session, "add_note", map[string]any{"text": " buy milk "}))
	assert.Equal(t, alices, call(t.Context(), t, session, "list_notes", map[string]any{}))

	b.token = a.token(t, "bob") // on the same connection
	assert.Equal(t, map[string]any{"notes": []any{}}, call(t.Context(), t, session, "list_notes", map[string]any{}))
	res, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "add_note", Arguments: map[string]any{"text": " "}})
	require.NoError(t, err)
	assert.True(t, res.IsError)

	b.token = a.token(t, "") // of a client that acts for itself
	_, err = session.CallTool(t.Context(), &mcp.CallToolParams{Name: "list_notes"})
	assert.Error(t, err)
}

func TestWithoutToken(t *testing.T) {
	t.Parallel()
	_, url := start(t)
	_, err := connect(t, url, &bearer{token: "wrong"})
	require.Error(t, err)

	res, err := http.Post(url+"/mcp", "application/json", http.NoBody)
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
	assert.Equal(t, `Bearer realm="oauth", scope="notes", resource_metadata="`+url+`/.well-known/oauth-protected-resource/mcp"`, res.Header.Get("WWW-Authenticate"))
}

func TestToolsThatAreNotGuardedDoNothing(t *testing.T) {
	t.Parallel()
	n := &notes{of: map[string][]string{}}
	_, _, err := n.add(t.Context(), nil, addInput{Text: "text"})
	require.Error(t, err)
	_, _, err = n.list(t.Context(), nil, listInput{})
	require.Error(t, err)
	assert.Empty(t, n.of)
}
