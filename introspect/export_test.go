package introspect

import "github.com/gin-oauth/gin-oauth-server/model"

// CacheLen returns how many answers are kept.
func (v *Verifier) CacheLen() int { return v.cache.Len() }

// Parse reads an answer.
func (v *Verifier) Parse(body []byte) (*model.Token, error) { return v.parse(body) }
