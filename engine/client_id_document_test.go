package engine_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	docID       = "https://example.com/app.json"
	docRedirect = "https://app.example.com/cb"
)

// documentHost is a host of documents, behind the internet that it pretends to
// be: a resolver and a way to connect.
type documentHost struct {
	ts *httptest.Server

	mu     sync.Mutex
	answer http.HandlerFunc
	addrs  []string
	// resolved and dialled are what was asked for; fetches counts requests.
	resolved, dialled []string
	fetches           atomic.Int32
}

func newDocumentHost(t *testing.T) *documentHost {
	t.Helper()
	h := &documentHost{addrs: []string{"93.184.216.34"}}
	h.serve(appDocument(nil))
	h.ts = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.fetches.Add(1)
		h.mu.Lock()
		answer := h.answer
		h.mu.Unlock()
		answer(w, r)
	}))
	h.ts.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.ts.StartTLS()
	t.Cleanup(h.ts.Close)
	return h
}

// serve makes the host answer with this document.
func (h *documentHost) serve(body string) {
	h.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	})
}

func (h *documentHost) handle(answer http.HandlerFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

func (h *documentHost) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.resolved = append(h.resolved, host)
	var addrs []netip.Addr
	for _, a := range h.addrs {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	return addrs, nil
}

func (h *documentHost) dial(ctx context.Context, network, address string) (net.Conn, error) {
	h.mu.Lock()
	h.dialled = append(h.dialled, address)
	h.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, network, h.ts.Listener.Addr().String())
}

// policy turns documents on, from this host.
func (h *documentHost) policy(mods ...func(*engine.ClientIDDocumentPolicy)) func(*engine.Config) {
	roots := x509.NewCertPool()
	roots.AddCert(h.ts.Certificate())
	p := &engine.ClientIDDocumentPolicy{Scope: "read", LookupIP: h.lookup, Dial: h.dial, RootCAs: roots}
	for _, mod := range mods {
		mod(p)
	}
	return func(c *engine.Config) { c.ClientIDDocuments = p }
}

// appDocument is a good document with changes; a nil value removes a member.
func appDocument(change map[string]any) string {
	doc := map[string]any{
		"client_id": docID, "client_name": "The App", "redirect_uris": []string{docRedirect},
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		"token_endpoint_auth_method": "none", "scope": "read",
	}
	maps.Copy(doc, change)
	maps.DeleteFunc(doc, func(_ string, v any) bool { return v == nil })
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// byDocument turns AZ into the request of the document's client.
func byDocument(edits ...string) []string {
	return append([]string{"client_id=" + docID, "redirect_uri=" + docRedirect, withS256, s256}, edits...)
}

// assertNoClient checks the answer to an authorization request whose client is
// not to be had, and that the log says why.
func (f *fixture) assertNoClient(t *testing.T, status int, code, why string, edits ...string) {
	t.Helper()
	a := f.do(get(az(byDocument(edits...)...)))
	a.assertError(t, status, code)
	assert.Contains(t, f.logs.String(), why)
	assert.NotContains(t, a.Body.String(), why)
}

func TestClientIDDocumentFlow(t *testing.T) {
	t.Parallel()
	t.Run("CIMD-5 the metadata say so, when it is on", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, newDocumentHost(t).policy())
		assert.Contains(t, string(f.srv.Metadata()), `"client_id_metadata_document_supported":true`)
		assert.NotContains(t, string(newFixture(t).srv.Metadata()), "client_id_metadata")
	})
	t.Run("CIMD-4 from the request to a refreshed token, with one fetch", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		f := newFixture(t, h.policy())
		code := f.code(t, byDocument()...)
		exchange := []string{"code=" + code, "redirect_uri=" + docRedirect, "code_verifier=" + verifier}
		_, refresh := f.token(docID, "", "authorization_code", exchange...).tokens(t)
		access, refresh := f.token(docID, "", "refresh_token", "refresh_token="+refresh).tokens(t)
		in := f.do(post("/oauth/introspect", map[string][]string{"client_id": {docID}, "token": {access}}))
		assert.Equal(t, docID, in.json(t)["client_id"])
		out := f.do(post("/oauth/revoke", map[string][]string{"client_id": {docID}, "token": {refresh}}))
		assert.Equal(t, http.StatusOK, out.Code)
		assert.EqualValues(t, 1, h.fetches.Load())
		assert.Zero(t, f.store.calls["GetClient"], "the model is not asked")
	})
	t.Run("CIMD-4 the client is public and unverified", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		f := newFixture(t, h.policy())
		req, err := f.srv.AuthorizeRequest(get(az(byDocument()...)))
		require.NoError(t, err)
		assert.Equal(t, &model.Client{
			ID: docID, Name: "The App", Public: true, SelfRegistered: true, RedirectURIs: []string{docRedirect},
			Grants: []string{"authorization_code", "refresh_token"}, Scope: "read",
		}, req.Client)
	})
	t.Run("CIMD-4 a secret proves nothing", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, newDocumentHost(t).policy())
		f.token(docID, "s3cret", "refresh_token", "refresh_token=x").assertError(t, http.StatusUnauthorized, "invalid_client")
	})
	t.Run("CIMD-6 off: a URL is an id like any other, and nothing is fetched", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.assertNoClient(t, http.StatusBadRequest, "invalid_client", "no client")
		assert.Equal(t, 1, f.store.calls["GetClient"])
	})
	t.Run("CIMD-6 the scope is that of document and policy", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		h.serve(appDocument(map[string]any{"scope": "read write admin"}))
		f := newFixture(t, h.policy())
		f.authorize(byDocument("scope=write")...).assertRedirectError(t, docRedirect, "invalid_scope", "xyz")
		f.code(t, byDocument("scope=read")...)
	})
	t.Run("CIMD-6 the list of applications fetches nothing", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		f := newFixture(t, h.policy())
		code := f.code(t, byDocument()...)
		f.token(docID, "", "authorization_code", "code="+code, "redirect_uri="+docRedirect, "code_verifier="+verifier).tokens(t)
		apps, err := f.srv.Applications(t.Context(), "alice")
		require.NoError(t, err)
		require.Len(t, apps, 1)
		assert.Equal(t, "The App", apps[0].Client.Name)
		f.clock.Advance(time.Hour)
		apps, err = f.srv.Applications(t.Context(), "alice")
		require.NoError(t, err)
		assert.Nil(t, apps[0].Client)
		assert.EqualValues(t, 1, h.fetches.Load())
	})
}

func TestClientIDDocumentChanges(t *testing.T) {
	t.Parallel()
	t.Run("attack-K10 a redirect URI that is gone when the user approves gets no code", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		f := newFixture(t, h.policy())
		form := f.page(t, byDocument()...)
		h.serve(appDocument(map[string]any{"redirect_uris": []string{"https://evil.example.com/cb"}}))
		f.clock.Advance(9*time.Minute + 59*time.Second)
		assert.Equal(t, docRedirect, first(f.decide(form, "allow").location(t)), "the document that is kept still counts")
		form = f.page(t, byDocument()...)
		f.clock.Advance(time.Second)
		f.decide(form, "allow").assertError(t, http.StatusBadRequest, "invalid_request")
	})
	t.Run("attack-K10 the code goes where the user was told, and is exchanged for there only", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		f := newFixture(t, h.policy())
		form := f.page(t, byDocument()...)
		h.serve(appDocument(map[string]any{"redirect_uris": []string{"https://evil.example.com/cb", docRedirect}}))
		f.clock.Advance(time.Minute * 9)
		a := f.decide(form, "allow")
		assert.Equal(t, docRedirect, first(a.location(t)))
		exchange := []string{"code=" + a.code(t), "code_verifier=" + verifier}
		f.token(docID, "", "authorization_code", append(exchange, "redirect_uri=https://evil.example.com/cb")...).
			assertError(t, http.StatusBadRequest, "invalid_grant")
		f.token(docID, "", "authorization_code", append(exchange, "redirect_uri="+docRedirect)...).tokens(t)
	})
	t.Run("attack-K10+CIMD-4.5 a redirect URI that the document lacks", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, newDocumentHost(t).policy())
		for _, uri := range []string{docRedirect + "/", docRedirect + "?a=b", "https://APP.example.com/cb", "https://evil.example.com/cb"} {
			f.authorize(byDocument("redirect_uri="+uri)...).assertError(t, http.StatusBadRequest, "invalid_request")
		}
	})
	t.Run("attack-K10 a document that is gone ends refreshing", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		f := newFixture(t, h.policy())
		code := f.code(t, byDocument()...)
		_, refresh := f.token(docID, "", "authorization_code", "code="+code, "redirect_uri="+docRedirect, "code_verifier="+verifier).tokens(t)
		h.handle(http.NotFound)
		f.clock.Advance(time.Hour)
		f.token(docID, "", "refresh_token", "refresh_token="+refresh).assertError(t, http.StatusBadRequest, "invalid_client")
	})
}

func first(base string, _ any) string { return base }

func TestClientIDDocumentURL(t *testing.T) {
	t.Parallel()
	h := newDocumentHost(t)
	f := newFixture(t, h.policy(func(p *engine.ClientIDDocumentPolicy) {
		p.AllowHost = func(host string) bool { return host != "blocked.example.com" }
	}))
	for _, tt := range []struct{ name, id, why string }{
		{"no path", "https://example.com", "has no path"},
		{"dot segment", "https://example.com/a/./b", "dot segment"},
		{"double dot segment", "https://example.com/a/../b", "dot segment"},
		{"encoded dot segment", "https://example.com/a/%2e%2e/b", "dot segment"},
		{"fragment", "https://example.com/a#b", "a fragment"},
		{"empty fragment", "https://example.com/a#", "a fragment"},
		{"user", "https://user@example.com/a", "user information"},
		{"user and password", "https://a:b@example.com/a", "user information"},
		{"query", "https://example.com/a?b=c", "has a query"},
		{"empty query", "https://example.com/a?", "has a query"},
		{"no host", "https:///a", "DNS name"},
		{"one label", "https://intranet/a", "DNS name"},
		{"upper case", "https://Example.com/a", "DNS name"},
		{"dot at the end", "https://example.com./a", "DNS name"},
		{"address", "https://93.184.216.34/a", "DNS name"},
		{"IPv6 address", "https://[2606:4700::1111]/a", "DNS name"},
		{"short address", "https://127.1/a", "DNS name"},
		{"hexadecimal address", "https://0x7f.0.0.0x1/a", "DNS name"},
		{"decimal address", "https://2130706433/a", "DNS name"},
		{"wildcard", "https://*.example.com/a", "DNS name"},
		{"underscore", "https://a_b.example.com/a", "DNS name"},
		{"loopback name", "https://localhost/a", "loopback"},
		{"loopback address", "https://127.0.0.1/a", "loopback"},
		{"loopback IPv6 address", "https://[::1]/a", "loopback"},
		{"other port", "https://example.com:8443/a", "port other than 443"},
		{"empty port", "https://example.com:/a", "port other than 443"},
		{"padded port", "https://example.com:0443/a", "port other than 443"},
		{"space", "https://example.com/a b", "no place"},
		{"backslash", `https://example.com\@evil.test/a`, "no place"},
		{"too long", "https://example.com/" + strings.Repeat("a", 236), "longer than 255"},
		{"host that the policy refuses", "https://blocked.example.com/a", "does not allow the host"},
	} {
		t.Run("CIMD-3 "+tt.name, func(t *testing.T) {
			t.Parallel()
			f.assertNoClient(t, http.StatusBadRequest, "invalid_client", tt.why, "client_id="+tt.id)
		})
	}
	t.Cleanup(func() { assert.Empty(t, h.resolved, "nothing is asked of the network") })
	t.Run("CIMD-3 another scheme is no document", func(t *testing.T) {
		t.Parallel()
		for _, id := range []string{"http://example.com/a", "HTTPS://example.com/a", "file:///etc/passwd"} {
			f.assertNoClient(t, http.StatusBadRequest, "invalid_client", "is registered", "client_id="+id)
		}
	})
	t.Run("CIMD-6 no registered id begins with https", func(t *testing.T) {
		t.Parallel()
		c := model.Client{ID: docID, Public: true, RedirectURIs: []string{docRedirect}}
		require.ErrorContains(t, c.Validate(), "must not begin with https://")
		c.SelfRegistered = true
		require.NoError(t, c.Validate())
	})
	t.Run("CIMD-6 the policy names a scope of the vocabulary", func(t *testing.T) {
		t.Parallel()
		for scope, why := range map[model.Scope]string{"": "is empty", "nope": "Scopes lacks", "read read": "normal form"} {
			cfg := quietConfig()
			cfg.ClientIDDocuments = &engine.ClientIDDocumentPolicy{Scope: scope}
			_, err := engine.New(cfg)
			require.ErrorContains(t, err, "ClientIDDocuments.Scope")
			require.ErrorContains(t, err, why)
		}
	})
}

func TestClientIDDocumentContent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change map[string]any
		why    string // empty: it is good
	}{
		{"as it is", nil, ""},
		{"another client_id", map[string]any{"client_id": "https://example.com/other.json"}, "its client_id is"},
		{"client_id of another spelling", map[string]any{"client_id": "https://example.com:443/app.json"}, "its client_id is"},
		{"no client_id", map[string]any{"client_id": nil}, "its client_id is"},
		{"client_id in upper case letters", map[string]any{"client_id": nil, "Client_ID": docID}, "its client_id is"},
		{"client_id is a number", map[string]any{"client_id": 1}, "wrong type"},
		{"secret", map[string]any{"client_secret": "x"}, "client_secret"},
		{"secret's expiry", map[string]any{"client_secret_expires_at": 0}, "client_secret_expires_at"},
		{"client_secret_basic", map[string]any{"token_endpoint_auth_method": "client_secret_basic"}, "only none"},
		{"client_secret_post", map[string]any{"token_endpoint_auth_method": "client_secret_post"}, "only none"},
		{"client_secret_jwt", map[string]any{"token_endpoint_auth_method": "client_secret_jwt"}, "only none"},
		{"private_key_jwt", map[string]any{"token_endpoint_auth_method": "private_key_jwt"}, "only none"},
		{"no method", map[string]any{"token_endpoint_auth_method": nil}, ""},
		{"no redirect_uris", map[string]any{"redirect_uris": nil}, "needs RedirectURIs"},
		{"redirect_uris is a string", map[string]any{"redirect_uris": docRedirect}, "wrong type"},
		{"redirect URI over http", map[string]any{"redirect_uris": []string{docRedirect, "http://app.example.com/cb"}}, "must use https"},
		{"javascript redirect URI", map[string]any{"redirect_uris": []string{docRedirect, "javascript:alert(1)"}}, "must use https"},
		{"redirect URI with wildcard", map[string]any{"redirect_uris": []string{docRedirect, "https://*.example.com/cb"}}, "no wildcards"},
		{"too many redirect_uris", map[string]any{"redirect_uris": make([]string, 33)}, "more than 32"},
		{"only client_credentials", map[string]any{"grant_types": []string{"client_credentials"}}, "lack authorization_code"},
		{"no grant_types", map[string]any{"grant_types": nil}, ""},
		{"empty grant_types", map[string]any{"grant_types": []string{}}, "lack authorization_code"},
		{"scope is a list", map[string]any{"scope": []string{"read"}}, "wrong type"},
		{"malformed scope", map[string]any{"scope": `re"ad`}, "scope"},
		{"control character in the name", map[string]any{"client_name": "a\nb"}, "control characters"},
		{"letters in the name that run backwards", map[string]any{"client_name": "a\u202eknab"}, "cannot be seen"},
		{"invisible character in the name", map[string]any{"client_name": "My\u200bBank"}, "cannot be seen"},
		{"long name", map[string]any{"client_name": strings.Repeat("a", 101)}, "client_name is longer"},
		{"more than is known", map[string]any{"logo_uri": "http://169.254.169.254/", "jwks_uri": "http://127.0.0.1/"}, ""},
	} {
		t.Run("CIMD-4 "+tt.name, func(t *testing.T) {
			t.Parallel()
			h := newDocumentHost(t)
			h.serve(appDocument(tt.change))
			f := newFixture(t, h.policy())
			if tt.why == "" {
				f.code(t, byDocument()...)
				assert.Equal(t, []string{"93.184.216.34:443"}, h.dialled, "nothing else is fetched")
				return
			}
			f.assertNoClient(t, http.StatusBadRequest, "invalid_client", tt.why)
		})
	}
	t.Run("CIMD-4 grants that are not for this server are left out", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		h.serve(appDocument(map[string]any{"grant_types": []string{"authorization_code", "password", "client_credentials", model.GrantDeviceCode}}))
		f := newFixture(t, h.policy())
		req, err := f.srv.AuthorizeRequest(get(az(byDocument()...)))
		require.NoError(t, err)
		assert.Equal(t, []string{"authorization_code"}, req.Client.Grants)
	})
}
