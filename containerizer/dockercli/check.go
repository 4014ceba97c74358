package dockercli

import (
	"context"
	"errors"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/internal/policylist"
)

// checkPolicy applies the operator's policy to a framework's request through its agent. The agent itself is root, but the values in its
// commands are the framework's.
func (d *Docker) checkPolicy(ctx context.Context, s policy.Subject) error {
	if d.options.Policy == nil {
		return nil
	}
	return d.options.Policy.Check(ctx, s, engine.Inspector{Client: d.options.Engine})
}

// checkImage applies the policy to an image. The other rules need the container, which is not known yet.
func (d *Docker) checkImage(ctx context.Context, reference string) error {
	err := d.checkPolicy(ctx, policy.Subject{Image: reference, Config: &container.Config{Image: reference}})
	if refused, ok := errors.AsType[*policy.Refusal](err); ok && refused.Rule != policylist.Images {
		return nil
	}
	return err
}
