package containerizer

import (
	"context"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/gpu"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
)

// prepare brings the task's container to the point where it was started, and returns it as inspected after that. With an error
// s.container has the container that is left, if any. What an earlier daemon had begun is found again and carried on.
func (s *session) prepare(ctx context.Context) (*engine.Container, error) {
	deadline := time.Now().Add(s.server.options.PrepareTimeout)
	if state := s.attach.State; state != nil && !state.PrepareDeadline.IsZero() {
		if known := wire.Anchor(state.PrepareDeadline); known.Before(deadline) { // else the clock was set back meanwhile
			deadline = known
		}
	}
	var warnings []string
	if s.info = decodeLaunch(s.order); s.info.err == nil {
		s.probes, warnings = probesOf(&s.info.task)
		s.learnTask(&s.info.task)
	}
	s.conn.sendSticky(wire.Message{Accepted: &wire.Accepted{
		PrepareDeadline: deadline, ProgressInterval: new(time.Duration(s.server.progress.Load())),
		Warnings: append(s.differences(), warnings...),
	}})
	s.unwatch = s.server.watch.subscribe(s.name, s.hear)

	alive, release := cancelOn(ctx, s.gone, errExecutorGone)
	defer release()
	bounded, cancel := s.bound(alive, deadline)
	defer cancel()

	s.takeUpNetworks()
	var spec *runspec.Spec
	var found *engine.Container
	var err error
	if state := s.attach.State; state != nil && state.ContainerID != "" {
		// Neither a deadline nor a kill ends the search: a container that may run is not given up for an Engine that is silent.
		found, err = s.search(ctx, state.ContainerID)
	} else {
		found, err = s.find(bounded)
	}
	if err == nil && found == nil {
		spec, err = s.create(bounded)
	}
	if err != nil {
		s.container.Abandon()
		return nil, err
	}
	if found != nil {
		s.note, s.hasGPUs = found.Config.Labels[engine.NoteLabel], found.Config.Labels[engine.DevicesLabel] != ""
	}
	s.reportCreated()
	if found != nil && !container.StartedAt(found).IsZero() {
		return found, nil
	}
	if err := s.startContainer(bounded, spec); err != nil {
		return nil, err
	}
	// Once the start was done the Engine has all the time it needs to tell how it went.
	return s.container.Inspect(alive)
}

// reportCreated says that the container exists and is about to be started, if it was not.
func (s *session) reportCreated() {
	s.at.note(func(r *record.Record) { r.ContainerID = s.container.ID() })
	s.conn.sendSticky(wire.Message{Created: &wire.Created{ContainerID: s.container.ID()}})
}

// startContainer starts the container that was created. The spec is nil if an earlier daemon has created it.
func (s *session) startContainer(ctx context.Context, spec *runspec.Spec) error {
	if err := s.confirmGPUs(ctx); err != nil {
		return err
	}
	if err := s.checkSize(ctx, spec); err != nil {
		return err
	}
	s.at.enter(record.Starting, "copying secrets into the container")
	if err := s.deliverFiles(ctx, spec); err != nil {
		return err
	}
	s.at.progress("starting the container")
	if err := s.container.AttachOutput(ctx); err != nil {
		return err
	}
	s.starting.Store(true)
	return s.container.Start(ctx)
}

// create translates the task and creates its container, pulling the image first if it has to be.
func (s *session) create(ctx context.Context) (*runspec.Spec, error) {
	s.at.enter(record.Preparing, "translating the task")
	spec, err := s.translate(ctx)
	if err != nil {
		return nil, err
	}
	s.at.note(func(r *record.Record) { r.Asked = askedOf(spec, r.Asked.Health) })
	if err := s.checkPolicy(ctx, spec); err != nil {
		return nil, err
	}
	spec.ForcePull = s.server.options.Images.Forces(spec.ForcePull)
	release := s.server.options.Images.Hold(ctx, spec.Image)
	defer release() // the container holds it from then on
	grant, releaseGPUs, err := s.takeGPUs(ctx, spec)
	defer releaseGPUs() // as with the image
	if err != nil {
		return nil, err
	}
	if spec.ForcePull || s.lacksImage(ctx, spec) {
		if err := s.pull(ctx, spec); err != nil {
			return nil, err
		}
	}
	if err := spec.PrepareHost(ctx); err != nil {
		return nil, err
	}
	if err := s.joinNetworks(ctx, spec); err != nil {
		return nil, err
	}
	// Asking whether the image is there would cost every launch a call: create says so itself.
	err = s.createContainer(ctx, spec, grant)
	if engine.IsImageNotFound(err) && !spec.ForcePull {
		if err := s.pull(ctx, spec); err != nil {
			return nil, err
		}
		err = s.createContainer(ctx, spec, grant)
	}
	return spec, err
}

// lacksImage reports whether the image of a task with CNI networks has to be pulled. They are not joined before that.
func (s *session) lacksImage(ctx context.Context, spec *runspec.Spec) bool {
	if s.networks.request == nil {
		return false
	}
	_, err := s.server.engine.InspectImage(ctx, spec.Image, spec.Platform)
	return engine.IsImageNotFound(err)
}

func (s *session) createContainer(ctx context.Context, spec *runspec.Spec, grant *gpu.Grant) error {
	s.at.enter(record.Creating, "creating the container")
	if s.note != "" {
		spec.Config.Labels[engine.NoteLabel] = s.note // for a daemon that starts the container in place of this one
	}
	created, note := s.withGPUs(spec, grant)
	s.placeBelow(created)
	s.inHolder(&created)
	warnings, err := s.container.Create(ctx, created)
	if err == nil {
		s.note, s.hasGPUs = note, created.Config.Labels[engine.DevicesLabel] != ""
	}
	for _, w := range warnings {
		s.logger.Warn("the Engine warns", zap.String("warning", w))
	}
	return err
}
