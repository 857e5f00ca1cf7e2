package introspect_test

import (
	"fmt"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/introspect"
)

// An API in a process of its own asks the authorization server about tokens.
func ExampleNew() {
	verifier, err := introspect.New(introspect.Config{
		Endpoint:     "https://auth.example.com/oauth/introspect",
		ClientID:     "notes-api",
		ClientSecret: "from the environment",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	resource, err := engine.NewResource(engine.ResourceConfig{
		Verifier:             verifier,
		Resource:             "https://notes.example.com/api",
		AuthorizationServers: []string{"https://auth.example.com"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resource.MetadataURL())
	// Output:
	// https://notes.example.com/.well-known/oauth-protected-resource/api
}
