package modeltest_test

import (
	"context"
	"fmt"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

// A history of your own length and seed, step by step.
func ExampleSpec() {
	store, ctx := memstore.New(), context.Background()
	var spec modeltest.Spec
	g := modeltest.Generator{Pick: modeltest.Seeded(42), Spec: &spec, Sweeps: true}
	for range 1000 {
		op := g.Next()
		got := op.Apply(ctx, store)
		if err := spec.Step(op, got); err != nil {
			fmt.Printf("%v: %v: %v\n", op, got, err)
			return
		}
	}
	fmt.Println("the store did what the contract says")
	// Output: the store did what the contract says
}
