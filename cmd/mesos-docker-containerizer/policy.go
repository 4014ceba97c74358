package main

import (
	"mesos-docker-containerizer/config"
	"mesos-docker-containerizer/containerizer/policy"
)

// newPolicy reads the policy files. Its error lists every item that is wrong.
func newPolicy(c *config.Config) (*policy.Policy, error) {
	// source is empty for a rule that nobody has set.
	source := func(flag string) string {
		if o := c.Origin(flag); o.Layer != config.BuiltIn {
			return o.String()
		}
		return ""
	}
	allowed := make(map[string]policy.Rule, len(c.Policy.Allowed))
	for flag, items := range c.Policy.Allowed {
		allowed[flag] = policy.Rule{Source: source(flag), Items: items}
	}
	return policy.New(policy.Options{
		AllowPrivileged: policy.Switch{Source: source("allow_privileged"), Allow: c.Policy.AllowPrivileged},
		Allowed:         allowed,
		LogDriver:       c.LogDriver,
		LogOpts:         c.LogOpts,
	})
}
