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

// Long histories over few grants go through many rounds of the sweep at inserts.
func TestLongHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		var spec modeltest.Spec
		s := memstore.New()
		g := modeltest.Generator{Pick: modeltest.Seeded(seed), Spec: &spec, Sweeps: seed%2 == 0}
		for range 6000 {
			op := g.Next()
			got := op.Apply(t.Context(), s)
			if err := spec.Step(op, got); err != nil {
				t.Fatalf("seed %d: %v: %v: %v", seed, op, got, err)
			}
		}
	}
}
