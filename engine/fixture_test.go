package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// What the fixture's clients and requests are made of. Verifier and challenge
// are those of RFC 7636, appendix B.
const (
	issuer    = "https://as.test"
	r1        = "https://client.example/cb"
	r2        = "https://client.example/cb2"
	rp        = "https://app.example/cb"
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	customURN = "urn:example:params:oauth:grant-type:custom"
	formType  = "application/x-www-form-urlencoded"
	withS256  = "code_challenge=" + challenge // for az; goes together with s256
	s256      = "code_challenge_method=S256"
)

// fixtureStart is where the fixture's clock stands at first.
var fixtureStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a clock that moves when told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock; a negative duration moves it back.
func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// syncBuffer is a buffer for a log that several requests write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// fixture is a server over a store in memory with the clients that the rows of
// the port's table name, a clock of its own, and a browser of which the user is
// signed in. It is safe for concurrent use once it is made.
type fixture struct {
	srv   *engine.Server
	store *spyStore
	clock *clock
	logs  *syncBuffer
	// user is who is signed in; nil: nobody.
	user *model.User

	mu     sync.Mutex
	events []engine.Event
	// secrets are all codes and tokens that were handed out. None of them may
	// ever stand in a log or an event.
	secrets []string
}

// newFixture makes a fixture. The options change its configuration.
func newFixture(t *testing.T, options ...func(*engine.Config)) *fixture {
	t.Helper()
	f := &fixture{store: newSpyStore(t), clock: &clock{now: fixtureStart}, logs: &syncBuffer{}, user: alice()}
	cfg := quietConfig()
	cfg.Model, cfg.Clock = f.store, f.clock.Now
	cfg.Logger = slog.New(slog.NewTextHandler(f.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, option := range options {
		option(&cfg)
	}
	next := cfg.Events
	record := f.record
	cfg.Events = record
	if next != nil {
		cfg.Events = eventsInTurn(record, next)
	}
	var err error
	f.srv, err = engine.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { f.assertNoSecretLogged(t) })
	return f
}

func alice() *model.User { return &model.User{ID: "alice", Name: "Alice", SessionID: "session-1"} }

// fixtureClients are the clients of the port's fixture, as far as they may be
// registered at all. The code challenge is waived for conf, so that the rows can
// be sent as they stand; strict is a confidential client without the waiver.
func fixtureClients() []model.Client {
	all := []string{model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantPassword, model.GrantClientCredentials}
	return []model.Client{
		{ID: "conf", Secrets: model.HashSecrets("s3cret"), Grants: all, RedirectURIs: []string{r1, r2}, Scope: "read write", AllowNoPKCE: true},
		{ID: "conf2", Secrets: model.HashSecrets("s3cret2"), Grants: all, RedirectURIs: []string{"https://client2.example/cb"}, Scope: "read write", AllowNoPKCE: true},
		{ID: "strict", Secrets: model.HashSecrets("s3cret"), Grants: all, RedirectURIs: []string{r1}, Scope: "read write"},
		{ID: "post", Secrets: model.HashSecrets("s3cret"), AuthMethod: model.AuthSecretPost, Grants: all, RedirectURIs: []string{r1}, Scope: "read write", AllowNoPKCE: true},
		{ID: "pub", Public: true, RedirectURIs: []string{rp}, Scope: "read write"},
		{ID: "native", Public: true, RedirectURIs: []string{"http://127.0.0.1/cb"}, Scope: "read write"},
		{ID: "cconly", Secrets: model.HashSecrets("ccs"), Grants: []string{model.GrantClientCredentials}, RedirectURIs: []string{"https://cc.example/cb"}, Scope: "read write"},
		{ID: "empty", Secrets: model.HashSecrets("x"), Grants: []string{"urn:example:nothing"}, RedirectURIs: []string{"https://c.example/cb"}, Scope: "read write"},
		{ID: "short", Secrets: model.HashSecrets("x"), Grants: all[1:], Scope: "read write", AccessTokenLifetime: time.Minute, RefreshTokenLifetime: 2 * time.Minute},
		{ID: "ext", Secrets: model.HashSecrets("x"), Grants: []string{customURN, model.GrantPassword}, Scope: "read write"},
		{ID: "rs", Secrets: model.HashSecrets("rss"), Grants: []string{model.GrantClientCredentials}, ResourceServer: true},
		{ID: "off", Secrets: model.HashSecrets("x"), Grants: all, RedirectURIs: []string{r1}, Scope: "read write", AllowNoPKCE: true, Disabled: true},
	}
}

// edit applies the shorthand of the rows to parameters: "k=v" sets, "+k=v" adds
// a repeat, "-k" removes.
func edit(v url.Values, edits ...string) url.Values {
	for _, e := range edits {
		name, value, _ := strings.Cut(e, "=")
		switch name[0] {
		case '-':
			v.Del(name[1:])
		case '+':
			v.Add(name[1:], value)
		default:
			v.Set(name, value)
		}
	}
	return v
}

// az is the authorization request AZ of the rows, with edits.
func az(edits ...string) url.Values {
	return edit(url.Values{"response_type": {"code"}, "client_id": {"conf"}, "redirect_uri": {r1}, "scope": {"read"}, "state": {"xyz"}}, edits...)
}

// pub turns AZ into the request of the public client, with its challenge.
func pub(edits ...string) []string {
	return append([]string{"client_id=pub", "redirect_uri=" + rp, withS256, s256}, edits...)
}

func get(params url.Values) *http.Request {
	return httptest.NewRequest(http.MethodGet, issuer+"/oauth/authorize?"+params.Encode(), nil)
}

func post(path string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", formType)
	return r
}

// do sends a request to the fixture's server.
func (f *fixture) do(r *http.Request) answer {
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	withoutReferences(w)
	a := answer{w}
	f.remember(a)
	return a
}

// ServeHTTP is an application on plain net/http: it asks the engine the way the
// package comment says, and its page is the sealed form alone.
func (f *fixture) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/oauth/authorize":
		f.serveAuthorize(w, r)
	case "/oauth/token":
		if res, err := f.srv.Token(r); err != nil {
			f.srv.WriteError(w, r, err)
		} else {
			f.srv.WriteToken(w, r, res)
		}
	case "/oauth/revoke":
		if err := f.srv.Revoke(r); err != nil {
			f.srv.WriteError(w, r, err)
		} else {
			f.srv.WriteRevoked(w, r)
		}
	case "/oauth/introspect":
		if in, err := f.srv.Introspect(r); err != nil {
			f.srv.WriteError(w, r, err)
		} else {
			f.srv.WriteIntrospection(w, r, in)
		}
	case "/oauth/device_authorization":
		if res, err := f.srv.DeviceAuthorization(r); err != nil {
			f.srv.WriteError(w, r, err)
		} else {
			f.srv.WriteDevice(w, r, res)
		}
	case "/oauth/register":
		f.writeClient(w, r, f.srv.RegisterClient)
	case f.srv.MetadataPath():
		f.srv.WriteMetadata(w, r)
	default:
		if strings.HasPrefix(r.URL.Path, "/oauth/register/") {
			f.writeClient(w, r, f.srv.ManageClient)
			return
		}
		http.NotFound(w, r)
	}
}

func (f *fixture) writeClient(w http.ResponseWriter, r *http.Request, serve func(*http.Request) (*engine.ClientResponse, error)) {
	res, err := serve(r)
	if err != nil {
		f.srv.WriteError(w, r, err)
		return
	}
	f.srv.WriteClient(w, r, res)
}

func (f *fixture) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.PostFormValue("consent_request") != "" {
		f.serveDecision(w, r)
		return
	}
	req, err := f.srv.AuthorizeRequest(r)
	switch {
	case err != nil:
		f.srv.WriteError(w, r, err)
	case r.Method == http.MethodPost:
		http.Redirect(w, r, "/oauth/authorize?"+req.Query(), http.StatusSeeOther)
	case f.user == nil:
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	default:
		form, err := f.srv.Seal(req, f.user)
		if err != nil {
			f.srv.WriteError(w, r, err)
			return
		}
		_, _ = w.Write([]byte(form))
	}
}

func (f *fixture) serveDecision(w http.ResponseWriter, r *http.Request) {
	req, err := f.srv.Open(r.Context(), r.PostForm.Get("consent_request"), f.user)
	if err != nil {
		f.srv.WriteError(w, r, err)
		return
	}
	if r.PostForm.Get("decision") != "allow" {
		f.srv.WriteError(w, r, f.srv.Deny(r.Context(), req, f.user))
		return
	}
	scope := req.Scope
	if r.PostForm.Has("scope") {
		scope = model.Scope(r.PostForm.Get("scope"))
	}
	res, err := f.srv.Approve(r.Context(), req, f.user, scope)
	if err != nil {
		f.srv.WriteError(w, r, err)
		return
	}
	f.srv.WriteAuthorize(w, r, res)
}

// page sends AZ and returns the sealed form of the page it shows.
func (f *fixture) page(t *testing.T, edits ...string) string {
	t.Helper()
	a := f.do(get(az(edits...)))
	require.Equal(t, http.StatusOK, a.Code, a.Body)
	return a.Body.String()
}

// decide answers a page; edits change the posted form.
func (f *fixture) decide(form, decision string, edits ...string) answer {
	return f.do(post("/oauth/authorize", edit(url.Values{"consent_request": {form}, "decision": {decision}}, edits...)))
}

// authorize sends AZ; if it is shown to the user, who then approves, the answer
// is that of the approval, else that of the request.
func (f *fixture) authorize(edits ...string) answer {
	a := f.do(get(az(edits...)))
	if a.Code != http.StatusOK {
		return a
	}
	return f.decide(a.Body.String(), "allow")
}

// code sends AZ, approves it and returns the code.
func (f *fixture) code(t *testing.T, edits ...string) string {
	t.Helper()
	return f.authorize(edits...).code(t)
}

// token sends a token request as this client: by Basic with its secret, or by
// client_id alone when the secret is empty. The form is grant_type and edits.
func (f *fixture) token(clientID, secret, grantType string, edits ...string) answer {
	form := edit(url.Values{"grant_type": {grantType}}, edits...)
	if secret == "" {
		form.Set("client_id", clientID)
	}
	r := post("/oauth/token", form)
	if secret != "" {
		r.SetBasicAuth(clientID, secret)
	}
	return f.do(r)
}

// tokens authorizes as conf for "read write" and exchanges the code.
func (f *fixture) tokens(t *testing.T, edits ...string) (access, refresh string) {
	t.Helper()
	code := f.code(t, append([]string{"scope=read write"}, edits...)...)
	return f.token("conf", "s3cret", "authorization_code", "code="+code, "redirect_uri="+r1).tokens(t)
}

// resource sends a request to a route that is guarded with these scopes.
func (f *fixture) resource(r *http.Request, scopes ...string) answer {
	w := httptest.NewRecorder()
	if t, err := f.srv.Authenticate(r, scopes...); err != nil {
		f.srv.WriteError(w, r, err)
	} else {
		f.srv.SetHeaders(w.Header(), t, scopes...)
		w.WriteHeader(http.StatusOK)
		_ = json.NewEncoder(w).Encode(t)
	}
	return answer{w}
}

// rs is a GET of the resource with this Authorization header; empty: none.
func rs(authorization string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, issuer+"/resource", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

// works reports whether an access token opens a resource.
func (f *fixture) works(access string) bool {
	return f.resource(rs("Bearer "+access)).Code == http.StatusOK
}

// write writes an approval as the answer to r.
func (f *fixture) write(r *http.Request, res *engine.AuthorizeResponse) answer {
	w := httptest.NewRecorder()
	f.srv.WriteAuthorize(w, r, res)
	return answer{w}
}

// writeError writes an error as the answer to r.
func (f *fixture) writeError(r *http.Request, err error) answer {
	w := httptest.NewRecorder()
	f.srv.WriteError(w, r, err)
	return answer{w}
}

// base64URL encodes as codes, tokens and challenges are.
func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// challengeBytes is the challenge as it is stored.
func challengeBytes() [32]byte { return sha256.Sum256([]byte(verifier)) }

// quietConfig is the fixture's configuration over a store of its own, for fuzz
// targets: nothing is recorded.
func quietConfig() engine.Config {
	store := memstore.New()
	for _, c := range fixtureClients() {
		if err := store.AddClient(c); err != nil {
			panic(err)
		}
	}
	return engine.Config{
		Model: store, Issuer: issuer, Scopes: fixtureScopes(), DefaultScope: "read",
		Keys: [][]byte{bytes.Repeat([]byte{7}, 32)}, Logger: slog.New(slog.DiscardHandler),
	}
}

func fixtureScopes() []engine.ScopeInfo {
	return []engine.ScopeInfo{
		{Name: "read", Title: "Read your notes"},
		{Name: "write", Title: "Write notes"},
		{Name: "admin", Title: "Administer"},
	}
}

// withPassword turns the password grant on: alice and her password.
func withPassword(c *engine.Config) {
	c.CheckPassword = func(_ context.Context, _ *model.Client, username, password string) (*model.User, error) {
		if username == "alice" && password == "wonderland" {
			return alice(), nil
		}
		return nil, model.ErrNoUser
	}
}
