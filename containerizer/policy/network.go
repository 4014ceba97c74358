package policy

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"mesos-docker-containerizer/containerizer/runspec"

	"github.com/docker/go-connections/nat"
)

// Names of networks with a meaning of their own.
const (
	networkHost      = "host"
	networkNone      = "none"
	networkBridge    = "bridge"
	networkContainer = "container" // in allowed_networks: what other containers have
)

// firstUserPort is the lowest port that a user other than root can listen to on a host as the kernel comes.
const firstUserPort = 1024

func parseNetwork(item string) (string, error) {
	if item == "" || strings.ContainsFunc(item, unicode.IsSpace) || strings.Contains(item, ":") {
		return "", errors.New("it is not the name of a network; host and container (for container:ID) are names, too")
	}
	return canonicalNetwork(item), nil
}

// canonicalNetwork gives the Engine's default network its name.
func canonicalNetwork(name string) string {
	if name == "" || name == "default" {
		return networkBridge
	}
	return name
}

// network decides about one name. An id of a network is no name, so it is never an item.
func (c *check) network(d demand, name string) {
	if name == networkNone || !c.networks.set() && name == networkBridge { // every container has it that asks for nothing
		return
	}
	permit(c, &c.networks, d, is(name))
}

func (c *check) checkNetworks() {
	mode := string(c.HostConfig.NetworkMode)
	name := canonicalNetwork(mode)
	if strings.HasPrefix(mode, networkContainer+":") {
		name = networkContainer
	}
	c.network(demand{"HostConfig.NetworkMode", mode, "network " + runspec.Quote(name)}, name)
	for _, name := range c.Subject.Networks { // one that is called none is no less a network
		permit(c, &c.networks, demand{"NetworkInfo.name", name, "network " + runspec.Quote(name)}, is(name))
	}
	for _, link := range c.HostConfig.Links {
		c.link("HostConfig.Links", link)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Networking.EndpointsConfig)) {
		name := canonicalNetwork(key)
		c.network(demand{"NetworkingConfig.EndpointsConfig", key, "network " + runspec.Quote(name)}, name)
		endpoint := c.Networking.EndpointsConfig[key]
		if endpoint == nil {
			continue
		}
		if id := endpoint.NetworkID; id != "" {
			c.network(demand{"EndpointSettings.NetworkID", id, "network " + runspec.Quote(id)}, id)
		}
		for _, link := range endpoint.Links {
			c.link("EndpointSettings.Links", link)
		}
	}
	c.checkPorts(c.HostConfig.PortBindings)
}

// link checks a link for what the Engine makes of it: the linked container's environment, with its secrets, is copied.
func (c *check) link(field, link string) {
	d := demand{field, link, `a link, which shows another container's environment ("container"),`}
	c.network(d, networkContainer)
}

// checkPorts keeps an executor that is not root's from ports that are root's. Which of the others a task may have is between
// framework and agent.
func (c *check) checkPorts(bindings nat.PortMap) {
	if c.trusted {
		return
	}
	for _, port := range slices.Sorted(maps.Keys(bindings)) {
		for _, b := range bindings[port] {
			first, _, _ := strings.Cut(b.HostPort, "-")
			n, err := strconv.ParseUint(first, 10, 16)
			if first == "" || err == nil && (n == 0 || n >= firstUserPort) {
				continue
			}
			d := demand{"HostConfig.PortBindings", b.HostPort, "a host port below " + strconv.Itoa(firstUserPort) + ` ("host")`}
			c.network(d, networkHost)
		}
	}
}
