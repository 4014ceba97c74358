//go:build !race

package parameters

const raceEnabled = false
