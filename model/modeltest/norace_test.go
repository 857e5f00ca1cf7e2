//go:build !race

package modeltest

// raceEnabled says that the race detector runs.
const raceEnabled = false
