//go:build race

package containerizer

// raceEnabled says that the tests run several times slower.
const raceEnabled = true
