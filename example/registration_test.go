package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRegistrationOfTheDemo(t *testing.T) {
	t.Parallel()
	const metadata = "/.well-known/oauth-authorization-server"
	off := startDemo(t, func(c *config) { c.registration = false })
	assert.NotContains(t, off.get(metadata).body, "registration_endpoint")
	assert.NotContains(t, off.get(metadata).body, "client_id_metadata_document_supported")
	assert.Equal(t, http.StatusNotFound, off.do("POST", "/oauth/register", nil).StatusCode)

	b := startDemo(t)
	assert.Contains(t, b.get(metadata).body, `"client_id_metadata_document_supported":true`)
	assert.Contains(t, b.get("/.well-known/oauth-protected-resource/api").body, `"resource_name":"Notes"`)
	var server struct {
		Registration string `json:"registration_endpoint"`
	}
	require.NoError(t, json.Unmarshal([]byte(b.get(metadata).body), &server))
	require.Equal(t, b.base+"/oauth/register", server.Registration)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.Registration,
		strings.NewReader(`{"client_name":"Host","redirect_uris":["http://localhost:33418/cb"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"]}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := b.http.Do(req)
	require.NoError(t, err)
	defer func() { assert.NoError(t, res.Body.Close()) }()
	require.Equal(t, http.StatusCreated, res.StatusCode)
	var client struct {
		ID    string `json:"client_id"`
		Scope string `json:"scope"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&client))
	assert.Equal(t, "profile read", client.Scope)

	b.signIn("alice", "wonderland")
	b.sees(b.get("/oauth/authorize?response_type=code&client_id="+client.ID+"&scope=read&code_challenge="+strings.Repeat("A", 43)+"&code_challenge_method=S256"),
		http.StatusOK, "Host", "Not verified.", "A program on a device gets the access")
}
