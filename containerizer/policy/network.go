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
func (j *judgement) network(d demand, name string) error {
	if name == networkNone {
		return nil
	}
	if !j.networks.set() && name == networkBridge { // every container has it that asks for nothing
		return nil
	}
	return permit(j, &j.networks, d, is(name))
}

func (j *judgement) judgeNetworks() error {
	mode := string(j.HostConfig.NetworkMode)
	name := canonicalNetwork(mode)
	if strings.HasPrefix(mode, networkContainer+":") {
		name = networkContainer
	}
	if err := j.network(demand{"HostConfig.NetworkMode", mode, "network " + runspec.Quote(name)}, name); err != nil {
		return err
	}
	for _, link := range j.HostConfig.Links {
		if err := j.link("HostConfig.Links", link); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(j.Networking.EndpointsConfig)) {
		name := canonicalNetwork(key)
		if err := j.network(demand{"NetworkingConfig.EndpointsConfig", key, "network " + runspec.Quote(name)}, name); err != nil {
			return err
		}
		endpoint := j.Networking.EndpointsConfig[key]
		if endpoint == nil {
			continue
		}
		if id := endpoint.NetworkID; id != "" {
			if err := j.network(demand{"EndpointSettings.NetworkID", id, "network " + runspec.Quote(id)}, id); err != nil {
				return err
			}
		}
		for _, link := range endpoint.Links {
			if err := j.link("EndpointSettings.Links", link); err != nil {
				return err
			}
		}
	}
	return j.judgePorts(j.HostConfig.PortBindings)
}

// link judges a link for what the Engine makes of it: the linked container's environment, with its secrets, is copied.
func (j *judgement) link(field, link string) error {
	d := demand{field, link, `a link, which shows another container's environment ("container"),`}
	return j.network(d, networkContainer)
}

// judgePorts keeps an executor that is not root's from ports that are root's. Which of the others a task may have is between
// framework and agent.
func (j *judgement) judgePorts(bindings nat.PortMap) error {
	if j.trusted {
		return nil
	}
	for _, port := range slices.Sorted(maps.Keys(bindings)) {
		for _, b := range bindings[port] {
			first, _, _ := strings.Cut(b.HostPort, "-")
			n, err := strconv.ParseUint(first, 10, 16)
			if first == "" || err == nil && (n == 0 || n >= firstUserPort) {
				continue
			}
			d := demand{"HostConfig.PortBindings", b.HostPort, "a host port below " + strconv.Itoa(firstUserPort) + ` ("host")`}
			if err := j.network(d, networkHost); err != nil {
				return err
			}
		}
	}
	return nil
}
