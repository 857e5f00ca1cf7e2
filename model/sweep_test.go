package model_test

import (
	"context"
	"errors"
	"sync/atomic"
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
		var calls, errs atomic.Int32
		go model.SweepEvery(ctx, sweeperFunc(func(limit int) (int, error) {
			switch calls.Add(1) {
			case 1, 2:
				return limit, nil
			case 5:
				return 0, errors.New("down")
			}
			return 0, nil
		}), time.Minute, func(error) { errs.Add(1) })
		synctest.Wait()
		if n := calls.Load(); n != 3 {
			t.Errorf("%d calls at first, want 3: two full batches and an empty one", n)
		}
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		if n, e := calls.Load(), errs.Load(); n != 6 || e != 1 {
			t.Errorf("%d calls and %d errors after three periods, want 6 and 1", n, e)
		}
		cancel()
		synctest.Wait() // and it has ended, or the bubble would not
	})
}
