// Package js uses the demo with oauth4webapi, a strict JavaScript client, run by Node.js.
package js

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

func TestMain(m *testing.M) { demo.Main(m) }

// TestOauth4webapi is the user of the application in client.mjs.
func TestOauth4webapi(t *testing.T) {
	t.Parallel()
	seed := demo.Seed()
	server := demo.Start(t, seed)
	arguments, err := json.Marshal(map[string]any{"issuer": server.URL, "clients": seed.Clients})
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

	var done bool
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var line struct {
			Authorize string `json:"authorize"`
			Device    string `json:"device"`
			Decision  string `json:"decision"`
			OK        bool   `json:"ok"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line), lines.Text())
		if line.OK {
			done = true
			break
		}
		if line.Device != "" {
			_, err = fmt.Fprintln(stdin, strings.Contains(server.NewVisitor(t).Device(line.Device, line.Decision), "<h1>"))
			require.NoError(t, err)
			continue
		}
		asked, err := url.Parse(line.Authorize)
		require.NoError(t, err)
		decision := "allow"
		if asked.Query().Get("scope") == "write" { // which the program asks for when it wants to be denied
			decision = "deny"
		}
		callback := server.NewVisitor(t).Authorize(line.Authorize, decision)
		_, err = fmt.Fprintln(stdin, callback)
		require.NoError(t, err)
	}
	require.NoError(t, cmd.Wait(), stderr.String())
	assert.True(t, done, stderr.String())
}
