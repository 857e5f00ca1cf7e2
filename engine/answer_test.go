package engine_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answer is what came back over HTTP.
type answer struct{ *httptest.ResponseRecorder }

// json returns the members of a JSON answer.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	require.Equal(t, "application/json", a.Header().Get("Content-Type"), a.Body)
	assert.Equal(t, "nosniff", a.Header().Get("X-Content-Type-Options"))
	var m map[string]any
	require.NoError(t, json.Unmarshal(a.Body.Bytes(), &m))
	return m
}

// location returns where the answer redirects to, without its query, and the
// query.
func (a answer) location(t *testing.T) (string, url.Values) {
	t.Helper()
	raw := a.Header().Get("Location")
	require.NotEmpty(t, raw, "no redirect: %d %s", a.Code, a.Body)
	base, query, _ := strings.Cut(raw, "?")
	v, err := url.ParseQuery(query)
	require.NoError(t, err)
	return base, v
}

// code returns the authorization code of the answer to an approval.
func (a answer) code(t *testing.T) string {
	t.Helper()
	_, q := a.location(t)
	require.Len(t, q["code"], 1, "no code: %v", q)
	return q.Get("code")
}

// tokens returns the pair of a successful token response.
func (a answer) tokens(t *testing.T) (access, refresh string) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.Code, a.Body)
	m := a.json(t)
	access, _ = m["access_token"].(string)
	refresh, _ = m["refresh_token"].(string)
	require.NotEmpty(t, access)
	return access, refresh
}

// assertError checks an error that is answered where it happened: status and
// code, no redirect, never cached, a description of allowed characters only.
func (a answer) assertError(t *testing.T, status int, code string) {
	t.Helper()
	require.Equal(t, status, a.Code, a.Body)
	assert.Empty(t, a.Header().Get("Location"))
	assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
	assert.Equal(t, "no-cache", a.Header().Get("Pragma"))
	m := a.json(t)
	assert.Equal(t, code, m["error"])
	assertDescription(t, m["error_description"])
}

// assertRedirectError checks an error that goes to the client: where, the code,
// the state that came, the issuer once, and that there is no code.
func (a answer) assertRedirectError(t *testing.T, to, code, state string) {
	t.Helper()
	require.Contains(t, []int{http.StatusFound, http.StatusSeeOther}, a.Code, a.Body)
	base, q := a.location(t)
	assert.Equal(t, to, base)
	assert.Equal(t, []string{code}, q["error"])
	assertDescription(t, q.Get("error_description"))
	assert.Equal(t, []string{issuer}, q["iss"])
	assert.False(t, q.Has("code"), "a code came with an error")
	if state == "" {
		assert.False(t, q.Has("state"))
	} else {
		assert.Equal(t, []string{state}, q["state"])
	}
	assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
	assert.Equal(t, "no-referrer", a.Header().Get("Referrer-Policy"))
}

// assertDescription holds error_description to RFC 6749, section 5.2.
func assertDescription(t *testing.T, description any) {
	t.Helper()
	s, ok := description.(string)
	assert.True(t, ok && s != "", "no description")
	for _, r := range s {
		assert.True(t, r >= 0x20 && r <= 0x7e && r != '"' && r != '\\', "%q in a description", r)
	}
}

// The fixture itself: a flow from the first request to the resource.
func TestFixture(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	access, refresh := f.tokens(t)
	assert.True(t, f.works(access))
	assert.NotEmpty(t, refresh)
	assert.Equal(t, 1, f.store.count("SaveAuthorizationCode"))
}
