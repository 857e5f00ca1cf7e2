package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gin-oauth/gin-oauth-server/internal/shortcache"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	// maxStale is the most that AllowStaleAccessTokens takes.
	maxStale = time.Minute
	// defaultAccessTokenCacheSize is the default of AccessTokenCacheSize.
	defaultAccessTokenCacheSize = 10_000
	// tokenShards is into how many parts the cache is divided, so that many cores do
	// not wait for one lock and revoking a grant looks at one part only.
	tokenShards = 64
)

// accessTokenCache remembers for a short while what the store said about access
// tokens. Only tokens that are there are remembered: one that was unknown a
// moment ago may have been issued since. What this process revokes is forgotten
// at once; what another one revokes is taken until its time is over. Nil is a
// cache that is off.
type accessTokenCache struct {
	stale  time.Duration
	clock  func() time.Time
	shards [tokenShards]*shortcache.Cache[model.Key, *model.Token]
}

// newAccessTokenCache returns a cache for about size tokens, or nil if stale
// says that there is none.
func newAccessTokenCache(stale time.Duration, size int, clock func() time.Time) *accessTokenCache {
	if stale == 0 {
		return nil
	}
	c := &accessTokenCache{stale: stale, clock: clock}
	for i := range c.shards {
		c.shards[i] = shortcache.New[model.Key, *model.Token]((size + tokenShards - 1) / tokenShards)
	}
	return c
}

// shard is where the tokens of a grant are. Without a grant, in a process that
// only asks, the token's own digest decides. Both are random.
func (c *accessTokenCache) shard(key model.Key) *shortcache.Cache[model.Key, *model.Token] {
	b := key.Digest[0]
	if !key.Grant.IsZero() {
		b = key.Grant[0]
	}
	return c.shards[b%tokenShards]
}

// get returns what is remembered of a token, or else what find says. The result
// is the caller's own.
func (c *accessTokenCache) get(ctx context.Context, key model.Key, find func(context.Context) (*model.Token, error)) (*model.Token, error) {
	shard := c.shard(key)
	now := c.clock()
	if t, ok := shard.Get(key, now); ok {
		return copyToken(t), nil
	}
	mark := shard.Mark()
	t, err := find(ctx)
	if err != nil {
		return nil, err
	}
	// From before the question: what the store said may be as old as that.
	until := now.Add(c.stale)
	if t.AccessExpiresAt.Before(until) {
		until = t.AccessExpiresAt
	}
	shard.Put(key, copyToken(t), now, until, mark)
	return t, nil
}

func copyToken(t *model.Token) *model.Token {
	own := *t
	own.Extra = slices.Clone(t.Extra)
	return &own
}

// forget drops one token.
func (c *accessTokenCache) forget(key model.Key) {
	if c != nil {
		c.shard(key).Drop(func(k model.Key, _ *model.Token) bool { return k == key })
	}
}

// forgetGrant drops the tokens of a grant.
func (c *accessTokenCache) forgetGrant(id model.GrantID) {
	if c != nil {
		c.shard(model.Key{Grant: id}).Drop(func(k model.Key, _ *model.Token) bool { return k.Grant == id })
	}
}

// forgetAll drops what a filter selects. It looks at every token.
func (c *accessTokenCache) forgetAll(filter model.GrantFilter) {
	if c == nil {
		return
	}
	for _, shard := range c.shards {
		shard.Drop(func(_ model.Key, t *model.Token) bool {
			return (filter.UserID == "" || t.UserID == filter.UserID) && (filter.ClientID == "" || t.ClientID == filter.ClientID)
		})
	}
}

// The engine revokes by these three alone. The cache forgets after the store,
// so that no look-up in between brings back what was revoked, and also when the
// store failed, since then nobody knows what it did.

func (s *Server) revokeAccessToken(ctx context.Context, key model.Key) error {
	defer s.accessTokens.forget(key)
	return s.cfg.Model.RevokeAccessToken(ctx, key)
}

func (s *Server) revokeGrant(ctx context.Context, id model.GrantID) error {
	defer s.accessTokens.forgetGrant(id)
	return s.cfg.Model.RevokeGrant(ctx, id)
}

func (s *Server) revokeGrants(ctx context.Context, filter model.GrantFilter) (int, error) {
	defer s.accessTokens.forgetAll(filter)
	return s.cfg.GrantList.RevokeGrants(ctx, filter)
}

// getAccessToken is the look-up for the resource side. All else asks the store.
func (s *Server) getAccessToken(ctx context.Context, key model.Key) (*model.Token, error) {
	if s.accessTokens == nil {
		return s.cfg.Model.GetAccessToken(ctx, key)
	}
	return s.accessTokens.get(ctx, key, func(ctx context.Context) (*model.Token, error) {
		return s.cfg.Model.GetAccessToken(ctx, key)
	})
}

// cachedVerifier remembers what another verifier says. It does not know the
// form of its tokens, so it goes by their digests alone.
type cachedVerifier struct {
	TokenVerifier
	cache *accessTokenCache
}

// VerifyToken implements [TokenVerifier].
func (v cachedVerifier) VerifyToken(ctx context.Context, token string) (*model.Token, error) {
	return v.cache.get(ctx, model.Key{Digest: model.DigestOf(token)}, func(ctx context.Context) (*model.Token, error) {
		return v.TokenVerifier.VerifyToken(ctx, token)
	})
}

// checkStale looks at the two fields that [Config] and [ResourceConfig] share.
func checkStale(f *findings, stale time.Duration, size int) {
	if stale < 0 || stale > maxStale {
		f.add("stale-access-tokens-long", "AllowStaleAccessTokens", fmt.Sprintf("is %v", stale),
			"give at most "+maxStale.String()+", of which a few seconds are enough, or zero to ask the store each time", "")
	}
	if size < 0 {
		f.add("access-token-cache-size", "AccessTokenCacheSize", fmt.Sprintf("is %d", size), fmt.Sprintf("give how many tokens are kept, or zero for %d", defaultAccessTokenCacheSize), "")
	}
}
