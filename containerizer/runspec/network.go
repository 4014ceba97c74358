package runspec

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-connections/nat"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/internal/agentflag"
)

// describeNetwork sets the network (contract 2.5). A net or network parameter replaces it, but the checks of network, host name and
// ports use DockerInfo.network, as in the stock executor.
func (r *runOptions) describeNetwork(info *mesos.ContainerInfo, cni bool) error {
	if cni {
		r.network = "none"
		if r.replacedNetwork != nil {
			return fault(r.replacedNetwork.field, "the parameter %s and a CNI network (of network_infos) cannot be had together", r.replacedNetwork.name)
		}
		return nil
	}
	name, err := networkName(info)
	if err != nil {
		return err
	}
	if r.replacedNetwork != nil {
		name = r.replacedNetwork.value
	}
	r.network = name
	return nil
}

// plainNetwork reports whether the network is only a name. A parameter, and the name of a user network, may also have options:
// "name=n,alias=a".
func (r *runOptions) plainNetwork() bool {
	return r.replacedNetwork == nil && !strings.Contains(r.network, "=")
}

// networkName is the network that ContainerInfo asks for, in docker's words.
func networkName(info *mesos.ContainerInfo) (string, error) {
	switch info.Docker.GetNetwork() {
	case mesos.ContainerInfo_DockerInfo_HOST:
		return "host", nil
	case mesos.ContainerInfo_DockerInfo_BRIDGE:
		return "bridge", nil
	case mesos.ContainerInfo_DockerInfo_NONE:
		return "none", nil
	case mesos.ContainerInfo_DockerInfo_USER:
	default:
		return "", fault("container.docker.network", "network %s is unknown; it must be HOST, BRIDGE, NONE or USER", info.Docker.GetNetwork())
	}
	switch infos := info.NetworkInfos; {
	case len(infos) == 0:
		return "", fault("container.network_infos", "No network info found in container info")
	case len(infos) > 1:
		return "", fault("container.network_infos", "Only a single network can be defined in Docker run")
	case infos[0].GetName() == "":
		return "", fault("container.network_infos[0].name", "No network name found in network info")
	default:
		return infos[0].GetName(), nil
	}
}

// describeHostname sets the host name, which the host's network does not allow.
func (r *runOptions) describeHostname(info *mesos.ContainerInfo) error {
	if info.Hostname == nil {
		return nil
	}
	if info.Docker.GetNetwork() == mesos.ContainerInfo_DockerInfo_HOST {
		return fault("container.hostname", "Unable to set hostname with host network mode")
	}
	r.remember("container.hostname", *info.Hostname)
	r.hostname = *info.Hostname
	return nil
}

// describeDNS gives the task the default for its network, unless a parameter of its own says anything about DNS. The kind of
// network is DockerInfo's; the name is that of the network in effect.
func (r *runOptions) describeDNS(info *mesos.ContainerInfo, o Options) {
	d, name := o.DefaultContainerDNS, r.network
	if d == nil {
		return
	}
	if o.CNI {
		name = info.NetworkInfos[0].GetName()
	}
	for _, p := range r.parameters {
		switch p.name {
		case "dns", "dns-search", "dns-opt", "dns-option":
			return
		}
	}
	r.dns = dnsFor(d.Docker, info.Docker.GetNetwork(), name)
}

// dnsFor finds the settings of a network: for a user network those of the entry with its name, else of the one without.
func dnsFor(entries []agentflag.NetworkDNS, mode mesos.ContainerInfo_DockerInfo_Network, name string) agentflag.DNS {
	var unnamed agentflag.DNS
	for _, entry := range entries {
		switch {
		case entry.NetworkMode != mode.String(): // no entry is for HOST or NONE
		case mode == mesos.ContainerInfo_DockerInfo_BRIDGE || entry.NetworkName == name:
			return entry.DNS
		case entry.NetworkName == "":
			unnamed = entry.DNS
		}
	}
	return unnamed
}

// publishedPort is one port mapping.
type publishedPort struct {
	host      uint32
	container uint32
	protocol  string // "" leaves it to docker, which takes tcp
}

// describePorts publishes ports on the host (contract 2.5). Every host port must lie in the task's ports resource.
func (r *runOptions) describePorts(docker *mesos.ContainerInfo_DockerInfo, resources []mesos.Resource) error {
	const field = "container.docker.port_mappings"
	if len(docker.PortMappings) == 0 {
		return nil
	}
	switch docker.GetNetwork() {
	case mesos.ContainerInfo_DockerInfo_HOST, mesos.ContainerInfo_DockerInfo_NONE:
		return fault(field, "Port mappings are only supported for bridge and user-defined networks")
	}
	ranges, err := grantedPorts(resources, field)
	if err != nil {
		return err
	}
	for i, mapping := range docker.PortMappings {
		port, err := publish(mapping, ranges, fmt.Sprintf("%s[%d]", field, i))
		if err != nil {
			return err
		}
		r.ports = append(r.ports, port)
	}
	return nil
}

// describeNetworkInfoPorts takes the port mappings of network_infos, which only plugins carry out. Host ports must lie in the task's
// resources, too.
func (r *runOptions) describeNetworkInfoPorts(info *mesos.ContainerInfo, resources []mesos.Resource, cni bool) error {
	if !cni {
		return nil
	}
	for i, network := range info.NetworkInfos {
		for j, m := range network.PortMappings {
			field := fmt.Sprintf("container.network_infos[%d].port_mappings[%d]", i, j)
			ranges, err := grantedPorts(resources, field)
			if err != nil {
				return err
			}
			port, err := publish(mesos.ContainerInfo_DockerInfo_PortMapping(m), ranges, field)
			if err != nil {
				return err
			}
			if !slices.Contains(r.ports, port) {
				r.ports = append(r.ports, port)
			}
		}
	}
	return nil
}

// grantedPorts are the host ports that the task may map.
func grantedPorts(resources []mesos.Resource, field string) ([]mesos.Value_Range, error) {
	if len(resources) == 0 {
		return nil, fault(field, "Port mappings require resources")
	}
	ranges, found := portRanges(resources)
	if !found {
		return nil, fault(field, "Port mappings require port resources")
	}
	return ranges, nil
}

// publish checks one port mapping.
func publish(mapping mesos.ContainerInfo_DockerInfo_PortMapping, ranges []mesos.Value_Range, field string) (publishedPort, error) {
	port := publishedPort{
		host:      mapping.HostPort,
		container: mapping.ContainerPort,
		protocol:  strings.ToLower(mapping.GetProtocol()),
	}
	if !inRanges(uint64(port.host), ranges) {
		return port, fault(field+".host_port", "Port [%d] not included in resources", port.host)
	}
	if port.host == 0 || port.host > math.MaxUint16 {
		return port, fault(field+".host_port", "host port %d is not a port; it must be 1 to %d", port.host, math.MaxUint16)
	}
	if port.container == 0 || port.container > math.MaxUint16 {
		return port, fault(field+".container_port", "container port %d is not a port; it must be 1 to %d", port.container, math.MaxUint16)
	}
	switch port.protocol {
	case "", "tcp", "udp", "sctp":
		return port, nil
	}
	return port, fault(field+".protocol", "invalid proto: %s; it must be tcp, udp or sctp", Quote(port.protocol))
}

// portRanges returns what the task has of the ports resource.
func portRanges(resources []mesos.Resource) (ranges []mesos.Value_Range, found bool) {
	for _, resource := range resources {
		if resource.Name == "ports" && resource.Ranges != nil {
			ranges, found = append(ranges, resource.Ranges.Range...), true
		}
	}
	return ranges, found
}

// inRanges reports whether a port is in one of the ranges, which include both ends.
func inRanges(port uint64, ranges []mesos.Value_Range) bool {
	return slices.ContainsFunc(ranges, func(r mesos.Value_Range) bool { return r.Begin <= port && port <= r.End })
}

// String is the mapping in docker's notation.
func (p publishedPort) String() string {
	text := fmt.Sprintf("%d:%d", p.host, p.container)
	if p.protocol != "" {
		text += "/" + p.protocol
	}
	return text
}

// portMaps returns the mappings as the Engine takes them: the ports to expose and where they are bound. Neither is nil.
func portMaps(ports []publishedPort) (nat.PortSet, nat.PortMap) {
	exposed := make(nat.PortSet, len(ports))
	bindings := make(nat.PortMap, len(ports))
	for _, p := range ports {
		port := nat.Port(fmt.Sprintf("%d/%s", p.container, cmp.Or(p.protocol, "tcp")))
		exposed[port] = struct{}{}
		bindings[port] = append(bindings[port], nat.PortBinding{HostPort: strconv.FormatUint(uint64(p.host), 10)})
	}
	return exposed, bindings
}
