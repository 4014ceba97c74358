package config

import "bytes"

// Difference is a flag that has another value in one Config than in another.
type Difference struct {
	Name string `json:"name"`
	// Value and Origin are those of the first, Other and OtherOrigin of the
	// second. A secret's values are not shown.
	Value       string `json:"value"`
	Origin      string `json:"origin"`
	Other       string `json:"other"`
	OtherOrigin string `json:"other_origin"`
}

// Differences lists the flags whose values differ, in the order of the table.
// The same value from another place is no difference.
func Differences(a, b *Config) []Difference {
	found := []Difference{}
	for _, f := range flags {
		same := f.bind(a).text() == f.bind(b).text()
		if f.name == "docker_config" {
			same = same && bytes.Equal(a.AgentDockerConfig, b.AgentDockerConfig)
		}
		if !same {
			found = append(found, Difference{f.name, f.shown(a), a.Origin(f.name).String(), f.shown(b), b.Origin(f.name).String()})
		}
	}
	return found
}
