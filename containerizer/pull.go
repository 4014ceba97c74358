package containerizer

import (
	"context"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
)

// pull gets the image, which takes long enough for the policy to be asked again. A kill ends it at once.
func (s *session) pull(ctx context.Context, spec *runspec.Spec) error {
	pulling, cancel := cancelOn(ctx, s.container.Stopping(), container.ErrStopped)
	defer cancel()
	s.at.enter(record.Pulling, "pulling "+spec.Image, zap.String("image", spec.Image))
	var note string
	if err := container.RetryWhile(pulling, image.EngineAway, 0, func(ctx context.Context) (err error) {
		note, err = s.server.options.Images.Pull(ctx, image.Request{
			Reference:        spec.Image,
			Platform:         spec.Platform,
			Force:            spec.ForcePull,
			Task:             s.task,
			SandboxDirectory: s.attach.Sandbox,
			AfterAgent:       s.attach.Route == wire.RouteDropIn,
			Progress: func(p image.Progress) {
				s.at.pulling(spec.Image, p)
				s.conn.sendOnce(wire.Message{Progress: progressOf(spec.Image, p)}, nil)
			},
		})
		return err
	}); err != nil {
		return err
	}
	s.note = joined(s.note, note)
	return s.checkPolicy(ctx, spec)
}

// progressOf is what the executor reports of a pull.
func progressOf(reference string, p image.Progress) *wire.Progress {
	return &wire.Progress{
		Message: "Pulling " + reference + ": " + p.String(),
		Pull: &wire.Pull{
			Reference: reference, Bytes: p.BytesDone, Total: p.BytesTotal, Layers: p.Layers, Done: p.LayersDone,
			Rate: p.Rate,
		},
	}
}
