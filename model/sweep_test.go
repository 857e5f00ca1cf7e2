package model_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

type sweeperFunc func(limit int) (int, error)

func (f sweeperFunc) Sweep(_ context.Context, _ time.Time, limit int) (int, error) { return f(limit) }

func TestSweepEvery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		calls, errs := 0, 0
		full := 2 // batches that are full at first
		go model.SweepEvery(ctx, sweeperFunc(func(limit int) (int, error) {
			calls++
			if calls == 5 {
				return 0, errors.New("down")
			}
			if full--; full >= 0 {
				return limit, nil
			}
			return 0, nil
		}), time.Minute, func(error) { errs++ })
		synctest.Wait()
		if calls != 3 {
			t.Errorf("%d calls at first, want 3: two full batches and an empty one", calls)
		}
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		if calls != 6 || errs != 1 {
			t.Errorf("%d calls and %d errors after three periods, want 6 and 1", calls, errs)
		}
		cancel()
		synctest.Wait() // and it has ended, or the bubble would not
	})
}
