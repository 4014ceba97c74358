//go:build race

package reach

func init() { underRace = true }
