package instances

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

// One user, whose requests a proxy sends to another instance each time, and one client that does the same; and all
// instances are restarted in between.
func TestOneServerOfSeveral(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, dsn string) {
		a := demo.Start(t, nil, "-store", dsn, "-key", key)
		b := a.Instance(t)
		assert.NotEqual(t, a.URL, b.URL)

		// Pages come from A and are sent back to B: the login, the consent page. Then the other way round.
		web, alice := newClient(t, "web"), a.NewVisitor(t)
		alice.Via(func(r *http.Request) *demo.Server {
			if r.Method == http.MethodGet {
				return a
			}
			return b
		})
		address, verifier := web.authorizeURL(a)
		code := alice.Authorize(address, "allow").Query().Get("code")
		require.NotEmpty(t, code)
		first := web.exchange(a, code, verifier)
		require.Equal(t, http.StatusOK, first.status, first.Error)
		works(t, http.StatusOK, first.Access, a, b)

		cli, bob := newClient(t, "cli"), a.NewVisitor(t)
		bob.Via(func(r *http.Request) *demo.Server {
			if r.Method == http.MethodGet {
				return b
			}
			return a
		})
		address, verifier = cli.authorizeURL(a)
		code = bob.Authorize(address, "allow").Query().Get("code")
		require.NotEmpty(t, code)
		second := cli.exchange(b, code, verifier)
		require.Equal(t, http.StatusOK, second.status, second.Error)
		works(t, http.StatusOK, second.Access, a, b)

		// A code is good once, wherever it is sent; its replay ends what came of it everywhere.
		assert.Equal(t, "invalid_grant", cli.exchange(a, code, verifier).Error)
		works(t, http.StatusUnauthorized, second.Access, a, b)

		a, b = a.Restart(t), b.Restart(t)

		// The user is signed in and known, the client's tokens are good.
		status, text := alice.Open("/logout")
		assert.Equal(t, http.StatusOK, status)
		assert.Contains(t, text, "You are signed in as")
		works(t, http.StatusOK, first.Access, a, b)
		next := web.refresh(b, first.Refresh)
		require.Equal(t, http.StatusOK, next.status, next.Error)
		assert.Equal(t, next, web.refresh(a, first.Refresh), "an answer that was lost is given again, by another instance too")
		works(t, http.StatusOK, next.Access, a, b)

		// The consent is remembered: there is no page any more.
		address, verifier = web.authorizeURL(a)
		alice.Via(func(*http.Request) *demo.Server { return b })
		code = alice.Authorize(address, "no page may ask for this").Query().Get("code")
		require.Equal(t, http.StatusOK, web.exchange(a, code, verifier).status)

		assert.Equal(t, http.StatusOK, web.post(a, "/oauth/revoke", "token", next.Refresh).status)
		works(t, http.StatusUnauthorized, next.Access, a, b)
		assert.Equal(t, "invalid_grant", web.refresh(b, next.Refresh).Error)
	})
}

// What a server has besides codes and tokens is shared as well.
func TestTheRestOfOneServer(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, dsn string) {
		a := demo.Start(t, nil, "-store", dsn, "-key", key)
		b := a.Instance(t)

		t.Run("walk-through", func(t *testing.T) {
			alice, turn := a.NewVisitor(t), 0
			alice.Via(func(*http.Request) *demo.Server {
				turn++
				return []*demo.Server{a, b}[turn%2]
			})
			assert.Contains(t, alice.WalkThrough(), "access_token", "the demo client has its tokens")
			for range 4 {
				assert.Equal(t, http.StatusOK, alice.Press("/client", "call=notes"))
			}
			_, text := alice.Open("/client")
			assert.Equal(t, 4, strings.Count(text, "GET /api/notes HTTP/1.1"))
		})

		t.Run("notes", func(t *testing.T) {
			machine := newClient(t, "machine")
			tokens := machine.post(a, "/oauth/token", "grant_type", "client_credentials", "scope", "read write")
			require.Equal(t, http.StatusOK, tokens.status, tokens.Error)
			header := http.Header{"Authorization": {"Bearer " + tokens.Access}}
			var adding sync.WaitGroup
			for _, server := range []*demo.Server{a, b} {
				adding.Go(func() {
					for range 5 {
						assert.Equal(t, http.StatusCreated, send(t, http.MethodPost, server.URL+"/api/notes", header, "application/json", `{"text": "a note"}`).status)
					}
				})
			}
			adding.Wait()
			for _, server := range []*demo.Server{a, b} {
				assert.Len(t, send(t, http.MethodGet, server.URL+"/api/notes", header, "", "").Notes, 10, "none is lost, each has all")
			}
		})

		t.Run("device", func(t *testing.T) {
			device, alice := newClient(t, "device"), a.NewVisitor(t)
			turn := 0
			alice.Via(func(*http.Request) *demo.Server {
				turn++
				return []*demo.Server{a, b}[turn%2]
			})
			started := device.post(a, "/oauth/device_authorization", "scope", "read")
			require.Equal(t, http.StatusOK, started.status, started.Error)
			poll := func(server *demo.Server) answer {
				return device.post(server, "/oauth/token", "grant_type", demo.DeviceGrant, "device_code", started.DeviceCode)
			}
			alice.Device(started.Link, "allow")
			got := poll(b)
			require.Equal(t, http.StatusOK, got.status, got.Error)
			works(t, http.StatusOK, got.Access, a, b)
			assert.NotEqual(t, http.StatusOK, poll(a).status, "once")
		})

		t.Run("registered client", func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"client_name": "Registered", "redirect_uris": []string{"https://app.example/registered"}, "token_endpoint_auth_method": "none", "scope": "read"})
			require.NoError(t, err)
			c := send(t, http.MethodPost, a.URL+"/oauth/register", http.Header{}, "application/json", string(body))
			require.Equal(t, http.StatusCreated, c.status, c.Error)
			manage, err := url.Parse(c.ManagementURL)
			require.NoError(t, err)
			at := func(server *demo.Server, method string) int {
				return send(t, method, server.URL+manage.EscapedPath(), http.Header{"Authorization": {"Bearer " + c.ManagementToken}}, "", "").status
			}
			assert.Equal(t, http.StatusOK, at(b, http.MethodGet))
			assert.Equal(t, http.StatusNoContent, at(b, http.MethodDelete))
			assert.Equal(t, http.StatusUnauthorized, at(a, http.MethodGet))
		})

		t.Run("applications", func(t *testing.T) {
			web, alice := newClient(t, "web"), a.NewVisitor(t)
			address, verifier := web.authorizeURL(a)
			tokens := web.exchange(b, alice.Authorize(address, "allow").Query().Get("code"), verifier)
			require.Equal(t, http.StatusOK, tokens.status, tokens.Error)
			alice.Via(func(*http.Request) *demo.Server { return b })
			_, text := alice.Open("/oauth/applications")
			assert.Contains(t, text, "Web App")
			assert.Equal(t, http.StatusOK, alice.Press("/oauth/applications", "all=true"))
			works(t, http.StatusUnauthorized, tokens.Access, a, b)
		})

		t.Run("failures are counted together", func(t *testing.T) {
			wrong := newClient(t, "web")
			r := http.Request{Header: wrong.header}
			r.SetBasicAuth("web", "a guess")
			blocked := func(server *demo.Server) bool {
				return wrong.post(server, "/oauth/token", "grant_type", "client_credentials").status == http.StatusTooManyRequests
			}
			for range 100 {
				if blocked(a) {
					break
				}
			}
			assert.True(t, blocked(b), "the other instance knows of the guesses")
		})
	})
}
