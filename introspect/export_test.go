package introspect

import "github.com/gin-oauth/gin-oauth-server/model"

// CacheLen returns how many answers are kept.
func (v *Verifier) CacheLen() int {
	v.cache.mu.RLock()
	defer v.cache.mu.RUnlock()
	return len(v.cache.answers)
}

// Parse reads an answer.
func (v *Verifier) Parse(body []byte) (*model.Token, error) { return v.parse(body) }
