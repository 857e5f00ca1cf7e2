package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// A forgetful driver runs each statement and then says that its connection was bad from the start.
type forgetful struct{ ran atomic.Int64 }

func (d *forgetful) Connect(context.Context) (driver.Conn, error) { return forgetfulConn{d}, nil }
func (d *forgetful) Driver() driver.Driver                        { return nil }

type forgetfulConn struct{ *forgetful }

func (forgetfulConn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("prepared") }
func (forgetfulConn) Begin() (driver.Tx, error)           { return nil, errors.New("begun") }
func (forgetfulConn) Close() error                        { return nil }

func (c forgetfulConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	c.ran.Add(1)
	return nil, driver.ErrBadConn
}

// What spends a code or token is never run twice, also with a driver that asks for it: the second time it would find
// that the code is spent, which reads as a replay.
func TestNothingIsSpentTwice(t *testing.T) {
	t.Parallel()
	key := model.Key{Grant: model.GrantID{1}, Digest: model.Digest{1}}
	token := &model.Token{GrantID: key.Grant, Access: model.Digest{2}}
	for verb, call := range map[string]func(context.Context, *sqlstore.Store) error{
		"redeem": func(ctx context.Context, s *sqlstore.Store) error { return s.RedeemAuthorizationCode(ctx, key, token) },
		"burn":   func(ctx context.Context, s *sqlstore.Store) error { return s.RedeemAuthorizationCode(ctx, key, nil) },
		"rotate": func(ctx context.Context, s *sqlstore.Store) error {
			return s.RotateRefreshToken(ctx, key, [32]byte{1}, token)
		},
		"save token": func(ctx context.Context, s *sqlstore.Store) error { return s.SaveToken(ctx, token) },
		"save code": func(ctx context.Context, s *sqlstore.Store) error {
			return s.SaveAuthorizationCode(ctx, &model.AuthorizationCode{Key: key})
		},
	} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			d := new(forgetful)
			db := sql.OpenDB(d)
			t.Cleanup(func() { assert.NoError(t, db.Close()) })
			s, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
			require.NoError(t, err)
			require.ErrorIs(t, call(t.Context(), s), driver.ErrBadConn)
			assert.EqualValues(t, 1, d.ran.Load())
		})
	}
}
