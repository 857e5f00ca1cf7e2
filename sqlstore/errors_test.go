package sqlstore_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// The errors of drivers, as far as the store looks at them.

// stateError is one of pgx or lib/pq.
type stateError string

func (e stateError) Error() string    { return "ERROR: something (SQLSTATE " + string(e) + ")" }
func (e stateError) SQLState() string { return string(e) }

// codeError is one of modernc.org/sqlite.
type codeError int

func (e codeError) Error() string { return fmt.Sprintf("something (%d)", int(e)) }
func (e codeError) Code() int     { return int(e) }

func TestRetryable(t *testing.T) {
	t.Parallel()
	text := errors.New // of drivers whose errors have nothing but a text
	for _, tt := range []struct {
		dialect sqlstore.Dialect
		err     error
		want    bool
	}{
		{sqlstore.PostgreSQL, stateError("40001"), true},
		{sqlstore.PostgreSQL, stateError("40P01"), true},
		{sqlstore.PostgreSQL, stateError("23505"), false}, // unique violation
		{sqlstore.PostgreSQL, stateError("57014"), false}, // cancelled
		{sqlstore.PostgreSQL, stateError("08006"), false}, // connection lost: nobody knows what happened
		{sqlstore.PostgreSQL, stateError("25P02"), false}, // in a failed transaction
		{sqlstore.PostgreSQL, codeError(5), false},

		{sqlstore.MySQL, text("Error 1213 (40001): Deadlock found when trying to get lock; try restarting transaction"), true},
		{sqlstore.MySQL, text("Error 1205 (HY000): Lock wait timeout exceeded; try restarting transaction"), true},
		{sqlstore.MySQL, text("Error 1020 (HY000): Record has changed since last read in table 'oauth_grants'"), true},
		{sqlstore.MySQL, text("Error 1213: Deadlock found"), true}, // without a state
		{sqlstore.MySQL, text("Error 12130 (HY000): something else"), false},
		{sqlstore.MySQL, text("Error 1062 (23000): Duplicate entry 'Error 1213 (40001)' for key 'PRIMARY'"), false},
		{sqlstore.MySQL, text("invalid connection"), false},
		{sqlstore.MySQL, stateError("40001"), false},

		{sqlstore.SQLite, codeError(5), true},
		{sqlstore.SQLite, codeError(517), true}, // BUSY_SNAPSHOT
		{sqlstore.SQLite, codeError(6), true},
		{sqlstore.SQLite, codeError(262), true},   // LOCKED_SHAREDCACHE
		{sqlstore.SQLite, codeError(1555), false}, // primary key
		{sqlstore.SQLite, codeError(10), false},   // I/O
		{sqlstore.SQLite, text("database is locked"), true},
		{sqlstore.SQLite, text("sqlite3: database is locked"), true},
		{sqlstore.SQLite, text("database table is locked: oauth_grants"), true},
		{sqlstore.SQLite, text("disk I/O error"), false},

		{sqlstore.SQLite, io.ErrUnexpectedEOF, false},
		{sqlstore.PostgreSQL, nil, false},
	} {
		assert.Equal(t, tt.want, sqlstore.Retryable(tt.dialect, tt.err), "%v: %v", tt.dialect, tt.err)
		if tt.err != nil {
			assert.Equal(t, tt.want, sqlstore.Retryable(tt.dialect, fmt.Errorf("pool: %w", tt.err)), "wrapped: %v", tt.err)
			assert.Equal(t, tt.want, sqlstore.Retryable(tt.dialect, errors.Join(io.EOF, fmt.Errorf("pool: %w", tt.err))), "joined: %v", tt.err)
		}
	}
}
