package main

import (
	"slices"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// The scopes of the demo's API.
const (
	scopeProfile = "profile"
	scopeRead    = "read"
	scopeWrite   = "write"
)

func scopeInfos() []engine.ScopeInfo {
	return []engine.ScopeInfo{
		{Name: scopeProfile, Title: "See who you are"},
		{Name: scopeRead, Title: "Read your notes"},
		{Name: scopeWrite, Title: "Add notes for you"},
	}
}

func vocabulary() []string { return []string{scopeProfile, scopeRead, scopeWrite} }

// The clients of the demo. The secrets of the machine and of the second API are no
// secrets: they stand in the documentation, so that command lines can be copied
// from there.
const (
	demoClientID    = "demo"
	machineClientID = "machine"
	machineSecret   = "machine-secret-for-the-demo"
	terminalID      = "cli"
	secondAPIID     = "second-api"
	secondAPISecret = "second-api-secret-for-the-demo" // also in ./resource
	secondAPI       = "http://localhost:8081/api"      // likewise
	deviceID        = "device"
)

// builtInSeed is what there is without a seed file.
func builtInSeed() *seed {
	return &seed{
		BuiltIn: true,
		Users:   []seedUser{{Username: "alice", Password: "wonderland", Name: "Alice"}},
		Clients: []model.Client{
			{
				ID: machineClientID, Name: "Machine", Secrets: model.HashSecrets(machineSecret),
				Grants: []string{model.GrantClientCredentials}, Scope: model.NewScope(scopeRead, scopeWrite),
			},
			{
				ID: terminalID, Name: "Terminal", Public: true,
				RedirectURIs: []string{"http://127.0.0.1/callback", "http://[::1]/callback"},
				Scope:        model.NewScope(vocabulary()...),
			},
			{
				ID: deviceID, Name: "Notes in a terminal", Public: true,
				Grants: []string{model.GrantDeviceCode, model.GrantRefreshToken}, Scope: model.NewScope(vocabulary()...),
			},
			{
				// It asks about tokens and needs none: no scope.
				ID: secondAPIID, Name: "Second API", Secrets: model.HashSecrets(secondAPISecret),
				Grants: []string{model.GrantClientCredentials}, ResourceServer: true,
			},
		},
		Notes: map[owner][]string{
			{user: "alice"}:           {"Follow the white rabbit", "Ask the cat which way to go"},
			{client: machineClientID}: {"A client that acts for itself has notes of its own"},
		},
	}
}

// demoClient is the client that the demo's own pages are.
func demoClient(secret, redirectURI string) model.Client {
	return model.Client{
		ID: demoClientID, Name: "Demo client", Secrets: model.HashSecrets(secret),
		RedirectURIs: []string{redirectURI}, Scope: model.NewScope(vocabulary()...),
	}
}

// hasDevice reports whether the terminal program of the demo may sign in.
func (s *seed) hasDevice() bool {
	return slices.ContainsFunc(s.Clients, func(c model.Client) bool { return c.ID == deviceID && c.Public && c.AllowsGrant(model.GrantDeviceCode) })
}

// machine returns a client that can be used from a command line with nothing but
// its secret.
func (s *seed) machine() (model.Client, bool) {
	i := slices.IndexFunc(s.Clients, func(c model.Client) bool {
		return c.AllowsGrant(model.GrantClientCredentials) && !c.ResourceServer
	})
	if i < 0 {
		return model.Client{}, false
	}
	return s.Clients[i], true
}
