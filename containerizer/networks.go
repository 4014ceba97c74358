package containerizer

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-connections/nat"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/cni"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec"
)

// networkField is what a task's mistakes about its networks are about.
const networkField = "container.network_infos"

func networkFault(format string, arguments ...any) error {
	return &runspec.Error{Field: networkField, Text: fmt.Sprintf(format, arguments...)}
}

// chooseNetworks finds the networks that plugins are to join the task to, nil for a task whose network is Docker's business alone. A
// Docker network has precedence for a task on a USER network: hosts with tasks of the Mesos containerizer have both under one name.
func (s *session) chooseNetworks(ctx context.Context) (*cni.Request, error) {
	info, err := runspec.ContainerOf(s.describe())
	if err != nil {
		return nil, err
	}
	asked := slices.DeleteFunc(slices.Clone(info.NetworkInfos), func(n mesos.NetworkInfo) bool { return n.GetName() == "" })
	if len(asked) == 0 {
		return nil, nil
	}
	configurations, plugins := s.cniDirectories()
	if len(configurations) == 0 {
		return nil, nil
	}
	known, err := cni.Load(configurations)
	if err != nil {
		s.logger.Warn("CNI configurations that cannot be read are passed over", zap.Error(err))
	}
	defined := slices.DeleteFunc(slices.Clone(asked), func(n mesos.NetworkInfo) bool { return known[n.GetName()].Name == "" })
	switch network := info.Docker.GetNetwork(); {
	case network == mesos.ContainerInfo_DockerInfo_NONE:
	case network != mesos.ContainerInfo_DockerInfo_USER && len(defined) > 0:
		return nil, networkFault("network %s is a CNI network (defined in %s), and a container on the network %s can have no other: set container.docker.network to USER",
			runspec.Quote(defined[0].GetName()), known[defined[0].GetName()].File, network)
	case network != mesos.ContainerInfo_DockerInfo_USER, len(defined) == 0 && namesDockersNetwork(info):
		return nil, nil
	case namesDockersNetwork(info):
		return nil, networkFault("network %s is a CNI network (defined in %s), and a parameter, or an option in the name of a network, asks for one of "+
			"Docker's: the task can have one or the other", runspec.Quote(defined[0].GetName()), known[defined[0].GetName()].File)
	case len(asked) == 1:
		dockers, err := s.isDockers(ctx, asked[0].GetName())
		if err != nil {
			return nil, err
		}
		if dockers && len(defined) > 0 {
			s.logger.Warn("the task is joined to the Docker network that has the name of a CNI network",
				zap.String("network", asked[0].GetName()), zap.String("file", known[asked[0].GetName()].File))
		}
		if dockers {
			return nil, nil
		}
	}
	if len(plugins) == 0 {
		return nil, networkFault("CNI networks cannot be joined: network_cni_plugins_dir is not set")
	}
	request := &cni.Request{Container: s.name, Instance: s.server.instance.id, Executor: s.executor, Plugins: plugins}
	for _, n := range asked {
		network, found := known[n.GetName()]
		if !found {
			return nil, networkFault("there is no network %s: in %s are the CNI networks %s", runspec.Quote(n.GetName()),
				strings.Join(configurations, ":"), known.Names())
		}
		text, err := json.Marshal(n)
		if err != nil {
			return nil, fmt.Errorf("network_infos: %w", err)
		}
		request.Networks = append(request.Networks, cni.Wish{Network: network, NetworkInfo: text})
	}
	return request, nil
}

// cniDirectories are the agent's where it gives any to its executors, else the daemon's own.
func (s *session) cniDirectories() (configurations, plugins []string) {
	if flags := s.agentFlags(); flags.CNIConfigurations != "" {
		nonEmpty := func(path string) []string {
			return slices.DeleteFunc(strings.Split(path, ":"), func(directory string) bool { return directory == "" })
		}
		return nonEmpty(flags.CNIConfigurations), nonEmpty(flags.CNIPlugins)
	}
	return s.server.options.CNIConfigurations, s.server.options.CNIPlugins
}

// namesDockersNetwork reports whether a parameter, or options in the name, say which of Docker's networks it is.
func namesDockersNetwork(info *mesos.ContainerInfo) bool {
	return strings.Contains(info.NetworkInfos[0].GetName(), "=") ||
		slices.ContainsFunc(info.Docker.Parameters, func(p mesos.Parameter) bool { return p.Key == "net" || p.Key == "network" })
}

// isDockers reports whether Docker has a network of a name.
func (s *session) isDockers(ctx context.Context, name string) (bool, error) {
	err := s.container.Insist(ctx, func(ctx context.Context) error {
		_, err := s.server.engine.InspectNetwork(ctx, name)
		return err
	})
	if engine.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// networkNames are the names of the networks of a request, for the policy; nil for none.
func networkNames(r *cni.Request) (names []string) {
	if r != nil {
		for _, n := range r.Networks {
			names = append(names, n.Network.Name)
		}
	}
	return names
}

// plan checks that the task's networks can be joined. Options of docker run that only Docker's own networks have are refused.
func (j *joining) plan(spec *runspec.Spec) (err error) {
	if j.request == nil {
		return nil
	}
	refused := func(option string) error {
		return &runspec.Error{Field: "container.docker.parameters", Text: option + " is of Docker's own networks, and the task is on CNI networks"}
	}
	switch {
	case len(spec.HostConfig.Links) > 0:
		return refused("link")
	case spec.HostConfig.PublishAllPorts:
		return refused("publish-all")
	case len(spec.Networking.EndpointsConfig) > 0:
		return refused("an option of the endpoint (ip, ip6, link-local-ip, network-alias, mac-address)")
	}
	if j.request.Ports, err = portsOf(spec.HostConfig.PortBindings); err != nil {
		return err
	}
	j.planned, err = j.request.Plan()
	return err
}

// portsOf are the port mappings as plugins take them, in a fixed order.
func portsOf(bindings nat.PortMap) (ports []cni.Port, err error) {
	for _, port := range slices.Sorted(maps.Keys(bindings)) {
		for _, b := range bindings[port] {
			host, err := strconv.ParseUint(b.HostPort, 10, 16)
			if err != nil || host == 0 {
				return nil, &runspec.Error{Field: "container.docker.parameters", Text: fmt.Sprintf(
					"publish: host port %s cannot be had on a CNI network: one port has to be named", runspec.Quote(b.HostPort))}
			}
			ports = append(ports, cni.Port{HostPort: int(host), ContainerPort: port.Int(), Protocol: port.Proto(), HostIP: b.HostIP})
		}
	}
	return ports, nil
}
