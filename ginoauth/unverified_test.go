package ginoauth_test

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	documentID   = "https://example.com/app.json"
	documentBody = `{"client_id":"` + documentID + `","client_name":"Your Bank","redirect_uris":["https://app.test/cb","http://127.0.0.1/cb","com.example.app:/cb"],"token_endpoint_auth_method":"none"}`
)

// withDocument turns client ID metadata documents on; every host serves this
// one, and example.com can prove that it is itself.
func withDocument(t *testing.T) func(*engine.Config, *ginoauth.Options) {
	t.Helper()
	ts := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(documentBody))
	}))
	t.Cleanup(ts.Close)
	roots := x509.NewCertPool()
	roots.AddCert(ts.Certificate())
	return func(c *engine.Config, o *ginoauth.Options) {
		namedUser("42", "Alice")(c, o)
		c.ClientIDDocuments = &engine.ClientIDDocumentPolicy{
			Scope: "read", RootCAs: roots,
			LookupIP: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
			},
			Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, ts.Listener.Addr().String())
			},
		}
	}
}

func TestConsentForUnverifiedClients(t *testing.T) {
	t.Parallel()
	const (
		notVerified = "<strong>Not verified.</strong>"
		onDevice    = "<strong>A program on a device gets the access</strong>"
	)
	t.Run("attack-K12+CIMD-6 the host of the client_id and that of the redirect URI", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, withDocument(t))
		body := a.authorize(authorizeQuery("client_id", documentID, "redirect_uri", "https://app.test/cb")).body
		assert.Contains(t, body, "<bdi>Your Bank</bdi> asks for access")
		assert.Contains(t, body, notVerified+" This application is described by the website <strong><bdi>example.com</bdi></strong>.")
		assert.Contains(t, body, "and know <strong><bdi>app.test</bdi></strong>")
		assert.NotContains(t, body, onDevice)
	})
	for uri, host := range map[string]string{"http://127.0.0.1:5123/cb": "127.0.0.1:5123", "com.example.app:/cb": "com.example.app"} {
		t.Run("attack-K12 the answer goes to a program: "+host, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, withDocument(t))
			body := a.authorize(authorizeQuery("client_id", documentID, "redirect_uri", uri)).body
			assert.Contains(t, body, notVerified)
			assert.Contains(t, body, onDevice+" (<bdi>"+host+"</bdi>)")
		})
	}
	t.Run("attack-K12 a client that registered itself", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, namedUser("42", "Alice"))
		require.NoError(t, a.store.AddClient(model.Client{
			ID: "dyn", Public: true, SelfRegistered: true, Scope: "read", RedirectURIs: []string{"https://dyn.test/cb", "http://localhost/cb"},
		}))
		body := a.authorize(authorizeQuery("client_id", "dyn", "redirect_uri", "https://dyn.test/cb")).body
		assert.Contains(t, body, notVerified+" This application registered itself.")
		assert.Contains(t, body, "and know <strong><bdi>dyn.test</bdi></strong>")
		body = a.authorize(authorizeQuery("client_id", "dyn", "redirect_uri", "http://localhost:80/cb")).body
		assert.Contains(t, body, onDevice)
	})
	t.Run("attack-K12 a client that somebody registered is not marked", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, namedUser("42", "Alice"))
		for _, q := range [][]string{{}, {"client_id", "cli", "redirect_uri", "http://127.0.0.1:5123/cb"}} {
			body := a.authorize(authorizeQuery(q...)).body
			assert.Contains(t, body, "asks for access")
			assert.NotContains(t, body, notVerified)
			assert.NotContains(t, body, onDevice)
		}
	})
	t.Run("attack-K12 a page of the application's own can tell", func(t *testing.T) {
		t.Parallel()
		var page *ginoauth.ConsentPage
		on := withDocument(t)
		a := newApp(t, func(c *engine.Config, o *ginoauth.Options) {
			on(c, o)
			o.Consent = func(_ *gin.Context, p *ginoauth.ConsentPage) { page = p }
		})
		a.authorize(authorizeQuery("client_id", documentID, "redirect_uri", "http://127.0.0.1:1/cb"))
		require.NotNil(t, page)
		assert.True(t, page.Client.SelfRegistered)
		assert.True(t, page.RedirectsToDevice)
		assert.Equal(t, "example.com", page.ClientHost)
	})
}
