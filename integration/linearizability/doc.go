// Package linearizability checks that a store keeps its contract under many callers at once: what they were answered
// must be what modeltest's sequential model answers, were their calls made one after the other in some order that
// respects who had an answer before another began.
//
// A [Load] is what the callers do, few grants and all of them at the same one. Its Record returns the [History]: who
// called what, when, and what came back. Check looks for such an order with porcupine, grant by grant: each operation is
// about one grant, and nothing in a grant depends on another. Require prints the picture of a history that has none.
//
//	history := linearizability.Load{Seed: 1}.Record(t.Context(), linearizability.On(store))
//	linearizability.Require(t, history)
//
// A call without an answer, because the context ended, the store's server was killed or the instance that called was,
// may have happened or not, and may still happen later. The history says so by not letting it end.
//
// Stores read no clock, and no record's retention ends while a Load runs: what may go by then is tested without
// concurrency, by modeltest's own histories.
package linearizability
