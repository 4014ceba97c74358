package config

import (
	"bytes"
	"maps"
)

// Difference is a flag that has another value in one Config than in another.
type Difference struct {
	Name string `json:"name"`
	// Value and Origin are those of the first, Other and OtherOrigin of the
	// second. A secret's values are not shown.
	Value       string `json:"value"`
	Origin      string `json:"origin"`
	Other       string `json:"other"`
	OtherOrigin string `json:"other_origin"`
	// Live says that a reload makes the second count; without it that takes a
	// restart of the daemon.
	Live bool `json:"live"`
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
			found = append(found, Difference{f.name, f.shown(a), a.Origin(f.name).String(), f.shown(b), b.Origin(f.name).String(), f.live})
		}
	}
	return found
}

// Changed lists the flags that are set to another value than their default, in
// the order of the table.
func (c *Config) Changed() []Row {
	var changed []Row
	for i, row := range c.Rows() {
		f := flags[i]
		standard := f.bind(new(Config))
		if f.standard != "" && standard.parse(f.standard) != nil {
			continue // which a test rules out
		}
		if c.Origin(f.name).Layer != BuiltIn && standard.text() != f.bind(c).text() {
			changed = append(changed, row)
		}
	}
	return changed
}

// WithLive is c with what of another Config takes effect without a restart.
func (c *Config) WithLive(from *Config) *Config {
	n := *c
	n.origins = maps.Clone(c.origins)
	for _, f := range flags {
		if f.live {
			n.origins[f.name] = from.origins[f.name]
		}
	}
	n.DockerConfig, n.AgentDockerConfig = from.DockerConfig, from.AgentDockerConfig
	n.PullProgressInterval = from.PullProgressInterval
	n.ImageGCDelay, n.ImageGCDiskThreshold = from.ImageGCDelay, from.ImageGCDiskThreshold
	n.ImageGCExclude, n.ImageGCDryRun = from.ImageGCExclude, from.ImageGCDryRun
	n.LogLevel, n.Policy = from.LogLevel, from.Policy
	return &n
}
