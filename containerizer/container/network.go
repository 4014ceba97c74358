package container

import (
	"errors"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/containerizer/engine"
)

// errNetworkLost is why a container is not started again. Engine 29 takes a container off the network on which its start has failed, as
// where a host port is taken, and a second start would run it without that network and without any port.
var errNetworkLost = errors.New("the Engine has taken the container off its network, so it is not started again")

// leastNetworks is how many networks a container is created on, at least, of which some are named. That is one, for host and none count as
// networks, unless it joins the namespace of another container.
func leastNetworks(host *container.HostConfig, named int) int {
	if host == nil || host.NetworkMode.IsContainer() {
		return named
	}
	return max(named, 1)
}

// networksOf is how many networks a container was created on, at least.
func networksOf(c *engine.Container) int {
	if c.NetworkSettings == nil {
		return leastNetworks(c.HostConfig, 0)
	}
	return leastNetworks(c.HostConfig, len(c.NetworkSettings.Networks))
}

// networkLost reports whether a container that was not started is on fewer networks than it was created with.
func (c *Container) networkLost(found *engine.Container) bool {
	return found.NetworkSettings != nil && len(found.NetworkSettings.Networks) < c.networks
}
