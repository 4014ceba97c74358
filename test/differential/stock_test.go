package differential

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/internal/agentflag"
)

// assignment is a task with everything else that stock's command line depends on.
type assignment struct {
	runspec.Task

	cfs        bool // agent flag cgroups_enable_cfs
	dns        *agentflag.ContainerDNS
	hostMemory uint64
	honorUser  bool

	// For the other side only: rows of the table say with these what stock would have to be told.
	extra          []string     // options behind the generated ones
	sandboxMounted bool         // the sandbox is among extra
	mounted        map[int]bool // and so are the volumes with these indices
	api            string       // version of the Engine's API
}

// stock returns the arguments that the stock executor gives to docker run, without the name (contract 2.1), or the
// error with which it fails the task.
func stock(a assignment) ([]string, error) {
	info := a.Info.Container
	if info.Docker == nil {
		return nil, errors.New("No docker info found in container info")
	}
	var line []string
	if info.Docker.GetPrivileged() {
		line = append(line, "--privileged")
	}
	line = append(line, stockResources(a)...)
	line = append(line, stockEnvironment(a)...)
	volumes, err := stockVolumes(a, info)
	if err != nil {
		return nil, err
	}
	network, parameters, err := stockNetwork(info)
	if err != nil {
		return nil, err
	}
	line = append(line, volumes...)
	line = append(line, "--net", network)
	line = append(line, stockDNS(a, network)...)
	if info.Hostname != nil {
		if info.Docker.GetNetwork() == mesos.ContainerInfo_DockerInfo_HOST {
			return nil, errors.New("Unable to set hostname with host network mode")
		}
		if *info.Hostname != "" {
			line = append(line, "--hostname", *info.Hostname)
		}
	}
	ports, err := stockPorts(a, info.Docker)
	if err != nil {
		return nil, err
	}
	line = append(line, ports...)
	entrypoint, arguments, err := stockCommand(a.Info.Command)
	if err != nil {
		return nil, err
	}
	line = append(line, entrypoint...)
	line = append(line, a.extra...)
	for _, p := range parameters {
		line = append(line, "--"+p.Key+"="+p.Value)
	}
	return append(append(line, info.Docker.Image), arguments...), nil
}

// amount is the sum of a scalar resource in the fixed point of thousandths that Mesos counts in.
func amount(resources []mesos.Resource, name string) (sum float64, present bool) {
	for _, r := range resources {
		if r.Name == name && r.Scalar != nil {
			sum += math.Round(r.Scalar.Value*1000) / 1000
		}
	}
	sum = math.Round(sum*1000) / 1000
	return sum, sum > 0
}

// allResources are TaskInfo.resources and TaskInfo.executor.resources.
func allResources(info mesos.TaskInfo) []mesos.Resource {
	if info.Executor != nil {
		return slices.Concat(info.Resources, info.Executor.Resources)
	}
	return info.Resources
}

// stockResources restates contract 2.2.
func stockResources(a assignment) (line []string) {
	const mib = 1 << 20
	number := func(option string, value int64) { line = append(line, option, strconv.FormatInt(value, 10)) }
	floor := func(megabytes float64) int64 { return max(int64(megabytes)*mib, 32*mib) }
	quota := func(cpus float64) int64 { // a Duration times a double, in microseconds
		return max(time.Duration(cpus*float64(100*time.Millisecond)).Microseconds(), 1000)
	}
	cpus, hasCPUs := amount(allResources(a.Info), "cpus")
	cpuLimit, cpusLimited := a.Info.Limits["cpus"]
	if hasCPUs {
		number("--cpu-shares", max(int64(1024*cpus), 2))
	}
	switch {
	case cpusLimited && !math.IsInf(cpuLimit.Value, 1):
		number("--cpu-quota", quota(cpuLimit.Value))
	case !cpusLimited && hasCPUs && a.cfs:
		number("--cpu-quota", quota(cpus))
	}
	mem, hasMem := amount(allResources(a.Info), "mem")
	memLimit, memLimited := a.Info.Limits["mem"]
	if memLimited && hasMem {
		number("--memory-reservation", floor(mem))
	}
	switch {
	case memLimited && !math.IsInf(memLimit.Value, 1):
		number("--memory", floor(memLimit.Value))
	case !memLimited && hasMem:
		number("--memory", floor(mem))
	}
	if memLimited && hasMem && (math.IsInf(memLimit.Value, 1) || int64(mem) < int64(memLimit.Value)) {
		number("--oom-score-adj", 1000-1000*(int64(mem)*mib)/int64(a.hostMemory))
	}
	return line
}

// stockEnvironment restates contract 2.3.
func stockEnvironment(a assignment) (line []string) {
	values := map[string]string{}
	for _, v := range a.Info.Command.GetEnvironment().GetVariables() {
		values[v.Name] = v.GetValue()
	}
	for name, value := range a.Environment {
		values[name] = value
	}
	values["MESOS_SANDBOX"] = a.MappedDirectory
	values["MESOS_CONTAINER_NAME"] = a.Name
	values["MESOS_ALLOCATION_ROLE"] = ""
	if resources := allResources(a.Info); len(resources) > 0 {
		values["MESOS_ALLOCATION_ROLE"] = resources[0].GetAllocationInfo().GetRole()
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		line = append(line, "-e", name+"="+values[name])
	}
	return line
}

// stockVolumes restates contract 2.4.
func stockVolumes(a assignment, info *mesos.ContainerInfo) (line []string, err error) {
	driver := ""
	for i, v := range info.Volumes {
		target := v.ContainerPath
		if !path.IsAbs(target) {
			target = a.MappedDirectory + "/" + target
		}
		source := ""
		switch {
		case v.HostPath != nil && path.IsAbs(*v.HostPath):
			source = *v.HostPath
		case v.HostPath != nil && !path.IsAbs(v.ContainerPath):
			return nil, fmt.Errorf("Both host_path '%s' and container_path '%s' of a volume are relative", *v.HostPath, v.ContainerPath)
		case v.HostPath != nil && info.Docker.VolumeDriver != nil:
			source = *v.HostPath
		case v.HostPath != nil:
			source = a.SandboxDirectory + "/" + *v.HostPath
		case v.Source == nil:
			return nil, errors.New("Host path or volume source is required")
		case v.Source.GetType() != mesos.Volume_Source_DOCKER_VOLUME:
			continue
		default:
			source = v.Source.DockerVolume.Name
			if d := v.Source.DockerVolume.GetDriver(); d != "" {
				if driver != "" && driver != d {
					return nil, errors.New("Only one volume driver is supported")
				}
				driver = d
			}
		}
		if a.mounted[i] {
			continue
		}
		line = append(line, "-v", source+":"+target+":"+strings.ToLower(v.GetMode().String()))
	}
	if d := info.Docker.VolumeDriver; d != nil {
		if driver != "" && driver != *d {
			return nil, errors.New("Only one volume driver per task is supported")
		}
		driver = *d
	}
	if !a.sandboxMounted {
		line = append(line, "-v", a.SandboxDirectory+":"+a.MappedDirectory)
	}
	if driver != "" {
		line = append(line, "--volume-driver="+driver)
	}
	return line, nil
}

// stockNetwork restates the network of contract 2.5, with the parameter that replaces it at HEAD, and returns the
// parameters that are left.
func stockNetwork(info *mesos.ContainerInfo) (name string, rest []mesos.Parameter, err error) {
	switch info.Docker.GetNetwork() {
	case mesos.ContainerInfo_DockerInfo_BRIDGE:
		name = "bridge"
	case mesos.ContainerInfo_DockerInfo_NONE:
		name = "none"
	case mesos.ContainerInfo_DockerInfo_USER:
		switch {
		case len(info.NetworkInfos) == 0:
			return "", nil, errors.New("No network info found in container info")
		case len(info.NetworkInfos) > 1:
			return "", nil, errors.New("Only a single network can be defined in Docker run")
		case info.NetworkInfos[0].Name == nil:
			return "", nil, errors.New("No network name found in network info")
		}
		name = *info.NetworkInfos[0].Name
	default:
		name = "host"
	}
	replaced := false
	for _, p := range info.Docker.Parameters {
		if !replaced && (p.Key == "net" || p.Key == "network") {
			name, replaced = p.Value, true
			continue
		}
		rest = append(rest, p)
	}
	return name, rest, nil
}

// stockDNS restates contract 2.8.
func stockDNS(a assignment, network string) (line []string) {
	docker := a.Info.Container.Docker
	if a.dns == nil || slices.ContainsFunc(docker.Parameters, func(p mesos.Parameter) bool {
		return slices.Contains([]string{"dns", "dns-search", "dns-opt", "dns-option"}, p.Key)
	}) {
		return nil
	}
	find := func(mode, name string) *agentflag.NetworkDNS {
		for i, entry := range a.dns.Docker {
			if entry.NetworkMode == mode && (mode == "BRIDGE" || entry.NetworkName == name) {
				return &a.dns.Docker[i]
			}
		}
		return nil
	}
	var entry *agentflag.NetworkDNS
	switch docker.GetNetwork() {
	case mesos.ContainerInfo_DockerInfo_BRIDGE:
		entry = find("BRIDGE", "")
	case mesos.ContainerInfo_DockerInfo_USER:
		if entry = find("USER", network); entry == nil {
			entry = find("USER", "")
		}
	}
	if entry == nil {
		return nil
	}
	for _, server := range entry.DNS.Nameservers {
		line = append(line, "--dns", server)
	}
	for _, domain := range entry.DNS.Search {
		line = append(line, "--dns-search", domain)
	}
	for _, option := range entry.DNS.Options {
		line = append(line, "--dns-opt", option)
	}
	return line
}

// stockPorts restates the port mappings of contract 2.5.
func stockPorts(a assignment, docker *mesos.ContainerInfo_DockerInfo) (line []string, err error) {
	if len(docker.PortMappings) == 0 {
		return nil, nil
	}
	if n := docker.GetNetwork(); n == mesos.ContainerInfo_DockerInfo_HOST || n == mesos.ContainerInfo_DockerInfo_NONE {
		return nil, errors.New("Port mappings are only supported for bridge and user-defined networks")
	}
	resources := allResources(a.Info)
	if len(resources) == 0 {
		return nil, errors.New("Port mappings require resources")
	}
	var ranges []mesos.Value_Range
	found := false
	for _, r := range resources {
		if r.Name == "ports" && r.Ranges != nil {
			ranges, found = append(ranges, r.Ranges.Range...), true
		}
	}
	if !found {
		return nil, errors.New("Port mappings require port resources")
	}
	for _, m := range docker.PortMappings {
		if !slices.ContainsFunc(ranges, func(r mesos.Value_Range) bool {
			return r.Begin <= uint64(m.HostPort) && uint64(m.HostPort) <= r.End
		}) {
			return nil, fmt.Errorf("Port [%d] not included in resources", m.HostPort)
		}
		mapping := fmt.Sprintf("%d:%d", m.HostPort, m.ContainerPort)
		if m.Protocol != nil {
			mapping += "/" + strings.ToLower(*m.Protocol)
		}
		line = append(line, "-p", mapping)
	}
	return line, nil
}

// stockCommand restates contract 2.7.
func stockCommand(c *mesos.CommandInfo) (entrypoint, arguments []string, err error) {
	switch {
	case c == nil:
		return nil, nil, nil
	case c.GetShell() && c.Value == nil:
		return nil, nil, errors.New("Shell specified but no command value provided")
	case c.GetShell():
		return []string{"--entrypoint", "/bin/sh"}, []string{"-c", *c.Value}, nil
	}
	if c.Value != nil {
		arguments = append(arguments, *c.Value)
	}
	return nil, append(arguments, c.Arguments...), nil
}
