package containerizer

import (
	"context"

	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/containerizer/runspec"
)

// checkPolicy checks a run spec against the operator's policy. It is asked before anything is pulled or made on the host for the task,
// and again after a pull, which takes long enough for paths and volumes to have become others.
func (s *session) checkPolicy(ctx context.Context, spec *runspec.Spec) error {
	if s.user != nil {
		s.user.Confine(spec.Config, spec.HostConfig)
	}
	return s.container.Insist(ctx, func(ctx context.Context) error {
		return s.server.options.Policy.Check(ctx, policy.Subject{
			Config: spec.Config, HostConfig: spec.HostConfig, Networking: spec.Networking,
			Networks: networkNames(s.networks.request), Image: spec.Image, Parameters: spec.Parameters, Sandbox: s.attach.Sandbox, User: s.user,
		}, s.server.engine)
	})
}
