//go:build race

package parameters

const raceEnabled = true
