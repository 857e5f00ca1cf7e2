package sqlstore

import (
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

const (
	callback = "https://web.test/cb"
	verifier = "a-verifier-of-forty-three-characters-or-more"
)

// newServer is a real authorization server on the store, with every grant that a public client can have.
func newServer(t *testing.T, store *sqlstore.Store) *engine.Server {
	t.Helper()
	require.NoError(t, store.CreateClient(t.Context(), &model.Client{
		ID: "web", Name: "Web", Public: true, RedirectURIs: []string{callback}, Scope: "read",
		Grants: []string{model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantDeviceCode},
	}))
	rate := model.Rate{Interval: 1, Burst: 1000} // everything is counted, and nothing too often
	server, err := engine.New(engine.Config{
		Model: store, Issuer: "https://auth.test", Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read"}}, Logger: slog.New(slog.DiscardHandler),
		RateLimits: engine.RateLimits{Address: rate, Client: rate, Failures: rate, DeviceCodes: rate},
	})
	require.NoError(t, err)
	return server
}

// authorizeRequest is the query of a good authorization request with this state.
func authorizeRequest(state string) url.Values {
	challenge := sha256.Sum256([]byte(verifier))
	return url.Values{
		"response_type": {"code"}, "client_id": {"web"}, "redirect_uri": {callback}, "scope": {"read"}, "state": {state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
}

func post(path string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// authorize goes through the front channel as this user and returns the redirect's parameters.
func authorize(t *testing.T, server *engine.Server, user, state string) url.Values {
	t.Helper()
	req, err := server.AuthorizeRequest(httptest.NewRequest(http.MethodGet, "/oauth/authorize?"+authorizeRequest(state).Encode(), nil))
	require.NoError(t, err)
	alice := &model.User{ID: user}
	form, err := server.Seal(req, alice)
	require.NoError(t, err)
	req, err = server.Open(t.Context(), form, alice)
	require.NoError(t, err)
	res, err := server.Approve(t.Context(), req, alice, req.Scope)
	require.NoError(t, err)
	location, err := url.Parse(res.Location)
	require.NoError(t, err)
	return location.Query()
}

func exchangeForm(code string) url.Values {
	return url.Values{"grant_type": {model.GrantAuthorizationCode}, "client_id": {"web"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
}

// TestOddStatesAndUsers takes odd texts through the whole of a flow: the state comes back as it was sent, and the user is
// the one who signed in.
func TestOddStatesAndUsers(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, _ := p.fresh(t)
		server := newServer(t, store)
		states := append(odd(), strings.Repeat("0123456789", 1024), strings.Repeat("😀", 2560), "a\x00b", "\xff")
		for i, state := range states {
			user := "alice"
			if i < len(odd()) {
				user = state
			}
			got := authorize(t, server, user, state)
			assert.Equal(t, state, got.Get("state"))
			tokens, err := server.Token(post("/oauth/token", exchangeForm(got.Get("code"))))
			require.NoError(t, err, "%q", state)
			assert.Equal(t, user, tokens.Token.UserID)
			tokens, err = server.Token(post("/oauth/token", url.Values{"grant_type": {model.GrantRefreshToken}, "client_id": {"web"}, "refresh_token": {tokens.RefreshToken}}))
			require.NoError(t, err, "%q", state)
			checked, err := server.VerifyToken(t.Context(), tokens.AccessToken)
			require.NoError(t, err)
			assert.Equal(t, user, checked.UserID)
			if user == state {
				apps, err := server.Applications(t.Context(), user)
				require.NoError(t, err)
				assert.Len(t, apps, 1, "%q", user)
			}
		}
	})
}

// TestOddRequests puts odd texts into every parameter of every endpoint, one at a time: whatever is refused is refused to
// the client's face, and is no fault of the server's.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, db := p.fresh(t)
		server := newServer(t, store)
		good := authorize(t, server, "alice", "state")
		texts := append(append(odd(), refused()...), strings.Repeat("A", 64), "AAAA-AAAA")
		endpoints := []struct {
			path string
			form url.Values
			call func(r *http.Request) error
		}{
			{"/oauth/authorize", authorizeRequest("state"), func(r *http.Request) error { _, err := server.AuthorizeRequest(r); return err }},
			{"/oauth/token", exchangeForm(strings.Repeat("A", 64)), func(r *http.Request) error { _, err := server.Token(r); return err }},
			{"/oauth/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"web"}, "refresh_token": {"x"}, "scope": {"read"}}, func(r *http.Request) error { _, err := server.Token(r); return err }},
			{"/oauth/token", url.Values{"grant_type": {model.GrantDeviceCode}, "client_id": {"web"}, "device_code": {"x"}}, func(r *http.Request) error { _, err := server.Token(r); return err }},
			{"/oauth/device_authorization", url.Values{"client_id": {"web"}, "scope": {"read"}}, func(r *http.Request) error { _, err := server.DeviceAuthorization(r); return err }},
			{"/oauth/revoke", url.Values{"client_id": {"web"}, "token": {"x"}, "token_type_hint": {"access_token"}}, server.Revoke},
			{"/oauth/introspect", url.Values{"client_id": {"web"}, "client_secret": {"x"}, "token": {"x"}}, func(r *http.Request) error { _, err := server.Introspect(r); return err }},
		}
		for _, e := range endpoints {
			for name := range e.form {
				for _, text := range texts {
					form := url.Values{}
					for k, v := range e.form {
						form[k] = v
					}
					form.Set(name, text)
					r := post(e.path, form)
					if e.path == "/oauth/authorize" {
						r = httptest.NewRequest(http.MethodGet, e.path+"?"+form.Encode(), nil)
					}
					assertNoFault(t, e.call(r), e.path, name, text)
				}
			}
		}
		for _, text := range texts {
			r := httptest.NewRequest(http.MethodGet, "/api", nil)
			r.Header.Set("Authorization", "Bearer "+text)
			_, err := server.Authenticate(r)
			assertNoFault(t, err, "api", "token", text)
			_, err = server.DeviceRequest(t.Context(), text, &model.User{ID: "alice"})
			assertNoFault(t, err, "device", "user_code", text)
			r = post("/oauth/token", exchangeForm("x"))
			r.SetBasicAuth(url.QueryEscape(text), url.QueryEscape(text))
			_, err = server.Token(r)
			assertNoFault(t, err, "token", "Basic", text)
			r = httptest.NewRequest(http.MethodGet, "/login", nil)
			r.RemoteAddr = "192.0.2.1:1"
			server.LoginFailed(r, text)
			assertNoFault(t, server.AllowLogin(r, text), "login", "username", text)
		}
		// The code that was issued before all of that is still good.
		_, err := server.Token(post("/oauth/token", exchangeForm(good.Get("code"))))
		require.NoError(t, err)
		assert.NotEmpty(t, p.tables(t, db))
	})
}

// assertNoFault asserts that an error is for whoever sent the request.
func assertNoFault(t *testing.T, err error, endpoint, parameter, text string) {
	t.Helper()
	if err == nil {
		return
	}
	e := engine.AsError(err)
	assert.Less(t, e.HTTPStatus(), 500, "%s: %s=%.40q: %v: %v", endpoint, parameter, text, err, e.Cause)
}
