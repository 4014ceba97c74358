// Package policylist names the lists of what tasks may ask for. Each name is a flag, a file and a rule: package config reads the
// list, package policy enforces it, and docs/policy.md has a section for it.
package policylist

// The names of the lists.
const (
	HostPaths     = "allowed_host_paths"
	Parameters    = "allowed_parameters"
	Networks      = "allowed_networks"
	Images        = "allowed_images"
	Capabilities  = "allowed_capabilities"
	Devices       = "allowed_devices"
	Namespaces    = "allowed_namespaces"
	VolumeDrivers = "allowed_volume_drivers"
	Runtimes      = "allowed_runtimes"
)
