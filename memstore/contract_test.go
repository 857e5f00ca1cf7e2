package memstore_test

import (
	"testing"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

var _ modeltest.Pauser = memstore.Pausable{}

func TestContract(t *testing.T) {
	modeltest.Run(t, func(*testing.T) model.Model { return memstore.Pausable{Store: memstore.New()} })
}
