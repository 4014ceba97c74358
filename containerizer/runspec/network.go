package runspec

import (
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// describeNetwork sets the network (contract 2.5). A net or network parameter replaces it afterwards, but the checks
// here and for host name and ports go by DockerInfo.network, as stock's do.
func (r *runOptions) describeNetwork(info *mesos.ContainerInfo) error {
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

// plainNetwork says whether the network is a name and nothing else. A parameter may be more, and so may the name of a user
// network: docker reads "name=n,alias=a" as options.
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
