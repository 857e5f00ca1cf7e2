package ginoauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWholeFlow(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)

	// Nobody is signed in: off to the login, and from there back.
	res := a.do("GET", "/oauth/authorize?"+authorizeQuery().Encode(), nil, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	login := res.Header.Get("Location")
	require.True(t, strings.HasPrefix(login, "/login?return_to=%2Foauth%2Fauthorize"), login)
	res = a.do("POST", login, url.Values{}, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.True(t, strings.HasPrefix(res.Header.Get("Location"), "/oauth/authorize?"), res.Header)
	res = a.do("GET", res.Header.Get("Location"), nil, nil)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, res.body, "Read your notes")

	_, tok := a.token(exchange(a.code()))
	require.Contains(t, tok, "access_token")
	res = a.do("GET", "/api/notes", nil, http.Header{"Authorization": {"Bearer " + tok["access_token"].(string)}})
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.JSONEq(t, `{"user":"alice"}`, res.body)

	_, again := a.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}})
	assert.NotEqual(t, tok["access_token"], again["access_token"])

	res = a.do("GET", "/api/notes", nil, nil)
	assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
	assert.Equal(t, `Bearer realm="oauth", scope="read"`, res.Header.Get("WWW-Authenticate"))
}
