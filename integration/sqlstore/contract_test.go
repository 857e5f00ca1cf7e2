package sqlstore

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, _ := p.freshPausable(t, nil)
		modeltest.Run(t, func(*testing.T) model.Model { return store })
	})
}

// TestHistories compares the store with modeltest's sequential model, in random histories that rapid draws and, if one
// fails, shrinks to the shortest that does.
func TestHistories(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p product) {
		store, _ := p.fresh(t)
		rapid.Check(t, func(t *rapid.T) {
			generator := modeltest.Generator{
				Pick:   func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") },
				Salt:   salt(),
				Sweeps: true,
			}
			var spec modeltest.Spec
			for range rapid.IntRange(1, 100).Draw(t, "length") {
				op := generator.Next()
				got := op.Apply(t.Context(), store)
				t.Logf("%v: %v", op, got)
				if err := spec.Step(op, got); err != nil {
					t.Fatal(err)
				}
			}
		})
	})
}
