//go:build race

package modeltest

// raceEnabled says that the race detector runs. It ends a test by itself when a
// store shares memory with its caller, which is what the rule is there for.
const raceEnabled = true
