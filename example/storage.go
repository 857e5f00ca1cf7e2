package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// connectTimeout bounds how long a store may take to answer at the start.
const connectTimeout = 5 * time.Second

// pingTimeout bounds how long the store may take to answer /healthz.
const pingTimeout = time.Second

// storage is what the program stands on: a store for the authorization server,
// one for the sessions of the login, and one for the demo's own things.
type storage struct {
	model    clientStore
	sessions sessions.Store
	sweeper  model.Sweeper // nil: records expire by themselves
	drawer   drawer
	// ping asks whether the store answers.
	ping  func(context.Context) error
	close func() error
}

// clientStore is a store that clients can be put in.
type clientStore interface {
	model.Model
	model.ClientModel
}

// openStorage opens the store that was asked for. The error says what to do about
// it and holds no password.
func openStorage(ctx context.Context, s storeURL, k keys, log *slog.Logger) (*storage, error) {
	open := openSQL
	switch s.kind {
	case inMemory:
		m := memstore.New()
		return &storage{
			model: m, sessions: cookieSessions(k), sweeper: m, drawer: newMemoryDrawer(time.Now),
			ping:  func(context.Context) error { return nil },
			close: func() error { return nil },
		}, nil
	case redisStore:
		open = openRedis
	}
	st, err := open(ctx, s, k, log)
	if err != nil {
		return nil, s.unusable(err)
	}
	return st, nil
}

// cookieSessions keeps each session in its cookie, encrypted: every program with
// the same key can read it.
func cookieSessions(k keys) sessions.Store {
	return cookie.NewStore(k.sessionSign, k.sessionEncrypt)
}

// putClients makes the clients in the store what they are here. Several programs
// that start at once come to the same.
func putClients(ctx context.Context, m clientStore, clients []model.Client) error {
	for i := range clients {
		if err := putClient(ctx, m, &clients[i]); err != nil {
			return fmt.Errorf("client %q: %w", clients[i].ID, err)
		}
	}
	return nil
}

func putClient(ctx context.Context, m clientStore, c *model.Client) error {
	err := m.CreateClient(ctx, c)
	if !errors.Is(err, model.ErrExists) {
		return err
	}
	return m.UpdateClient(ctx, c.ID, func(stored *model.Client) error {
		*stored = *c.Clone()
		return nil
	})
}

// removeBuiltIn removes the clients that are there without a seed file, unless
// the seed has its own of that name: the secrets of some are known to everybody,
// and the store may have been used without a seed file before.
func removeBuiltIn(ctx context.Context, m clientStore, sd *seed) error {
	if sd.BuiltIn {
		return nil
	}
	for _, c := range builtInSeed().Clients {
		if sd.has(c.ID) {
			continue
		}
		if err := m.DeleteClient(ctx, c.ID); err != nil {
			return fmt.Errorf("client %q: %w", c.ID, err)
		}
	}
	return nil
}
