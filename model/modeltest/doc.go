// Package modeltest is the contract of [model.Model] as a test suite, for every
// store, also one of your own:
//
//	func TestContract(t *testing.T) {
//		modeltest.Run(t, func(t *testing.T) model.Model {
//			return openMyStore(t)
//		})
//	}
//
// Each rule of the contract is a subtest, from single use under 64 callers to
// what a sweep may take. Run with -race. A store that implements [Pauser] has its
// races forced instead of hoped for: random ones find a window between deciding
// and writing in a fraction of the runs only.
//
// The contract is here a second time, as a sequential model: a [Spec] takes the
// operations of a history with the answers of the store, and says which answer
// is not allowed. Run compares seeded random histories with it. To look for
// more, or with a property tester that shrinks what it finds, drive it yourself:
//
//	var spec modeltest.Spec
//	g := modeltest.Generator{Pick: modeltest.Seeded(42), Spec: &spec}
//	for range 1000 {
//		op := g.Next()
//		got := op.Apply(ctx, store)
//		if err := spec.Step(op, got); err != nil {
//			t.Fatalf("%v: %v: %v", op, got, err)
//		}
//	}
//
// This package imports the standard library only.
package modeltest
