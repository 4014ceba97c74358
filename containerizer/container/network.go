package container

import (
	"errors"

	"mesos-docker-containerizer/containerizer/engine"
)

// errNetworkLost is why a container is not started again. Engine 29 takes a container off the network on which its start has failed, as
// where a host port is taken, and a second start would run it without that network and without any port.
var errNetworkLost = errors.New("the Engine has taken the container off its network, so it is not started again")

// networksOf is how many networks a container was created on, at least. That is one, for host and none count as networks, unless it joins
// the namespace of another container.
func networksOf(c *engine.Container) int {
	n := 0
	if c.NetworkSettings != nil {
		n = len(c.NetworkSettings.Networks)
	}
	if c.HostConfig == nil || c.HostConfig.NetworkMode.IsContainer() {
		return n
	}
	return max(n, 1)
}

// networkLost reports whether a container that was not started is on fewer networks than it was created with.
func (c *Container) networkLost(found *engine.Container) bool {
	return found.NetworkSettings != nil && len(found.NetworkSettings.Networks) < c.networks
}
