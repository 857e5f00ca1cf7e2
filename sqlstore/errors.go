package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// attempts is how often a transaction is tried that the database rolled back to
// let another go on.
const attempts = 8

// retry calls f until it does not fail for a reason that has passed by then, with
// a growing, random pause between. f leaves nothing behind when it fails.
func (s *Store) retry(ctx context.Context, f func(attempt int) error) error {
	for attempt := 1; ; attempt++ {
		err := f(attempt)
		if err == nil || attempt == attempts || !s.dialect.retryable(err) {
			return ended(ctx, err)
		}
		pause := time.Millisecond << min(attempt, 6)
		select {
		case <-ctx.Done():
			return ended(ctx, err)
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // spreads retries, guards nothing
		}
	}
}

// ended says that the context has ended if that is what a fault came of, for which
// each driver has words of its own.
func ended(ctx context.Context, err error) error {
	if ctx.Err() == nil || err == nil || errors.Is(err, ctx.Err()) || isOutcome(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// isOutcome reports whether an error is an answer and no fault.
func isOutcome(err error) bool {
	for _, outcome := range [...]error{model.ErrNotFound, model.ErrSpent, model.ErrRevoked, model.ErrExists, sql.ErrNoRows, errUnchanged} {
		if errors.Is(err, outcome) {
			return true
		}
	}
	return false
}

// retryable reports whether the database rolled back all that was tried, for a
// reason that has passed when it is tried again. No driver is imported for it:
// what they have in common is enough.
func (d Dialect) retryable(err error) bool {
	for _, e := range chain(err) {
		switch d {
		case PostgreSQL:
			// pgx, lib/pq and others.
			if coded, ok := e.(interface{ SQLState() string }); ok {
				state := coded.SQLState()
				return state == "40001" || state == "40P01" // serialization failure, deadlock
			}
		case MySQL:
			// go-sql-driver: "Error 1213 (40001): Deadlock found …". Its number is a
			// field, which nothing but the driver's own type gives access to.
			for _, number := range []string{"1213", "1205", "1020"} { // deadlock, lock wait timeout, record has changed
				if rest, ok := strings.CutPrefix(e.Error(), "Error "+number); ok && (strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, " (")) {
					return true
				}
			}
		case SQLite:
			// modernc; of an extended code the lower byte is the code: BUSY or LOCKED.
			if coded, ok := e.(interface{ Code() int }); ok {
				code := coded.Code() & 0xff
				return code == 5 || code == 6
			}
			// mattn and ncruces: the text of SQLite itself.
			if text := e.Error(); strings.Contains(text, "database is locked") || strings.Contains(text, "table is locked") {
				return true
			}
		}
	}
	return false
}

// chain returns the error and all that it wraps.
func chain(err error) (errs []error) {
	for err != nil {
		errs = append(errs, err)
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				errs = append(errs, chain(e)...)
			}
			return errs
		}
		err = errors.Unwrap(err)
	}
	return errs
}

// fault says what was attempted. An outcome of the contract is left as it is.
func fault(attempted string, err error) error {
	if err == nil || isOutcome(err) {
		return err
	}
	return &faultError{attempted, err}
}

// faultError spares the formatting where nobody reads the text.
type faultError struct {
	attempted string
	err       error
}

func (e *faultError) Error() string { return "sqlstore: " + e.attempted + ": " + e.err.Error() }
func (e *faultError) Unwrap() error { return e.err }
