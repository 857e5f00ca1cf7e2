package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gin-contrib/sessions"
	redissessions "github.com/gin-contrib/sessions/redis"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

// sessionPrefix is what the names of the keys of sessions begin with. Those of
// the authorization server begin with oauth:.
const sessionPrefix = "demo:session:"

// openRedis opens a Redis server, for the authorization server and for sessions.
func openRedis(ctx context.Context, s storeURL, k keys, log *slog.Logger) (*storage, error) {
	o, err := redis.ParseURL(s.url.String())
	if err != nil {
		return nil, errOptions
	}
	o.DialTimeout = connectTimeout
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	client := redis.NewClient(o)
	st, err := redisStorage(ctx, client, k, log)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return st, nil
}

func redisStorage(ctx context.Context, client *redis.Client, k keys, log *slog.Logger) (*storage, error) {
	var store *redisstore.Store
	err := within(ctx, connectTimeout, func(ctx context.Context) (err error) {
		store, err = redisstore.New(ctx, client, redisstore.Options{Logger: log})
		return err
	})
	if err != nil {
		return nil, err
	}
	pool := redigoPool(client.Options())
	sessions, err := redisSessions(pool, k)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &storage{
		model: store, sessions: sessions, drawer: redisDrawer{client},
		ping:  func(ctx context.Context) error { return client.Ping(ctx).Err() },
		close: func() error { return errors.Join(client.Close(), pool.Close()) },
	}, nil
}

// redisSessions keeps sessions in Redis, under a name that is signed in the
// cookie. They end there by themselves.
func redisSessions(pool *redigo.Pool, k keys) (sessions.Store, error) {
	store, err := redissessions.NewStoreWithPool(pool, k.sessionSign, k.sessionEncrypt)
	if err != nil {
		return nil, err
	}
	return store, redissessions.SetKeyPrefix(store, sessionPrefix)
}

// redigoPool connects to the server of these options: the sessions of
// gin-contrib use another client than redisstore.
func redigoPool(o *redis.Options) *redigo.Pool {
	dial := []redigo.DialOption{
		redigo.DialUsername(o.Username), redigo.DialPassword(o.Password), redigo.DialDatabase(o.DB),
		redigo.DialConnectTimeout(o.DialTimeout), redigo.DialReadTimeout(o.ReadTimeout), redigo.DialWriteTimeout(o.WriteTimeout),
		redigo.DialUseTLS(o.TLSConfig != nil), redigo.DialTLSConfig(o.TLSConfig),
	}
	return &redigo.Pool{
		MaxIdle:     connections,
		MaxActive:   16 * connections, // then a fault, at once: who waits here cannot be called off
		IdleTimeout: 4 * time.Minute,
		DialContext: func(ctx context.Context) (redigo.Conn, error) {
			return redigo.DialContext(ctx, o.Network, o.Addr, dial...)
		},
		TestOnBorrow: func(c redigo.Conn, _ time.Time) error {
			// The server may have been restarted, a moment ago too. A session that
			// cannot be read looks like none, and its user signed out.
			_, err := c.Do("PING")
			return err
		},
	}
}
