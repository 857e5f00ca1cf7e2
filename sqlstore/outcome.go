package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// errUnchanged ends a transaction in which a row was not there to be changed.
var errUnchanged = errors.New("unchanged")

// mustChange runs an UPDATE that changes the row if it finds it: a connection
// that counts the rows found (clientFoundRows) and one that counts the rows
// changed then say the same. It returns errUnchanged if there was no such row.
func (t *tx) mustChange(ctx context.Context, written string, args ...any) error {
	changed, err := t.exec(ctx, written, args...)
	if err == nil && changed == 0 {
		return errUnchanged
	}
	return err
}

func unchangedIf(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errUnchanged
	}
	return err
}

func unlessUnchanged(err error) (done bool, _ error) {
	if errors.Is(err, errUnchanged) {
		return false, nil
	}
	return err == nil, err
}

func one(changed int64, err error) (done bool, _ error) { return changed > 0, err }

// whyNot says why a code or refresh token could not be spent. It looks afterwards:
// what was found in the way is still there, because neither spent nor revoked is
// ever taken back, and what was removed does not come again.
func (s *Store) whyNot(ctx context.Context, query string, key model.Key) error {
	var revoked, spent bool
	err := s.queryRow(ctx, query, []any{key.Grant[:], key.Digest[:]}, &revoked, &spent)
	switch {
	case err != nil:
		return notFound(err)
	case revoked:
		return model.ErrRevoked
	case spent:
		return model.ErrSpent
	}
	return errors.New("it was there and is neither revoked nor spent")
}
