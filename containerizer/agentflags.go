package containerizer

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/internal/agentflag"
)

// agentFlags are what the executor has of its agent's flags. They count on the drop-in route alone, and not if a task's user
// could have written them: a quota is not the task's to lift.
func (s *session) agentFlags() wire.AgentFlags {
	if s.attach.AgentFlags == nil || s.attach.Route != wire.RouteDropIn || s.user != nil {
		return wire.AgentFlags{}
	}
	return *s.attach.AgentFlags
}

// heedAgent lets the agent's settings win over the daemon's, as the agent's own executor would have them.
func (s *session) heedAgent(o *runspec.Options) error {
	flags := s.agentFlags()
	if flags.CgroupsEnableCFS != nil {
		o.CgroupsEnableCFS = *flags.CgroupsEnableCFS
	}
	if flags.DefaultContainerDNS != nil {
		dns, err := agentflag.ParseDNS(flags.DefaultContainerDNS)
		if err != nil {
			return fmt.Errorf("the agent's flag default_container_dns: %w", err)
		}
		o.DefaultContainerDNS = dns
	}
	return nil
}

// differences are what the agent and the daemon are told differently where neither can yield.
func (s *session) differences() []string {
	agents, ours := s.agentFlags().DockerSocket, s.server.engine.Socket()
	if agents == "" || sameSocket(agents, ours) {
		return nil
	}
	return []string{fmt.Sprintf("the agent's flag docker_socket is %s, the daemon's Engine is at %s, and that is where the task runs: "+
		"set docker_socket alike for both", agents, ours)}
}

// sameSocket compares what the paths lead to: /var/run is /run nearly everywhere.
func sameSocket(a, b string) bool {
	if a == b {
		return true
	}
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// refuseCNI fails a task that names a network which a CNI configuration of the agent's defines. ClusterD's executor joins those
// by CNI plugins, after the container was started and beside its Docker network; a container that silently lacked one would be
// worse than none. An admin who gives Docker a network of the same name has provided for it.
func (s *session) refuseCNI(ctx context.Context, defined map[string]string, joined string) error {
	for _, name := range slices.Sorted(maps.Keys(defined)) {
		file := defined[name]
		if name != joined {
			return &runspec.Error{Field: "container.network_infos", Text: fmt.Sprintf(
				"network %q is a CNI network (defined in %s), which is not supported: only Docker's network %q can be joined; "+
					"create a Docker network named %q and use that alone, or take it out of network_infos", name, file, joined, name)}
		}
		err := s.container.Insist(ctx, func(ctx context.Context) error {
			_, err := s.server.engine.InspectNetwork(ctx, name)
			return err
		})
		switch {
		case engine.IsNotFound(err):
			return &runspec.Error{Field: "container.network_infos", Text: fmt.Sprintf(
				"network %q is a CNI network (defined in %s), which is not supported, and Docker has no network of that name: "+
					"create one on this host with docker network create", name, file)}
		case err != nil:
			return err
		}
		s.logger.Warn("the task is joined to the Docker network that has the name of a CNI network",
			zap.String("network", name), zap.String("file", file))
	}
	return nil
}
