package engine

import "github.com/gin-oauth/gin-oauth-server/model"

// ReadDocument reads a client ID metadata document under a policy with this
// scope.
func ReadDocument(scope model.Scope, id string, body []byte) (*model.Client, error) {
	return (&ClientIDDocumentPolicy{Scope: scope}).readDocument(id, body)
}

// AccessTokensKept returns how many tokens AllowStaleAccessTokens keeps.
func (s *Server) AccessTokensKept() (n int) {
	for _, shard := range s.accessTokens.shards {
		n += shard.Len()
	}
	return n
}
