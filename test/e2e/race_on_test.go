//go:build race

package e2e

// raceFlags builds the executor as the tests are built.
var raceFlags = []string{"-race"}
