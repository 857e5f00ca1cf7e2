// Package secrets lets clients and users do all that they can do with the demo, also wrong, and then reads what the demo has
// logged, at its most talkative, and what it has stored: there is no code, token, secret, verifier, cookie or password in it.
package secrets

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
)

var servers testserver.Group

type tests struct{ m *testing.M }

func (t tests) Run() int { return servers.Run(t.m) }

func TestMain(m *testing.M) { demo.Main(tests{m}) }

func TestLog(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.everything()
	log := r.server.Log()
	for _, reason := range []string{"level=DEBUG", "issued", "refused", "replayed"} {
		assert.Contains(t, log, reason, "the log says what happened")
	}
	require.Greater(t, len(r.secrets), 40)
	for secret, what := range r.secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			if i := strings.Index(log, form); i >= 0 {
				line := log[strings.LastIndex(log[:i], "\n")+1:]
				line, _, _ = strings.Cut(line, "\n")
				assert.Fail(t, "a secret is in the log", "%s %q: %s", what, form, line)
				break
			}
		}
	}
}
