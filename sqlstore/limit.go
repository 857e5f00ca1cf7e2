package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	// takeLimit counts events under a key that is known, if they are allowed. A
	// time that is over, or further ahead than can be, begins anew at now. The row
	// changes for certain.
	takeLimit = `UPDATE {prefix}limits SET until = CASE WHEN until < ? OR until > ? THEN ? ELSE until + ? END, keep_until = ?
	WHERE id = ? AND (until <= ? OR until > ?)`

	readLimit = `SELECT until FROM {prefix}limits WHERE id = ?`

	insertLimit = `INSERT {ignore} INTO {prefix}limits (id, until, keep_until) VALUES (?, ?, ?) {conflict}`
)

// Take implements [model.LimitModel]. Events under a known key that are allowed
// cost one round trip, refused ones two, and the first under a key three. Keys
// are stored as their SHA-256.
func (s *Store) Take(ctx context.Context, key string, n int, rate model.Rate, now time.Time) (wait time.Duration, err error) {
	wait, err = s.take(ctx, sha256.Sum256([]byte(key)), n, rate, now)
	return wait, fault("count for a limit", err)
}

func (s *Store) take(ctx context.Context, id [sha256.Size]byte, n int, rate model.Rate, now time.Time) (time.Duration, error) {
	if rate.Interval <= 0 {
		return 0, nil
	}
	t := now.UnixNano()
	count := int64(max(n, 1)) * int64(rate.Interval)
	latest := t + int64(rate.Burst)*int64(rate.Interval) // that the time can be
	keep := keepLimit(latest)
	for range attempts {
		if n > 0 && t+count <= latest {
			taken, err := s.exec(ctx, takeLimit, t, latest, t+count, count, keep, id[:], latest-count, latest)
			if err != nil || taken > 0 {
				return 0, err
			}
		}
		var until int64
		err := s.queryRow(ctx, readLimit, []any{id[:]}, &until)
		unknown := errors.Is(err, sql.ErrNoRows)
		if err != nil && !unknown {
			return 0, err
		}
		if until < t || until > latest {
			until = t
		}
		if wait := until + count - latest; wait > 0 || n <= 0 {
			return time.Duration(max(wait, 0)), nil
		}
		if !unknown {
			continue // it changed in between
		}
		if inserted, err := s.exec(ctx, insertLimit, id[:], t+count, keep); err != nil || inserted > 0 {
			return 0, err
		}
	}
	return 0, errors.New("the key changed with every look at it")
}

// keepLimit returns until when a key is kept, in milliseconds: the end of the
// hour, so that the index does not change with each event.
func keepLimit(latest int64) int64 {
	const hour = int64(time.Hour)
	return (latest/hour + 1) * time.Hour.Milliseconds()
}
