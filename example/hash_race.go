//go:build race

package main

// hashIterations is few: a program with the race detector is one for tests, and
// hashes many times slower.
const hashIterations = 10_000
