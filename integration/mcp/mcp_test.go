// Package mcp uses the MCP server in example/mcp with the official MCP SDK for TypeScript, run by Node.js.
package mcp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

func TestMain(m *testing.M) { demo.MainOf(m, "example/mcp", "off") }

// A host is what client.mjs is told.
type host struct {
	Issuer      string            `json:"issuer"`
	RedirectURI string            `json:"redirectUri"`
	Information map[string]string `json:"information,omitempty"`
	MetadataURL string            `json:"metadataUrl,omitempty"`
}

// A result is the last line of client.mjs.
type result struct {
	OK            bool   `json:"ok"`
	ClientID      string `json:"client_id"`
	Registrations int    `json:"registrations"`

	Authorize string `json:"authorize"` // of a line that is not the last
}

// The redirect URI of a program on the user's machine. Nobody listens there: the test reads the redirect itself.
const callback = "http://127.0.0.1:3118/callback"

// TestRegisteredClient is a host that was made known to the server by hand.
func TestRegisteredClient(t *testing.T) {
	t.Parallel()
	server := demo.Run(t)
	got := use(t, server, host{Issuer: server.URL, RedirectURI: callback, Information: map[string]string{"client_id": "cli", "issuer": server.URL}})
	assert.Equal(t, "cli", got.ClientID)
	assert.Zero(t, got.Registrations)
}

// TestDynamicRegistration is a host that nobody knows yet, and that registers itself (RFC 7591).
func TestDynamicRegistration(t *testing.T) {
	t.Parallel()
	server := demo.Run(t)
	got := use(t, server, host{Issuer: server.URL, RedirectURI: callback})
	assert.Equal(t, 1, got.Registrations)
	assert.NotContains(t, []string{"", "cli"}, got.ClientID)
}

// TestClientIDMetadataDocument is a host whose client_id is a URL where it describes itself.
func TestClientIDMetadataDocument(t *testing.T) {
	t.Parallel()
	var fetched atomic.Int32
	site := httptest.NewUnstartedServer(nil)
	site.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetched.Add(1)
		w.Header().Set("Content-Type", "application/json")
		assert.NoError(t, json.NewEncoder(w).Encode(map[string]any{
			"client_id": site.URL + r.URL.Path, "client_name": "Test Host", "redirect_uris": []string{callback},
			"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "none",
		}))
	})
	site.StartTLS()
	t.Cleanup(site.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	require.NoError(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw}), 0o600))

	server := demo.Run(t, "-root-cas", roots)
	document := site.URL + "/client.json"
	got := use(t, server, host{Issuer: server.URL, RedirectURI: callback, MetadataURL: document})
	assert.Equal(t, document, got.ClientID)
	assert.EqualValues(t, 1, fetched.Load(), "the document is kept")
}

// use runs client.mjs and is its user.
func use(t *testing.T, server *demo.Server, h host) result {
	t.Helper()
	arguments, err := json.Marshal(h)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "client.mjs", string(arguments))
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start(), "Node.js is needed")

	var last result
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		last = result{}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &last), lines.Text())
		if last.OK {
			break
		}
		back := server.NewVisitor(t).Authorize(last.Authorize, "allow")
		_, err = fmt.Fprintln(stdin, back)
		require.NoError(t, err)
	}
	require.NoError(t, cmd.Wait(), stderr.String())
	require.True(t, last.OK, stderr.String())
	return last
}
