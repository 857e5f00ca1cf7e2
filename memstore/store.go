package memstore

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"sync"

	"github.com/gin-oauth/gin-oauth-server/internal/gcra"
	"github.com/gin-oauth/gin-oauth-server/model"
)

var (
	_ model.Model   = (*Store)(nil)
	_ model.Sweeper = (*Store)(nil)

	_ model.ConsentModel = (*Store)(nil)
	_ model.GrantModel   = (*Store)(nil)
	_ model.LimitModel   = (*Store)(nil)
)

// The faults of this store. None happens with credentials from the engine: they
// are random, it sets the grant from the key, and it decides nothing else.
var (
	errDuplicate  = errors.New("memstore: a token with this digest is stored already")
	errOtherGrant = errors.New("memstore: the token is of another grant than the key")
	errNoDecision = errors.New("memstore: a decision on a device code is approved or denied")
)

// shardCount is how many parts the store has. More would cost memory in small
// stores and win nothing: a write lock is held for about a microsecond.
const (
	shardBits  = 6
	shardCount = 1 << shardBits
)

// Store is a [model.Model] in memory. Use [New]. All methods are safe for
// concurrent use. A method whose context is already done returns its error
// and does nothing; none waits for anything but a lock.
type Store struct {
	clients  sync.Map // client id → *model.Client, never changed in place
	shards   [shardCount]shard
	devices  devices
	sweeper  sweepState
	expiring clientExpiry
	limits   *gcra.Limiter

	// beforeWrite, if set, is called by every writing verb between deciding and
	// writing. Tests stop a verb there.
	beforeWrite func(context.Context)
}

// New returns an empty store.
func New() *Store {
	s := &Store{limits: gcra.New()}
	seed := maphash.MakeSeed()
	for i := range s.shards {
		s.shards[i] = shard{
			seed:    seed,
			grants:  map[model.GrantID]grantRef{},
			access:  map[uint64]uint32{},
			refresh: map[uint64]uint32{},
			allowed: map[uint32]uint32{},
			round:   newRound(),
		}
	}
	return s
}

// shard holds the grants whose ids fall to it, with all that belongs to them.
type shard struct {
	mu   sync.RWMutex
	seed maphash.Seed

	grants map[model.GrantID]grantRef
	// access and refresh find a token by the hash of its key. The hash is keyed
	// and 64 bits wide: nobody can make two keys collide, and should two ever
	// meet, the second save fails. A look-up compares the key itself.
	access, refresh map[uint64]uint32

	grantRecords slab[grantRecord]
	codes        slab[codeRecord]
	tokens       slab[tokenRecord]
	pairs        slab[pairRecord]
	values       values
	terms        interned[terms]

	// consents are in the shard of their user; allowed finds the first of a user,
	// by its number in values.
	consents slab[consentRecord]
	allowed  map[uint32]uint32

	round round
	hand  uint32 // where the sweep at the next insert goes on
}

// shard returns the shard of a grant. Ids are random; folding the whole id
// spreads those that are not, too.
func (s *Store) shard(id model.GrantID) *shard {
	x := binary.LittleEndian.Uint64(id[:8]) ^ binary.LittleEndian.Uint64(id[8:])
	x *= 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio: moves every bit into the top ones
	return &s.shards[x>>(64-shardBits)]
}

// shardOfUser returns the shard of what belongs to a user and to no grant.
func (s *Store) shardOfUser(id string) *shard {
	return &s.shards[maphash.String(s.shards[0].seed, id)>>(64-shardBits)]
}

func (sh *shard) hash(grant model.GrantID, digest model.Digest) uint64 {
	return maphash.Comparable(sh.seed, model.Key{Grant: grant, Digest: digest})
}

func (s *Store) pause(ctx context.Context) {
	if s.beforeWrite != nil {
		s.beforeWrite(ctx)
	}
}
