package engine_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// A personal access token is issued for a client that is registered for nothing
// else. It is among the applications with access, and ends like everything else
// when the password changes.
func ExampleServer_Issue() {
	srv, err := engine.New(exampleConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	tok, err := srv.Issue(ctx, engine.Issue{ClientID: "web", UserID: "alice", Scope: "read", Lifetime: 90 * 24 * time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(tok.AccessToken), tok.ExpiresIn/86400, "days")

	grants, err := srv.ListGrants(ctx, model.GrantFilter{UserID: "alice"}, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(grants[0].ClientID, grants[0].Scope)
	fmt.Println(srv.RevokeUser(ctx, "alice"))
	// Output:
	// 64 90 days
	// web read
	// 1 <nil>
}

// A secret is rotated without a moment in which the client is locked out.
func ExampleServer_RotateSecret() {
	cfg := exampleConfig()
	srv, err := engine.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	secret, err := srv.RotateSecret(ctx, "web", 24*time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := cfg.Model.GetClient(ctx, "web")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.MatchesSecret(secret, time.Now()), len(client.Secrets), "live")
	// Output:
	// true 2 live
}
