package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func Example() {
	store := memstore.New()
	err := store.AddClient(model.Client{
		ID:           "web",
		Name:         "Web",
		Secrets:      model.HashSecrets("a secret of many random characters"),
		RedirectURIs: []string{"https://web.example/callback"},
		Scope:        "read write",
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go model.SweepEvery(ctx, store, time.Minute, nil)

	client, err := store.GetClient(ctx, "web")
	fmt.Println(client.DisplayName(), err)
	_, err = store.GetClient(ctx, "unknown")
	fmt.Println(errors.Is(err, model.ErrNotFound))
	// Output:
	// Web <nil>
	// true
}

// A client is changed by adding it again.
func ExampleStore_AddClient() {
	store := memstore.New()
	c := model.Client{ID: "cli", Public: true, RedirectURIs: []string{"http://127.0.0.1/callback"}}
	fmt.Println(store.AddClient(c))
	c.Disabled = true
	fmt.Println(store.AddClient(c))
	got, _ := store.GetClient(context.Background(), "cli")
	fmt.Println(got.Disabled)
	// Output:
	// <nil>
	// <nil>
	// true
}
