package dockercli

import (
	"context"
	"errors"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/policy"
)

// judge holds what a framework has asked for through its agent against the operator's policy. The agent itself is root and needs
// none, but the values in its commands are the framework's.
func (d *Docker) judge(ctx context.Context, s policy.Subject) error {
	if d.options.Policy == nil {
		return nil
	}
	return d.options.Policy.Judge(ctx, s, engine.Inspector{Client: d.options.Engine})
}

// imageRule is the policy's rule about images.
const imageRule = "allowed_images"

// judgeImage judges an image by itself. Of the container that it is for nothing is known yet, so the other rules wait for that.
func (d *Docker) judgeImage(ctx context.Context, reference string) error {
	err := d.judge(ctx, policy.Subject{Image: reference, Config: &container.Config{Image: reference}})
	if refused, ok := errors.AsType[*policy.Refusal](err); ok && refused.Rule != imageRule {
		return nil
	}
	return err
}
