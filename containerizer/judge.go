package containerizer

import (
	"context"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/containerizer/runspec"
)

// judge holds a run spec against the operator's policy. It is asked before anything is pulled or made on the host for the task,
// and again after a pull, which takes long enough for paths and volumes to have become others.
func (s *session) judge(ctx context.Context, spec *runspec.Spec) error {
	if s.user != nil {
		s.user.Confine(spec.Config, spec.HostConfig)
	}
	return untilAnswered(ctx, engine.IsUnavailable, func() error {
		return s.server.Policy.Judge(ctx, policy.Subject{
			Config: spec.Config, HostConfig: spec.HostConfig, Networking: spec.Networking,
			Image: spec.Image, Parameters: spec.Parameters, Sandbox: s.attach.Sandbox, User: s.user,
		}, inspector{s.server.engine})
	})
}

// inspector lets the policy ask the Engine.
type inspector struct{ engine *engine.Client }

func (i inspector) Container(ctx context.Context, idOrName string) (container.InspectResponse, error) {
	c, err := i.engine.Inspect(ctx, idOrName)
	return c.InspectResponse, err
}

func (i inspector) Volume(ctx context.Context, name string) (volume.Volume, error) {
	return i.engine.InspectVolume(ctx, name)
}
