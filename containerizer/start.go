package containerizer

import (
	"cmp"
	"strings"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
)

// reportRunning tells the executor that the container was started.
func (s *session) reportRunning(c *engine.Container) {
	ipv4, ipv6 := addresses(c)
	joined := s.networks.joined()
	for _, network := range joined {
		for _, address := range network.Addresses {
			if strings.Contains(address, ":") {
				ipv6 = cmp.Or(ipv6, address)
			} else {
				ipv4 = cmp.Or(ipv4, address)
			}
		}
	}
	s.conn.sendSticky(wire.Message{Running: &wire.Running{IPv4: ipv4, IPv6: ipv6, Networks: joined, Inspect: c.Raw, Note: s.note}})
}

// addresses are the container's in the network it was created with (contract 3.2).
func addresses(c *engine.Container) (ipv4, ipv6 string) {
	if c.NetworkSettings == nil || c.HostConfig == nil {
		return "", ""
	}
	mode := c.HostConfig.NetworkMode
	endpoint := c.NetworkSettings.Networks[string(mode)]
	if mode.IsDefault() {
		endpoint = c.NetworkSettings.Networks["bridge"]
	}
	if endpoint == nil {
		for _, any := range c.NetworkSettings.Networks { // named by id: there is one then
			endpoint = any
		}
	}
	if endpoint == nil {
		return "", ""
	}
	return endpoint.IPAddress, endpoint.GlobalIPv6Address
}
