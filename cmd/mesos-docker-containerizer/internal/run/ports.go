package run

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/config/marathon"
)

// inspected is what of `docker inspect` is needed here. TASK_RUNNING carries it as an array of one.
type inspected struct {
	ID              string `json:"Id"`
	NetworkSettings struct {
		Ports map[string][]struct {
			HostIP   string `json:"HostIp"`
			HostPort string `json:"HostPort"`
		}
	}
	HostConfig struct{ NetworkMode string }
}

// portsOf says where a task can be reached that has just reported to be running.
func portsOf(task *mesos.TaskInfo, status *mesos.TaskStatus) Ports {
	var p Ports
	var found []inspected
	var container inspected
	// Should the text not be what it is meant to be, the addresses are still worth showing.
	if json.Unmarshal(status.Data, &found) == nil && len(found) == 1 {
		container = found[0]
	}
	p.ContainerID = container.ID
	if container.HostConfig.NetworkMode == "none" {
		return p // the address in the status is the agent's
	}
	for _, network := range status.GetContainerStatus().GetNetworkInfos() {
		for _, address := range network.IPAddresses {
			p.Addresses = append(p.Addresses, address.GetIPAddress())
		}
	}
	if container.HostConfig.NetworkMode == "host" {
		p.Ports = hostPorts(task)
		return p
	}
	for key, bindings := range container.NetworkSettings.Ports {
		number, protocol, _ := strings.Cut(key, "/")
		inside, err := strconv.Atoi(number)
		for _, binding := range bindings {
			outside, hostErr := strconv.Atoi(binding.HostPort)
			if err != nil || hostErr != nil {
				continue
			}
			p.Ports = append(p.Ports, Port{HostIP: everywhere(binding.HostIP), HostPort: outside, ContainerPort: inside, Protocol: protocol})
		}
	}
	return p.sorted()
}

// hostPorts are the ports of a task on the host's own network: those in its resources, for which its discovery may name the
// protocol.
func hostPorts(task *mesos.TaskInfo) []Port {
	var ports []Port
	for _, number := range marathon.HostPorts(*task) {
		protocols := "tcp"
		for _, d := range task.GetDiscovery().GetPorts().GetPorts() {
			if d.Number == number && d.GetProtocol() != "" {
				protocols = d.GetProtocol()
			}
		}
		for protocol := range strings.SplitSeq(protocols, ",") {
			ports = append(ports, Port{HostPort: int(number), ContainerPort: int(number), Protocol: protocol})
		}
	}
	return ports
}

// everywhere is empty for the address that stands for all.
func everywhere(ip string) string {
	if ip == "0.0.0.0" || ip == "::" {
		return ""
	}
	return ip
}

// sorted orders ports, and leaves one of those that an Engine lists twice because it binds IPv4 and IPv6.
func (p Ports) sorted() Ports {
	slices.SortFunc(p.Ports, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.HostPort, b.HostPort), cmp.Compare(a.Protocol, b.Protocol),
			cmp.Compare(a.HostIP, b.HostIP), cmp.Compare(a.ContainerPort, b.ContainerPort))
	})
	p.Ports = slices.Compact(p.Ports)
	return p
}
