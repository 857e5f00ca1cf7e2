// Package alloctest holds operations to a number of allocations. Times differ
// from machine to machine and from minute to minute; allocations do not, and
// most of what makes an operation slower shows in them.
//
// The numbers stand in the tests, next to what they are of:
//
//	alloctest.Run(t, []alloctest.Operation{
//		{Name: "authenticate", Most: 3, Run: func() { … }},
//	})
//
// Under the race detector there are other allocations, so such a test has the
// build constraint !race; make allocs runs it.
package alloctest

import (
	"testing"
)

// Operation is something whose allocations are counted.
type Operation struct {
	Name string
	// Most is how many allocations it may make, or Any.
	Most int
	// Run does it once. What it does is checked by it, for something that fails
	// early allocates little.
	Run func()
}

// Any is for what is there to compare with, and not this module's to hold.
const Any = -1

// runs is over how many runs the allocations are averaged, so that a map or a
// slab that grows now and then counts as nothing.
const runs = 1000

// Run fails for each operation that makes more allocations than it may. It must
// not run in parallel with other tests.
func Run(t *testing.T, operations []Operation) {
	t.Helper()
	for _, o := range operations {
		if o.Most == Any {
			continue
		}
		got := int(testing.AllocsPerRun(runs, o.Run))
		switch {
		case got > o.Most:
			t.Errorf("%s: the allocations grew from %d to %d; if that is meant, change the number here", o.Name, o.Most, got)
		case got < o.Most:
			t.Logf("%s: the allocations went down from %d to %d; change the number here, so that it stays so", o.Name, o.Most, got)
		}
	}
}

// Bench measures the operations, one benchmark for each.
func Bench(b *testing.B, operations []Operation) {
	for _, o := range operations {
		b.Run(o.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o.Run()
			}
		})
	}
}
