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
	rule := func(flag string, items []string) policy.Rule {
		return policy.Rule{Source: source(flag), Items: items}
	}
	return policy.New(policy.Options{
		AllowPrivileged:      policy.Switch{Source: source("allow_privileged"), Allow: c.Policy.AllowPrivileged},
		AllowedHostPaths:     rule("allowed_host_paths", c.Policy.AllowedHostPaths),
		AllowedParameters:    rule("allowed_parameters", c.Policy.AllowedParameters),
		AllowedNetworks:      rule("allowed_networks", c.Policy.AllowedNetworks),
		AllowedImages:        rule("allowed_images", c.Policy.AllowedImages),
		AllowedCapabilities:  rule("allowed_capabilities", c.Policy.AllowedCapabilities),
		AllowedDevices:       rule("allowed_devices", c.Policy.AllowedDevices),
		AllowedNamespaces:    rule("allowed_namespaces", c.Policy.AllowedNamespaces),
		AllowedVolumeDrivers: rule("allowed_volume_drivers", c.Policy.AllowedVolumeDrivers),
		AllowedRuntimes:      rule("allowed_runtimes", c.Policy.AllowedRuntimes),
		LogDriver:            c.LogDriver,
		LogOpts:              c.LogOpts,
	})
}
