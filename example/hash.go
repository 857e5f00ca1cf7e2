//go:build !race

package main

// hashIterations makes one guess at a password cost a good part of a second of
// a core.
const hashIterations = 600_000
