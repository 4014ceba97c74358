package policy

import (
	"reflect"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
)

// field says what becomes of a field of docker's types: it is checked by rules, or it is harmless for a reason.
type field struct {
	checked  string // names of policy files
	harmless string // why no rule looks at it
}

// Reasons that several fields share.
const (
	reasonInside   = "it changes what is inside the container only"
	reasonAmount   = "it is an amount: how much a task gets is between framework and agent"
	reasonStreams  = "output and input are the daemon's business, which overrides it"
	reasonWindows  = "Engines on Linux refuse it or pass it over"
	reasonResolver = "the container's own resolver reads it, and whom it asks is a matter of its network"
	reasonAddress  = "it is the container's place in a network that is checked by name"
	reasonWhole    = "its fields are checked one by one"
	reasonOutcome  = "the Engine fills it in and does not read it"
)

// fields has every field of every type that a container is created from. A test compares it with docker's types, so each field of a new
// docker client needs a decision here. checkUnknown refuses a field that is not in the table.
var fields = map[reflect.Type]map[string]field{
	reflect.TypeFor[container.Config](): {
		"Hostname": {harmless: reasonInside}, "Domainname": {harmless: reasonInside},
		"User":        {checked: "allow_privileged (executors that are not root's); root in a container is what the Engine confines"},
		"AttachStdin": {harmless: reasonStreams}, "AttachStdout": {harmless: reasonStreams}, "AttachStderr": {harmless: reasonStreams},
		"ExposedPorts": {harmless: "it publishes nothing by itself"},
		"Tty":          {harmless: reasonStreams}, "OpenStdin": {harmless: reasonStreams}, "StdinOnce": {harmless: reasonStreams},
		"Env": {checked: "allowed_devices (NVIDIA_VISIBLE_DEVICES)"},
		"Cmd": {harmless: reasonInside}, "Healthcheck": {harmless: "its command runs inside the container"},
		"ArgsEscaped": {harmless: reasonWindows},
		"Image":       {checked: "allowed_images"},
		"Volumes":     {harmless: "it asks for volumes without a name, whose driver is checked with HostConfig.VolumeDriver"},
		"WorkingDir":  {harmless: reasonInside}, "Entrypoint": {harmless: reasonInside},
		"NetworkDisabled": {harmless: "it takes away"},
		"MacAddress":      {harmless: reasonAddress},
		"OnBuild":         {harmless: "it is read by builds only"},
		"Labels":          {harmless: "the Engine does not act on labels; ours are protected by the run spec"},
		"StopSignal":      {harmless: "it goes to the container's own process"},
		"StopTimeout":     {harmless: "the grace of a kill comes from Mesos"},
		"Shell":           {harmless: "it is read by builds only"},
	},
	reflect.TypeFor[container.HostConfig](): {
		"Binds":           {checked: "allowed_host_paths, allowed_volume_drivers"},
		"ContainerIDFile": {harmless: "the Engine writes no such file, the docker command does; the run spec refuses cidfile"},
		"LogConfig":       {checked: "allowed_host_paths, allowed_networks"},
		"NetworkMode":     {checked: "allowed_networks"},
		"PortBindings":    {checked: "allowed_networks (executors that are not root's); for others, the agent has given out the ports"},
		"RestartPolicy":   {harmless: "the run spec refuses all but no"},
		"AutoRemove":      {harmless: "the daemon overrides it"},
		"VolumeDriver":    {checked: "allowed_volume_drivers"},
		"VolumesFrom":     {checked: "allowed_host_paths, allowed_volume_drivers"},
		"ConsoleSize":     {harmless: reasonStreams},
		"Annotations":     {checked: "allowed_runtimes"},
		"CapAdd":          {checked: "allowed_capabilities"},
		"CapDrop":         {harmless: "it takes away"},
		"CgroupnsMode":    {checked: "allowed_namespaces"},
		"DNS":             {harmless: reasonResolver}, "DNSOptions": {harmless: reasonResolver}, "DNSSearch": {harmless: reasonResolver},
		"ExtraHosts":      {harmless: reasonResolver},
		"GroupAdd":        {checked: "allow_privileged (executors that are not root's); root in a container has all groups"},
		"IpcMode":         {checked: "allowed_namespaces"},
		"Cgroup":          {checked: "allowed_namespaces"},
		"Links":           {checked: "allowed_networks"},
		"OomScoreAdj":     {checked: "allowed_capabilities (below zero)"},
		"PidMode":         {checked: "allowed_namespaces"},
		"Privileged":      {checked: "allow_privileged and every rule that it would get round"},
		"PublishAllPorts": {harmless: "the Engine picks ports that any user may listen to"},
		"ReadonlyRootfs":  {harmless: "it takes away"},
		"SecurityOpt":     {checked: "allow_privileged"},
		"StorageOpt":      {harmless: reasonAmount},
		"Tmpfs":           {harmless: "it is memory of the container's own, within its limit"},
		"UTSMode":         {checked: "allowed_namespaces"},
		"UsernsMode":      {checked: "allowed_namespaces"},
		"ShmSize":         {harmless: reasonAmount},
		"Sysctls":         {checked: "allow_privileged (those without a namespace)"},
		"Runtime":         {checked: "allowed_runtimes"},
		"Isolation":       {harmless: reasonWindows},
		"Resources":       {harmless: reasonWhole},
		"Mounts":          {checked: "allowed_host_paths, allowed_volume_drivers, allowed_images"},
		"MaskedPaths":     {checked: "allow_privileged"},
		"ReadonlyPaths":   {checked: "allow_privileged"},
		"Init":            {harmless: "the program is the operator's"},
	},
	reflect.TypeFor[container.Resources](): {
		"CPUShares": {harmless: reasonAmount}, "Memory": {harmless: reasonAmount}, "NanoCPUs": {harmless: reasonAmount},
		"CgroupParent": {checked: "allowed_namespaces"},
		"BlkioWeight":  {harmless: reasonAmount}, "BlkioWeightDevice": {harmless: reasonAmount},
		"BlkioDeviceReadBps": {harmless: reasonAmount}, "BlkioDeviceWriteBps": {harmless: reasonAmount},
		"BlkioDeviceReadIOps": {harmless: reasonAmount}, "BlkioDeviceWriteIOps": {harmless: reasonAmount},
		"CPUPeriod": {harmless: reasonAmount}, "CPUQuota": {harmless: reasonAmount},
		"CPURealtimePeriod": {checked: "allowed_capabilities"}, "CPURealtimeRuntime": {checked: "allowed_capabilities"},
		"CpusetCpus": {harmless: reasonAmount}, "CpusetMems": {harmless: reasonAmount},
		"Devices": {checked: "allowed_devices"}, "DeviceCgroupRules": {checked: "allowed_devices"}, "DeviceRequests": {checked: "allowed_devices"},
		"KernelMemory": {harmless: reasonAmount}, "KernelMemoryTCP": {harmless: reasonAmount},
		"MemoryReservation": {harmless: reasonAmount}, "MemorySwap": {harmless: reasonAmount}, "MemorySwappiness": {harmless: reasonAmount},
		"OomKillDisable": {checked: "allowed_capabilities"},
		"PidsLimit":      {harmless: reasonAmount},
		"Ulimits":        {checked: "allowed_capabilities (rtprio, nice); the others are amounts within the cgroup's limits"},
		"CPUCount":       {harmless: reasonWindows}, "CPUPercent": {harmless: reasonWindows},
		"IOMaximumIOps": {harmless: reasonWindows}, "IOMaximumBandwidth": {harmless: reasonWindows},
	},
	reflect.TypeFor[container.DeviceMapping](): {
		"PathOnHost": {checked: "allowed_devices"}, "PathInContainer": {harmless: reasonInside}, "CgroupPermissions": {checked: "allowed_devices"},
	},
	reflect.TypeFor[container.DeviceRequest](): {
		"Driver": {checked: "allowed_devices"}, "Count": {harmless: reasonAmount}, "DeviceIDs": {checked: "allowed_devices"},
		"Capabilities": {checked: "allowed_devices"}, "Options": {harmless: "they are for the driver, whose devices are checked"},
	},
	reflect.TypeFor[container.LogConfig](): {
		"Type": {checked: "allowed_host_paths, allowed_networks"}, "Config": {checked: "allowed_host_paths, allowed_networks"},
	},
	reflect.TypeFor[mount.Mount](): {
		"Type": {checked: "allowed_host_paths, allowed_volume_drivers, allowed_images"}, "Source": {checked: "allowed_host_paths, allowed_volume_drivers, allowed_images"},
		"Target": {harmless: reasonInside}, "ReadOnly": {checked: "allowed_host_paths"}, "Consistency": {harmless: reasonWindows},
		"BindOptions": {harmless: reasonWhole}, "VolumeOptions": {harmless: reasonWhole}, "ImageOptions": {harmless: reasonWhole},
		"TmpfsOptions": {harmless: reasonWhole}, "ClusterOptions": {harmless: reasonWhole},
	},
	reflect.TypeFor[mount.BindOptions](): {
		"Propagation": {checked: "allowed_host_paths"}, "NonRecursive": {harmless: "it takes away"},
		"CreateMountpoint":     {harmless: "a missing directory is made below what is allowed"},
		"ReadOnlyNonRecursive": {checked: "allowed_host_paths"}, "ReadOnlyForceRecursive": {harmless: "it takes away"},
	},
	reflect.TypeFor[mount.VolumeOptions](): {
		"NoCopy": {harmless: reasonInside}, "Labels": {harmless: "the Engine does not act on labels"},
		"Subpath": {harmless: "it stays within the volume, which the Engine sees to"}, "DriverConfig": {harmless: reasonWhole},
	},
	reflect.TypeFor[mount.Driver](): {
		"Name": {checked: "allowed_volume_drivers"}, "Options": {checked: "allowed_host_paths, allowed_volume_drivers (the local driver)"},
	},
	reflect.TypeFor[mount.ImageOptions](): {"Subpath": {harmless: "it stays within the image, which the Engine sees to"}},
	reflect.TypeFor[mount.TmpfsOptions](): {
		"SizeBytes": {harmless: reasonAmount}, "Mode": {harmless: reasonInside}, "Options": {harmless: "the Engine knows exec and noexec only"},
	},
	reflect.TypeFor[mount.ClusterOptions](): {},
	reflect.TypeFor[network.NetworkingConfig](): {
		"EndpointsConfig": {checked: "allowed_networks"},
	},
	reflect.TypeFor[network.EndpointSettings](): {
		"IPAMConfig": {harmless: reasonWhole}, "Links": {checked: "allowed_networks"},
		"Aliases": {harmless: reasonAddress}, "MacAddress": {harmless: reasonAddress},
		"DriverOpts": {harmless: "they are for the driver of a network that is checked by name"},
		"GwPriority": {harmless: reasonAddress}, "NetworkID": {checked: "allowed_networks"},
		"EndpointID": {harmless: reasonOutcome}, "Gateway": {harmless: reasonOutcome}, "IPAddress": {harmless: reasonOutcome},
		"IPPrefixLen": {harmless: reasonOutcome}, "IPv6Gateway": {harmless: reasonOutcome}, "GlobalIPv6Address": {harmless: reasonOutcome},
		"GlobalIPv6PrefixLen": {harmless: reasonOutcome}, "DNSNames": {harmless: reasonOutcome},
	},
	reflect.TypeFor[network.EndpointIPAMConfig](): {
		"IPv4Address": {harmless: reasonAddress}, "IPv6Address": {harmless: reasonAddress}, "LinkLocalIPs": {harmless: reasonAddress},
	},
}

// checkUnknown refuses a field that is set and not in the table. An empty list counts as set: to some fields it
// says something.
//
// It names the first such field. Where no rule is set it is the first one that could be.
func (c *check) checkUnknown() {
	found := unknown(c.Config, c.HostConfig, c.Networking)
	if len(found) == 0 {
		return
	}
	by := origin{rule: rulePrivileged}
	if c.force != nil {
		by = *c.force
	}
	c.fail(by.refuse(demand{found[0], "set", "a field that this version of the policy does not know"}))
}

// unknown returns the names of fields that are set in the values, or in what they hold, and that are not in the table.
func unknown(roots ...any) []string {
	var found []string
	for _, root := range roots {
		found = collectUnknown(reflect.ValueOf(root), found)
	}
	return found
}

func collectUnknown(v reflect.Value, found []string) []string {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return collectUnknown(v.Elem(), found)
		}
	case reflect.Slice:
		if !holdsKnown(v.Type()) {
			return found
		}
		for i := range v.Len() {
			found = collectUnknown(v.Index(i), found)
		}
	case reflect.Map:
		if !holdsKnown(v.Type()) {
			return found
		}
		for _, key := range v.MapKeys() {
			found = collectUnknown(v.MapIndex(key), found)
		}
	case reflect.Struct:
		table, known := fields[v.Type()]
		if !known {
			return found // a value without an effect of its own, such as a port
		}
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if _, decided := table[name]; !decided && !v.Field(i).IsZero() {
				found = append(found, v.Type().Name()+"."+name)
			}
			found = collectUnknown(v.Field(i), found)
		}
	}
	slices.SortFunc(found, strings.Compare)
	return found
}

// holdsKnown tells whether a list or map is of a type in the table, so that long lists of text are not gone through.
func holdsKnown(t reflect.Type) bool {
	element := t.Elem()
	if element.Kind() == reflect.Pointer {
		element = element.Elem()
	}
	_, known := fields[element]
	return known
}
