package secrets

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

// everything does all that clients and users can do, also wrong, and returns an access token that is good.
func (r *run) everything() (access string) {
	r.t.Helper()
	r.users()
	r.codes()
	r.mistakes()
	r.otherGrants()
	r.device()
	r.registration()
	return r.pages()
}

func (r *run) users() {
	visitor := r.server.NewVisitor(r.t)
	visitor.SignIn("alice", "mock-turtle-soup")
	visitor.SignIn("hatter", "no-such-user-tea")
	visitor.SignIn("alice", "wonderland")
	r.keep("cookie or form", visitor.Secrets()...)
}

func (r *run) codes() {
	// A code, exchanged wrong in every way, then right, then again.
	web := r.basic("web", r.seed.Client("web").Secret)
	code, verifier := r.code("web", demo.Callback)
	r.exchange(code, verifier, r.basic("web", "not-the-clients-secret"), nil)
	r.exchange(code, verifier, nil, url.Values{"client_id": {"post"}, "client_secret": {r.seed.Client("post").Secret}})
	r.exchange(code, verifier, web, url.Values{"redirect_uri": {demo.Callback + "/elsewhere"}})
	r.exchange(code, "", web, url.Values{"code_verifier": nil})
	r.exchange(code, "too-short-a-verifier", web, nil)
	r.exchange(code[:60]+"AAAA", verifier, web, nil)
	tokens := r.exchange(code, verifier, web, nil)
	require.Contains(r.t, tokens, "access_token")

	// The API, with the token in every place, and with one that is none.
	access := tokens["access_token"].(string)
	r.send(http.MethodGet, "/api/notes", nil, bearer(access))
	r.send(http.MethodPost, "/api/notes", nil, bearer(access))
	r.send(http.MethodGet, "/api/notes?access_token="+url.QueryEscape(access), nil, nil)
	r.send(http.MethodPost, "/api/notes", url.Values{"access_token": {access}}, nil)
	r.send(http.MethodGet, "/api/notes", nil, bearer("a-token-that-is-not-one"))
	r.keep("unknown token", "a-token-that-is-not-one")
	r.send(http.MethodGet, "/api/notes", nil, r.basic("alice", "password-in-the-wrong-place"))

	// Refreshes: right, repeated in the grace, refused, replayed.
	second := r.refresh(tokens["refresh_token"], web)
	require.Contains(r.t, second, "refresh_token")
	assert.Equal(r.t, second["refresh_token"], r.refresh(tokens["refresh_token"], web)["refresh_token"])
	r.refresh(second["refresh_token"], r.basic("web", "not-the-clients-secret-either"))
	r.refresh(second["refresh_token"], web)
	assert.Equal(r.t, "invalid_grant", r.refresh(tokens["refresh_token"], web)["error"])
	r.exchange(code, verifier, web, nil)
	r.send(http.MethodGet, "/api/notes", nil, bearer(access))
}

func (r *run) mistakes() {
	// A wrong verifier, which burns the code.
	code, verifier := r.code("spa", demo.Callback)
	wrong := oauth2.GenerateVerifier()
	assert.Equal(r.t, "invalid_grant", r.exchange(code, wrong, nil, url.Values{"client_id": {"spa"}})["error"])
	assert.Equal(r.t, "invalid_grant", r.exchange(code, verifier, nil, url.Values{"client_id": {"spa"}})["error"])

	// Secrets where they do not belong. Client ids and redirect URIs are public, and are logged: who sends a secret as one of
	// these has published it.
	r.send(http.MethodGet, "/oauth/authorize?client_id=web&client_secret=secret-in-a-query&code="+code+"&redirect_uri=https://attacker.example/", nil, nil)
	r.keep("client secret", "secret-in-a-query")
	r.send(http.MethodPost, "/oauth/token?client_secret=secret-in-a-query&code="+code, url.Values{"grant_type": {"authorization_code"}}, nil)
	r.send(http.MethodGet, "/login?username=alice&password=password-in-a-query", nil, nil)
	r.keep("password", "password-in-a-query")
	r.send(http.MethodPost, "/oauth/token", url.Values{"grant_type": {code}, "client_id": {"web"}}, nil)
}

func (r *run) otherGrants() {
	machine := r.send(http.MethodPost, "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}, r.basic("machine", r.seed.Client("machine").Secret))
	require.Contains(r.t, machine, "access_token")
	legacy := r.basic("legacy", "legacy-secret-0123456789")
	form := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wonderland"}, "scope": {"read"}}
	require.Contains(r.t, r.send(http.MethodPost, "/oauth/token", form, legacy), "access_token")
	form.Set("password", "cheshire-grin")
	assert.Equal(r.t, "invalid_grant", r.send(http.MethodPost, "/oauth/token", form, legacy)["error"])
}

// device is a device that polls when the user has allowed it, and once more.
func (r *run) device() {
	form := url.Values{"client_id": {"device"}, "scope": {"profile read"}}
	started := r.send(http.MethodPost, "/oauth/device_authorization", form, nil)
	require.Contains(r.t, started, "device_code")
	code, userCode := started["device_code"].(string), started["user_code"].(string)
	r.keepToken("device code", code)
	r.keep("user code", userCode, userCode[:4]+userCode[5:])
	r.alice.Device(started["verification_uri_complete"].(string), "allow")
	r.keep("cookie or form", r.alice.Secrets()...)
	poll := url.Values{"grant_type": {demo.DeviceGrant}, "device_code": {code}, "client_id": {"device"}}
	assert.Contains(r.t, r.send(http.MethodPost, "/oauth/token", poll, nil), "refresh_token")
	assert.Contains(r.t, r.send(http.MethodPost, "/oauth/token", poll, nil), "error")
}

// register registers a client and returns the answer.
func (r *run) register(name string) map[string]any {
	r.t.Helper()
	body, err := json.Marshal(map[string]any{"client_name": name, "redirect_uris": []string{demo.Callback}, "token_endpoint_auth_method": "client_secret_basic", "scope": "read"})
	require.NoError(r.t, err)
	client := r.sendJSON(http.MethodPost, "/oauth/register", string(body), nil)
	require.Contains(r.t, client, "client_secret")
	r.keep("client secret", client["client_secret"].(string))
	r.keepToken("registration token", client["registration_access_token"].(string))
	return client
}

// registration is a client that registers itself, looks at itself, gets tokens, and one that takes itself out again.
func (r *run) registration() {
	client := r.register("Registered")
	id, secret := client["client_id"].(string), client["client_secret"].(string)
	manage, err := url.Parse(client["registration_client_uri"].(string))
	require.NoError(r.t, err)
	assert.Contains(r.t, r.send(http.MethodGet, manage.EscapedPath(), nil, bearer(client["registration_access_token"].(string))), "client_name")

	verifier := oauth2.GenerateVerifier()
	c := oauth2.Config{ClientID: id, RedirectURL: demo.Callback, Scopes: []string{"read"}, Endpoint: oauth2.Endpoint{AuthURL: r.server.URL + "/oauth/authorize"}}
	code := r.alice.Authorize(c.AuthCodeURL("a-state", oauth2.S256ChallengeOption(verifier)), "allow").Query().Get("code")
	r.keepToken("code", code)
	r.keep("verifier", verifier)
	require.Contains(r.t, r.exchange(code, verifier, r.basic(id, secret), nil), "access_token")

	gone := r.register("Gone")
	manage, err = url.Parse(gone["registration_client_uri"].(string))
	require.NoError(r.t, err)
	r.send(http.MethodDelete, manage.EscapedPath(), nil, bearer(gone["registration_access_token"].(string)))
}

// token is what the pages of the demo client show.
var token = regexp.MustCompile(`[A-Za-z0-9_-]{64}`)

// pages goes through the demo client, asks about a token, revokes one, and looks at the applications that have access. It
// returns an access token that is good.
func (r *run) pages() (access string) {
	shown := token.FindAllString(r.alice.WalkThrough(), -1)
	require.NotEmpty(r.t, shown, "the demo client shows its tokens")
	for _, t := range shown {
		r.keepToken("token of the demo client", t)
	}
	status, _ := r.alice.Open("/oauth/applications")
	assert.Equal(r.t, http.StatusOK, status)

	web := r.basic("web", r.seed.Client("web").Secret)
	code, verifier := r.code("web", demo.Callback)
	tokens := r.exchange(code, verifier, web, nil)
	require.Contains(r.t, tokens, "refresh_token")
	access = tokens["access_token"].(string)
	about := r.send(http.MethodPost, "/oauth/introspect", url.Values{"token": {access}}, r.basic("notes-api", r.seed.Client("notes-api").Secret))
	assert.Equal(r.t, true, about["active"])

	code, verifier = r.code("web", demo.Callback)
	more := r.exchange(code, verifier, web, nil)
	require.Contains(r.t, more, "refresh_token")
	r.send(http.MethodPost, "/oauth/revoke", url.Values{"token": {more["refresh_token"].(string)}}, web)
	return access
}
