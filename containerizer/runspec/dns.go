package runspec

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/agentflag"
)

// describeDNS gives the task the default for its network, unless a parameter of its own says anything about DNS. The kind of
// network is DockerInfo's; the name is that of the network in effect.
func (r *runOptions) describeDNS(docker *mesos.ContainerInfo_DockerInfo, d *agentflag.ContainerDNS) {
	if d == nil {
		return
	}
	for _, p := range r.parameters {
		switch p.name {
		case "dns", "dns-search", "dns-opt", "dns-option":
			return
		}
	}
	r.dns = dnsFor(d.Docker, docker.GetNetwork(), r.network)
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
