// Package storage opens every store of this repository that is on a server or in a file, for tests that run on each.
package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

// connections is how many a pool may have open: more than there are callers in any test, few enough for several
// instances on one server.
const connections = 24

// Open opens the store at a DSN, which is a URL as package testserver returns it, or sqlite:FILE. It makes the tables if
// they are not there yet; several programs may do so at once. Close closes the connections.
func Open(ctx context.Context, dsn string) (store model.Model, closer func() error, err error) {
	scheme, _, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "redis":
		return openRedis(ctx, dsn)
	}
	return nil, nil, fmt.Errorf("no store for the scheme %q", scheme)
}

func openRedis(ctx context.Context, dsn string) (model.Model, func() error, error) {
	opts, err := redis.ParseURL(dsn)
	if err != nil {
		return nil, nil, err
	}
	opts.ContextTimeoutEnabled = true // who does not wait for an answer goes at once
	opts.PoolSize = connections
	client := redis.NewClient(opts)
	store, err := redisstore.New(ctx, client, redisstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return store, client.Close, nil
}

// ForTest is Open for a test, which closes the store at its end.
func ForTest(tb testing.TB, dsn string) model.Model {
	tb.Helper()
	store, closer, err := Open(tb.Context(), dsn)
	if err != nil {
		tb.Fatalf("open the store: %v", err)
	}
	tb.Cleanup(func() {
		if err := closer(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	})
	return store
}
