package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const goodSeed = `{
  "clients": [
    {"client_id": "web", "client_secret": "web-secret", "client_name": "Web App", "redirect_uris": ["https://web.test/cb"],
     "grant_types": ["authorization_code", "refresh_token"], "scope": "profile  read", "token_endpoint_auth_method": "client_secret_post"},
    {"client_id": "spa", "redirect_uris": ["https://spa.test/cb"], "scope": "read", "token_endpoint_auth_method": "none", "client_secret": null},
    {"client_id": "machine", "client_secret": "s", "redirect_uris": [], "grant_types": ["client_credentials"], "scope": "read"},
    {"client_id": "api", "client_secret": "s", "grant_types": ["client_credentials"], "resource_server": true}
  ],
  "users": [{"username": "alice", "password": "wonderland", "name": "Alice"}, {"username": "bob", "password": "x"}]
}`

func TestParseSeed(t *testing.T) {
	t.Parallel()
	s, err := parseSeed([]byte(goodSeed), false)
	require.NoError(t, err)
	assert.Empty(t, s.Warnings)
	assert.False(t, s.BuiltIn)
	assert.Equal(t, []seedUser{{"alice", "wonderland", "Alice"}, {"bob", "x", ""}}, s.Users)
	require.Len(t, s.Clients, 4)
	assert.Equal(t, model.Client{
		ID: "web", Name: "Web App", Secrets: model.HashSecrets("web-secret"), AuthMethod: model.AuthSecretPost,
		RedirectURIs: []string{"https://web.test/cb"}, Grants: []string{"authorization_code", "refresh_token"}, Scope: "profile read",
	}, s.Clients[0])
	assert.True(t, s.Clients[1].Public)
	assert.Empty(t, s.Clients[1].Secrets)
	assert.Equal(t, model.AuthSecretBasic, s.Clients[2].Method())
	assert.False(t, s.Clients[2].ResourceServer)
	assert.True(t, s.Clients[3].ResourceServer)
	m, ok := s.machine()
	require.True(t, ok)
	assert.Equal(t, "machine", m.ID)
}

func TestParseSeedRefuses(t *testing.T) {
	t.Parallel()
	web := `"client_id": "web", "client_secret": "s", "redirect_uris": ["https://web.test/cb"]`
	for _, tc := range []struct{ name, text, want string }{
		{"empty", " \n", "line 1: the file is empty"},
		{"not JSON", "{\n\"users\": [\n}", "line 3: not JSON"},
		{"cut off", "{\n\"users\": [", "line 2: not JSON"},
		{"more after the end", "{}\n{}", "line 2: not JSON"},
		{"trailing comma", "{\"users\": [\n],\n}", "line 3: not JSON"},
		{"not UTF-8", "{\n\"users\": \"\xff\"}", "line 2: the file must be UTF-8"},
		{"not an object", "[]", "line 1: the file must be an object, not an array"},
		{"unknown member of the file", "{\n\"user\": []}", `line 2: the file has no member "user"; its members are clients, users`},
		{"other case", `{"Users": []}`, `line 1: the file has no member "Users"`},
		{"member twice", "{\"users\": [],\n\"users\": []}", `line 2: "users" stands here a second time`},
		{"users not an array", "{\"users\":\n {}}", "line 2: users must be an array, not an object"},
		{"user not an object", "{\"users\": [\n1]}", "line 2: a user must be an object, not a number"},
		{"user without name", "{\"users\": [\n{\"password\": \"x\"}]}", `line 2: user "": username is missing`},
		{"user without password", "{\"users\": [\n{\"username\": \"a\"}]}", `line 2: user "a": password is missing`},
		{"user with empty password", `{"users": [{"username": "a", "password": ""}]}`, "password is missing"},
		{"user with control character", `{"users": [{"username": "a\u0000", "password": "x"}]}`, "control characters"},
		{"user twice", "{\"users\": [{\"username\": \"a\", \"password\": \"x\"},\n{\"username\": \"a\", \"password\": \"y\"}]}", `line 2: user "a" stands here a second time`},
		{"unknown member of a user", "{\"users\": [{\"username\": \"a\",\n\"pasword\": \"x\"}]}", `line 2: a user has no member "pasword"`},
		{"password not a string", "{\"users\": [{\"username\": \"a\",\n\"password\": 1}]}", "line 2: password must be a string, not a number"},
		{"client without id", "{\"clients\": [\n{}]}", "line 2: a client needs a client_id"},
		{"the demo's own id", "{\"clients\": [{\n\"client_id\": \"demo\"}]}", `line 2: client "demo" is the demo's own`},
		{"client twice", "{\"clients\": [{" + web + "},\n{" + web + "}]}", `line 2: client "web" stands here a second time`},
		{"unknown member of a client", "{\"clients\": [{" + web + ",\n\"redirect_uri\": \"x\"}]}", `line 2: a client has no member "redirect_uri"`},
		{"no secret", "{\"clients\": [\n{\"client_id\": \"web\", \"redirect_uris\": [\"https://web.test/cb\"]}]}", `line 2: client "web" needs a client_secret`},
		{"empty secret", "{\"clients\": [{\"client_id\": \"web\",\n\"client_secret\": \"\"}]}", "line 2: client_secret must not be empty"},
		{"secret of a public client", "{\"clients\": [{" + web + ",\n\"token_endpoint_auth_method\": \"none\"}]}", "remove its client_secret"},
		{"unknown method", "{\"clients\": [{" + web + ",\n\"token_endpoint_auth_method\": \"private_key_jwt\"}]}", `line 2: client "web": token_endpoint_auth_method "private_key_jwt" is unknown`},
		{"unknown grant", "{\"clients\": [{" + web + ",\n\"grant_types\": [\"authorisation_code\"]}]}", `line 2: client "web": grant_types: "authorisation_code"`},
		{"implicit grant", "{\"clients\": [{" + web + ",\n\"grant_types\": [\"implicit\"]}]}", "line 2: "},
		{"no grant", "{\"clients\": [{" + web + ",\n\"grant_types\": []}]}", "line 2: grant_types must not be empty"},
		{"grants not strings", "{\"clients\": [{" + web + ",\n\"grant_types\": [null]}]}", "line 2: each of grant_types must be a string, not null"},
		{"redirect URI not absolute", "{\"clients\": [{\"client_id\": \"web\", \"client_secret\": \"s\", \"redirect_uris\": [\"https://web.test/cb\",\n\"/cb\"]}]}", `line 2: redirect URI "/cb" must be an absolute URI`},
		{"redirect URI by http", "{\"clients\": [{\"client_id\": \"web\", \"client_secret\": \"s\", \"redirect_uris\": [\n\"http://web.test/cb\"]}]}", "line 2: redirect URI \"http://web.test/cb\" must use https"},
		{"no redirect URI", "{\"clients\": [\n{\"client_id\": \"web\", \"client_secret\": \"s\"}]}", "line 2: "},
		{"scope of bad characters", "{\"clients\": [{" + web + ",\n\"scope\": \"a\\\"b\"}]}", "line 2: scope: a scope is a list of words"},
		{"scope not a string", "{\"clients\": [{" + web + ",\n\"scope\": [\"read\"]}]}", "line 2: scope must be a string, not an array"},
		{"resource server not a boolean", "{\"clients\": [{" + web + ",\n\"resource_server\": \"yes\"}]}", "line 2: resource_server must be true or false, not a string"},
		{"public resource server", "{\"clients\": [{\"client_id\": \"api\", \"token_endpoint_auth_method\": \"none\", \"grant_types\": [\"refresh_token\"],\n\"resource_server\": true}]}", `line 2: client "api": resource_server is for confidential clients only`},
		{"id not ASCII", `{"clients": [{"client_id": "wéb", "client_secret": "s", "redirect_uris": ["https://web.test/cb"]}]}`, "printable ASCII"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, err := parseSeed([]byte(tc.text), false)
			require.ErrorContains(t, err, tc.want)
			assert.Nil(t, s)
			var at *lineError
			assert.ErrorAs(t, err, &at)
		})
	}
}

func TestParseSeedWarns(t *testing.T) {
	t.Parallel()
	text := `{"clients": [{"client_id": "web", "client_secret": "s",
		"grant_types": ["password"],
		"scope": "read openid",
		"logo_uri": "https://web.test/logo.png"}]}`
	s, err := parseSeed([]byte(text), false)
	require.NoError(t, err)
	require.Len(t, s.Clients, 1)
	require.Len(t, s.Warnings, 3)
	assert.Contains(t, s.Warnings[0], "line 4: logo_uri is taken")
	assert.Contains(t, s.Warnings[1], `line 2: client "web" has the password grant, which is off`)
	assert.Contains(t, s.Warnings[2], `line 3: client "web": scope "openid" does not exist here`)

	s, err = parseSeed([]byte(text), true)
	require.NoError(t, err)
	assert.Len(t, s.Warnings, 2)
}

func TestReadSeed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	s, err := readSeed(write("good.json", "\ufeff"+goodSeed), false)
	require.NoError(t, err)
	assert.Len(t, s.Users, 2)

	bad := write("bad.json", "{\n}}")
	_, err = readSeed(bad, false)
	require.ErrorContains(t, err, bad+", line 2: not JSON")

	_, err = readSeed(filepath.Join(dir, "none.json"), false)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = readSeed(dir, false)
	require.ErrorContains(t, err, "must be a file")
}

// FuzzParseSeed holds that a file is taken whole or refused with a line, and that
// what is taken is sound.
func FuzzParseSeed(f *testing.F) {
	f.Add([]byte(goodSeed))
	f.Add([]byte("{\"users\": [\n{\"username\": \"a\", \"password\": 1}]}"))
	f.Add([]byte(`{"clients": [{"client_id": "demo"}]}`))
	f.Add([]byte("{}}"))
	f.Add([]byte("{\"users\":\xff}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSeed(data, false)
		if err != nil {
			var at *lineError
			if !errors.As(err, &at) || at.line < 1 || at.line > 1+strings.Count(string(data), "\n") {
				t.Fatalf("no line of the file: %v", err)
			}
			return
		}
		for _, c := range s.Clients {
			if err := c.Validate(); err != nil || c.ID == demoClientID {
				t.Fatalf("taken: %q, %v", c.ID, err)
			}
		}
		for _, u := range s.Users {
			if u.Username == "" || u.Password == "" {
				t.Fatalf("taken: %+v", u)
			}
		}
	})
}
