package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gin-oauth/gin-oauth-server/model"
)

var _ model.Model = (*Store)(nil)

// The faults of this store that are no fault of the server. None happens with
// credentials from the engine: they are random, and it sets the grant from the key.
var (
	errDuplicate  = errors.New("redisstore: a token with this digest is stored already")
	errOtherGrant = errors.New("redisstore: the token is of another grant than the key")
)

// DefaultPrefix is what the names of all keys begin with unless Options says else.
const DefaultPrefix = "oauth:"

// DefaultClockSkew is how much longer than they must be records are kept.
const DefaultClockSkew = 5 * time.Minute

// Options are the settings of a [Store]. The zero value is a good one.
type Options struct {
	// Prefix is what the names of all keys begin with. Several stores share a
	// server when their prefixes differ. It has no braces, which Redis Cluster
	// would read. Defaults to "oauth:".
	Prefix string
	// ClockSkew is how far the clocks of the instances may be apart. Records are
	// kept so much longer than the contract asks, so that an instance whose clock
	// is behind still finds what it must. Defaults to 5 minutes.
	ClockSkew time.Duration
	// Logger is told by New what the server's settings can lose. Defaults to
	// [slog.Default].
	Logger *slog.Logger
}

// Store is a [model.Model] in Redis. Use [New]. All methods are safe for
// concurrent use, also by several processes.
type Store struct {
	client  redis.UniversalClient
	scripts *scripts
	prefix  string
	skew    int64 // ms
	// oneSlot says that a script may be given keys of different slots. Then a verb
	// that opens a grant writes its indexes in the same script.
	oneSlot bool
}

// New returns a store on the client's server, which it asks for its settings. It
// returns an error if the server cannot be reached or cannot be used: a replica, a
// cluster client that reads from replicas, a client that spreads keys by itself
// ([redis.Ring]). Settings under which a crash loses acknowledged writes it logs as
// warnings, each with its fix. It does not close the client, and starts nothing.
func New(ctx context.Context, client redis.UniversalClient, opts Options) (*Store, error) {
	if opts.Prefix == "" {
		opts.Prefix = DefaultPrefix
	}
	if opts.ClockSkew == 0 {
		opts.ClockSkew = DefaultClockSkew
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if err := opts.check(client); err != nil {
		return nil, err
	}
	scripts, err := loadScripts()
	if err != nil {
		return nil, fmt.Errorf("redisstore: read the scripts: %w", err)
	}
	s := &Store{client: client, scripts: scripts, prefix: opts.Prefix, skew: opts.ClockSkew.Milliseconds()}
	if err := s.checkServer(ctx, opts.Logger); err != nil {
		return nil, err
	}
	return s, nil
}

// check returns all that is wrong with the options and the client's.
func (o *Options) check(client redis.UniversalClient) error {
	var errs []error
	if strings.ContainsAny(o.Prefix, "{}") {
		errs = append(errs, fmt.Errorf("redisstore: Options.Prefix %q has braces, which mark what a cluster hashes: leave them out", o.Prefix))
	}
	if o.ClockSkew < 0 {
		errs = append(errs, fmt.Errorf("redisstore: Options.ClockSkew is negative (%v): leave it zero for %v", o.ClockSkew, DefaultClockSkew))
	}
	return errors.Join(append(errs, checkClient(client)...)...)
}

// grantKey is the name of the hash that holds a grant. The braces make the grant
// alone decide in which slot it is.
func (s *Store) grantKey(id model.GrantID) string {
	return s.prefix + "{" + id.String() + "}"
}

// ttl returns for how many milliseconds from now something is kept that was issued
// at one time and must be there until another. It is relative: an absolute time of
// an instance whose clock is wrong, or of a test, could be past by the server's.
func (s *Store) ttl(issued time.Time, until ...time.Time) int64 {
	longest := int64(0)
	for _, t := range until {
		longest = max(longest, t.UnixMilli()-issued.UnixMilli())
	}
	return longest + s.skew
}
