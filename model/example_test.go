package model_test

import (
	"fmt"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

func ExampleScope() {
	scope, err := model.ParseScope("  read  write read ")
	fmt.Printf("%q %v\n", scope, err)
	fmt.Println(scope.Has("write"), scope.Has("wri"))
	fmt.Println(scope.Covers("write read"), scope.Covers("admin"))
	fmt.Println(scope.Intersect("admin write"))
	// Output:
	// "read write" <nil>
	// true false
	// true false
	// write
}

func ExampleClient_Validate() {
	c := model.Client{
		ID:           "web",
		Secrets:      model.HashSecrets("a secret of many random characters"),
		RedirectURIs: []string{"http://web.example/callback"},
		Scope:        "read",
	}
	fmt.Println(c.Validate())
	c.RedirectURIs = []string{"https://web.example/callback"}
	fmt.Println(c.Validate())
	// Output:
	// client "web": RedirectURIs: "http://web.example/callback" must use https: plain http is only for 127.0.0.1, [::1] and localhost (RFC 9700, section 2.6)
	// <nil>
}

// Two secrets are live while one replaces the other.
func ExampleHashSecrets() {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c := model.Client{Secrets: model.HashSecrets("old", "new")}
	c.Secrets[0].ExpiresAt = now.Add(24 * time.Hour)
	fmt.Println(c.MatchesSecret("old", now), c.MatchesSecret("new", now))
	now = now.Add(24 * time.Hour)
	fmt.Println(c.MatchesSecret("old", now), c.MatchesSecret("new", now))
	// Output:
	// true true
	// false true
}

func ExampleMatchRedirectURI() {
	// The port of a loopback URI is the native app's choice (RFC 8252, section 7.3).
	fmt.Println(model.MatchRedirectURI("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"))
	fmt.Println(model.MatchRedirectURI("https://app.example/cb", "https://app.example:8443/cb"))
	fmt.Println(model.MatchRedirectURI("https://app.example/cb", "https://app.example/cb/"))
	// Output:
	// true
	// false
	// false
}
