// Package introspect verifies access tokens by asking the authorization server
// that issued them (RFC 7662). It is for an API that runs in another process:
//
//	verifier, err := introspect.New(introspect.Config{
//		Endpoint:     "https://auth.example.com/oauth/introspect",
//		ClientID:     "notes-api",
//		ClientSecret: secret,
//	})
//	resource, err := engine.NewResource(engine.ResourceConfig{Verifier: verifier})
//	guard := ginoauth.NewGuard(resource)
//	api := r.Group("/api", guard.Authenticate("read"), guard.RequireUser())
//
// The client must be marked as a resource server there, else the server tells it
// about its own tokens only.
//
// Answers are kept for a few seconds, and never longer than the token lives: a
// token that was revoked may be taken for that long. Look-ups of one token at
// the same time are one request. When the server cannot be asked nobody is let
// in; the answer is a fault, which is not cached.
//
// This package imports the standard library and packages engine and model only.
package introspect
