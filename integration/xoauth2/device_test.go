package xoauth2

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

// device is the configuration of a client without browser.
func device(server *demo.Server) *oauth2.Config {
	return &oauth2.Config{
		ClientID: "device", Scopes: []string{"profile", "read"},
		Endpoint: oauth2.Endpoint{
			DeviceAuthURL: server.URL + "/oauth/device_authorization", TokenURL: server.URL + "/oauth/token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}

// afterPoll is a transport that calls then after the first answer.
type afterPoll struct {
	then  func()
	polls int
}

func (a *afterPoll) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if a.polls++; a.polls == 1 && err == nil {
		a.then()
	}
	return res, err
}

// TestDevice is a user who decides between the first poll and the second.
func TestDevice(t *testing.T) {
	t.Parallel()
	server := demo.Start(t, nil)

	// poll asks for codes and polls until the user has decided.
	poll := func(t *testing.T, decision string) (*oauth2.Token, error) {
		t.Helper()
		c := device(server)
		codes, err := c.DeviceAuth(t.Context())
		require.NoError(t, err)
		assert.Equal(t, server.URL+"/device", codes.VerificationURI)
		assert.Equal(t, codes.VerificationURI+"?user_code="+codes.UserCode, codes.VerificationURIComplete)
		assert.Regexp(t, `^[A-Z]{4}-[A-Z]{4}$`, codes.UserCode)
		assert.Equal(t, int64(5), codes.Interval)
		assert.WithinDuration(t, time.Now().Add(10*time.Minute), codes.Expiry, time.Minute)

		// It waits before each poll, the first too. Once a second is enough for this user, who needs no time.
		codes.Interval = 1
		transport := &afterPoll{then: func() { server.NewVisitor(t).Device(codes.VerificationURIComplete, decision) }}
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: transport})
		token, err := c.DeviceAccessToken(ctx, codes)
		assert.Equal(t, 2, transport.polls, "one is answered authorization_pending, the other by what the user decided")
		if err == nil {
			_, again := c.DeviceAccessToken(t.Context(), codes)
			assertCode(t, again, "invalid_grant")
		}
		return token, err
	}

	t.Run("8628-3.5 allowed", func(t *testing.T) {
		t.Parallel()
		token, err := poll(t, "allow")
		require.NoError(t, err)
		assert.Equal(t, "Bearer", token.Type())
		assert.NotEmpty(t, token.RefreshToken)
		assert.Equal(t, "profile read", token.Extra("scope"))
		status, _ := get(t, oauth2.NewClient(t.Context(), oauth2.StaticTokenSource(token)), server.URL+"/api/me")
		assert.Equal(t, http.StatusUnauthorized, status, "the second use of the code revokes what the first one got")
	})
	t.Run("8628-3.5 denied", func(t *testing.T) {
		t.Parallel()
		_, err := poll(t, "deny")
		assertCode(t, err, "access_denied")
	})
	t.Run("refreshed", func(t *testing.T) {
		t.Parallel()
		c := device(server)
		codes, err := c.DeviceAuth(t.Context())
		require.NoError(t, err)
		server.NewVisitor(t).Device(codes.VerificationURIComplete, "allow")
		codes.Interval = 1
		first, err := c.DeviceAccessToken(t.Context(), codes)
		require.NoError(t, err)
		status, body := get(t, c.Client(t.Context(), first), server.URL+"/api/me")
		require.Equal(t, http.StatusOK, status, "%s", body)
		assert.Contains(t, string(body), `"user_id":"alice"`)

		first.Expiry = time.Now().Add(-time.Second)
		second, err := c.TokenSource(t.Context(), first).Token()
		require.NoError(t, err)
		assert.NotEqual(t, first.RefreshToken, second.RefreshToken)
		status, body = get(t, oauth2.NewClient(t.Context(), oauth2.StaticTokenSource(second)), server.URL+"/api/notes")
		assert.Equal(t, http.StatusOK, status, "%s", body)
	})
	t.Run("unknown client", func(t *testing.T) {
		t.Parallel()
		c := device(server)
		c.ClientID = "nobody"
		_, err := c.DeviceAuth(t.Context())
		assertCode(t, err, "invalid_client")
		c.ClientID = "spa"
		_, err = c.DeviceAuth(t.Context())
		assertCode(t, err, "unauthorized_client")
	})
}
