package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
	"github.com/gin-oauth/gin-oauth-server/redisstore"
)

func TestContract(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: server(t)})
	t.Cleanup(func() { _ = client.Close() })
	modeltest.Run(t, func(t *testing.T) model.Model {
		s, err := redisstore.New(t.Context(), client, redisstore.Options{})
		require.NoError(t, err)
		return s
	})
}
