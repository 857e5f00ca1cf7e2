//go:build !race

package demo

// race says whether the tests run under the race detector; the demo is then built with it, too.
const race = false
