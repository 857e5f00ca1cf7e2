// Package history compares stores with modeltest's sequential model of the contract, in random histories that rapid draws
// and, if one fails, shrinks to the shortest that does.
package history

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

func TestMemstore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		check(t, memstore.New())
	})
}

// check draws a history, applies it to the store and compares each answer.
func check(t *rapid.T, store model.Model) {
	_, sweeps := store.(model.Sweeper)
	generator := modeltest.Generator{
		Pick:   func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") },
		Sweeps: sweeps,
	}
	var spec modeltest.Spec
	for range rapid.IntRange(1, 150).Draw(t, "length") {
		op := generator.Next()
		got := op.Apply(t.Context(), store)
		t.Logf("%v: %v", op, got)
		if err := spec.Step(op, got); err != nil {
			t.Fatal(err)
		}
	}
}
