package containerizer

import (
	"fmt"
	"os"

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
