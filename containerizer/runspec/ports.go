package runspec

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/docker/go-connections/nat"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

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
	if len(resources) == 0 {
		return fault(field, "Port mappings require resources")
	}
	ranges, found := portRanges(resources)
	if !found {
		return fault(field, "Port mappings require port resources")
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

// inRanges says whether a port lies in one of the ranges, whose ends belong to them.
func inRanges(port uint64, ranges []mesos.Value_Range) bool {
	for _, r := range ranges {
		if r.Begin <= port && port <= r.End {
			return true
		}
	}
	return false
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
		protocol := p.protocol
		if protocol == "" {
			protocol = "tcp"
		}
		port := nat.Port(fmt.Sprintf("%d/%s", p.container, protocol))
		exposed[port] = struct{}{}
		bindings[port] = append(bindings[port], nat.PortBinding{HostPort: strconv.FormatUint(uint64(p.host), 10)})
	}
	return exposed, bindings
}
