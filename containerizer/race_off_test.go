//go:build !race

package containerizer

const raceEnabled = false
