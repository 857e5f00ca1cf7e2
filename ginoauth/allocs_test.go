//go:build !race

package ginoauth_test

import (
	"testing"

	"github.com/gin-oauth/gin-oauth-server/internal/alloctest"
)

func TestAllocations(t *testing.T) { alloctest.Run(t, operations(t)) }
