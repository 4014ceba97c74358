package containerizer

import (
	"context"
	"fmt"
	"maps"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/gpu"
	"mesos-docker-containerizer/containerizer/runspec"
)

// takeGPUs decides which GPUs the task's container gets, and holds them until release is called.
func (s *session) takeGPUs(ctx context.Context, spec *runspec.Spec) (grant *gpu.Grant, release func(), err error) {
	release = func() {}
	err = container.RetryWhileUnavailable(ctx, 0, func(ctx context.Context) error {
		info, err := s.server.engineInfo(ctx)
		if err != nil {
			return err
		}
		grant, release, err = s.server.options.GPUs.Take(ctx, gpu.Request{
			Name: s.name, Who: fmt.Sprintf("task %s of framework %s", s.task, s.attach.Framework),
			Config: spec.Config, HostConfig: spec.HostConfig, Default: info.DefaultRuntime,
		})
		return err
	})
	return grant, release, err
}

// withGPUs is what is created of a spec: with the devices by name, in the requests and in a label, and told to the task's user.
func (s *session) withGPUs(spec *runspec.Spec, grant *gpu.Grant) (created container.Spec, note string) {
	config, host := *spec.Config, *spec.HostConfig
	if note = s.note; grant != nil {
		grant.Apply(&config, &host)
		if names := gpu.Names(grant.Devices); names != "" {
			note = joined(note, "GPUs: "+names)
			config.Labels = maps.Clone(config.Labels)
			config.Labels[engine.DevicesLabel], config.Labels[engine.NoteLabel] = gpu.MarshalLabel(grant.Devices), note
		}
	}
	return container.Spec{Config: &config, HostConfig: &host, Networking: spec.Networking, Platform: spec.Platform}, note
}

// confirmGPUs looks once more whether the devices of the created container are its own, right before the start.
func (s *session) confirmGPUs(ctx context.Context) error {
	if !s.hasGPUs {
		return nil
	}
	return container.RetryWhileUnavailable(ctx, 0, func(ctx context.Context) error {
		created, err := s.server.options.GPUs.Confirm(ctx, s.container.ID())
		if err == nil {
			s.note = created.Config.Labels[engine.NoteLabel] // it may be what an earlier daemon has created
		}
		return err
	})
}
