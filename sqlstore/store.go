package sqlstore

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gin-oauth/gin-oauth-server/model"
)

var (
	_ model.Model   = (*Store)(nil)
	_ model.Sweeper = (*Store)(nil)

	_ model.ClientModel  = (*Store)(nil)
	_ model.ConsentModel = (*Store)(nil)
	_ model.DeviceModel  = (*Store)(nil)
	_ model.GrantModel   = (*Store)(nil)
	_ model.LimitModel   = (*Store)(nil)
)

// Options are what differs from one application to the next.
type Options struct {
	// Prefix stands in front of the name of each table and index: lower-case
	// letters, digits and underscores, at most 32, with a letter or underscore at
	// the front. Defaults to "oauth_".
	Prefix string
}

const maxPrefix = 32

// check returns the options with their defaults, or what is wrong with them.
func (o Options) check(dialect Dialect) (Options, error) {
	var errs []error
	if !dialect.valid() {
		errs = append(errs, fmt.Errorf("dialect %v is unknown: use sqlstore.PostgreSQL, MySQL or SQLite", dialect))
	}
	o.Prefix = cmp.Or(o.Prefix, "oauth_")
	if first := o.Prefix[0]; len(o.Prefix) > maxPrefix || first >= '0' && first <= '9' ||
		strings.ContainsFunc(o.Prefix, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' }) {
		errs = append(errs, fmt.Errorf("Options.Prefix %q: use lower-case letters, digits and underscores, at most %d, not with a digit at the front", o.Prefix, maxPrefix))
	}
	if err := errors.Join(errs...); err != nil {
		return o, fmt.Errorf("sqlstore: %w", err)
	}
	return o, nil
}

// Store is a [model.Model] in a database. Use [New]. All methods are safe for
// concurrent use, also by several processes on one database.
type Store struct {
	db      *sql.DB
	dialect Dialect
	prefix  string

	statements sync.Map // statement as it is written → *statement
	wanted     sync.Map // *statement that was used in a transaction and is to be prepared
	// writer is held by the one transaction that writes on SQLite: waiting here is
	// fair, and waiting for SQLite's own lock is not. Nil elsewhere.
	writer chan struct{}
}

// New returns a store on an open database. It does not ask the database anything:
// the tables are made by [Migrate], and db stays the caller's to configure and to
// close. Nothing is started, and the store itself has not to be closed. Make one
// for a database and keep it: it holds prepared statements, which end with db.
func New(db *sql.DB, dialect Dialect, opts Options) (*Store, error) {
	opts, err := opts.check(dialect)
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, errors.New("sqlstore: the database is nil")
	}
	s := &Store{db: db, dialect: dialect, prefix: opts.Prefix}
	if dialect == SQLite {
		s.writer = make(chan struct{}, 1)
	}
	return s, nil
}
