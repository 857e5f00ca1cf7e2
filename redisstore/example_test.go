package redisstore_test

import (
	"context"
	"errors"
	"log"

	"github.com/redis/go-redis/v9"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

// One server, with one client that is registered at the first start.
func Example() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	store, err := redisstore.New(ctx, client, redisstore.Options{})
	if err != nil {
		log.Print(err)
		return
	}
	err = store.CreateClient(ctx, &model.Client{
		ID:           "web",
		Secrets:      model.HashSecrets("a secret of many random characters"),
		RedirectURIs: []string{"https://web.example/callback"},
		Scope:        "read",
	})
	if err != nil && !errors.Is(err, model.ErrExists) {
		log.Print(err)
		return
	}
	_, err = engine.New(engine.Config{
		Model: store, Issuer: "https://login.example",
		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}},
	})
	if err != nil {
		log.Print(err)
	}
}

// A cluster. The client follows the slots; it must not read from replicas.
func ExampleNew_cluster() {
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:                 []string{"redis-1:6379", "redis-2:6379", "redis-3:6379"},
		ContextTimeoutEnabled: true,
	})
	defer client.Close()
	store, err := redisstore.New(context.Background(), client, redisstore.Options{Prefix: "login:"})
	if err != nil {
		log.Print(err)
		return
	}
	_ = store
}

// A master with replicas, watched by Sentinel.
func ExampleNew_sentinel() {
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName:            "oauth",
		SentinelAddrs:         []string{"sentinel-1:26379", "sentinel-2:26379", "sentinel-3:26379"},
		ContextTimeoutEnabled: true,
	})
	defer client.Close()
	store, err := redisstore.New(context.Background(), client, redisstore.Options{})
	if err != nil {
		log.Print(err)
		return
	}
	_ = store
}
