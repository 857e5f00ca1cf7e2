package main

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisDrawer is a drawer in Redis, where things end by themselves.
type redisDrawer struct{ client *redis.Client }

// drawerPrefix is what the names of its keys begin with.
const drawerPrefix = "demo:"

func (d redisDrawer) read(ctx context.Context, name string) ([]byte, error) {
	return getRedis(ctx, d.client, drawerPrefix+name)
}

func getRedis(ctx context.Context, client redis.Cmdable, key string) ([]byte, error) {
	value, err := client.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return value, err
}

func (d redisDrawer) update(ctx context.Context, name string, keep time.Duration, change func([]byte) ([]byte, error)) error {
	key := drawerPrefix + name
	for range tries {
		err := d.client.Watch(ctx, func(tx *redis.Tx) error {
			old, err := getRedis(ctx, tx, key)
			if err != nil {
				return err
			}
			value, err := change(old)
			if err != nil {
				return err
			}
			_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
				if value == nil {
					p.Del(ctx, key)
				} else {
					p.Set(ctx, key, value, keep)
				}
				return nil
			})
			return err
		}, key)
		if !errors.Is(err, redis.TxFailedErr) {
			return err
		}
	}
	return errBusy
}

// Sweep implements [model.Sweeper]: there is nothing to do.
func (redisDrawer) Sweep(context.Context, time.Time, int) (int, error) { return 0, nil }
