package containerizer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/gpu"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
)

// prepareTimeoutError says that the time for a preparation was over.
type prepareTimeoutError struct {
	limit  time.Duration
	source string
	phase  string
}

func (e *prepareTimeoutError) Error() string {
	return fmt.Sprintf("Container was not started within %v (%s); it got as far as: %s", e.limit, e.source, e.phase)
}

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
		now, _ := s.report()
		s.at.note(func(r *record.Record) { r.App, r.Asked = now.App, asked(&s.info.task) })
	}
	s.conn.sendSticky(wire.Message{Accepted: &wire.Accepted{
		PrepareDeadline: deadline, ProgressInterval: new(time.Duration(s.server.progress.Load())),
		Warnings: append(s.differences(), warnings...), Probes: true,
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
	s.learn(func(r *TaskReport) { r.ContainerID = s.container.ID() })
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

// startPatience is how long after a kill's deadline the answer to a start is waited for. A container that the Engine starts meanwhile
// ends as any that is killed, and its output is not lost. The owner has to tell of the end within 5 s of the deadline.
const startPatience = 4 * time.Second

// bound limits a preparation to its deadline and, once a kill was asked for, to the kill's deadline, or startPatience more. The reason
// it ended for is its cause.
func (s *session) bound(ctx context.Context, deadline time.Time) (context.Context, func()) {
	bounded, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(&prepareTimeoutError{limit: s.server.options.PrepareTimeout, source: s.server.options.PrepareSource, phase: s.at.String()})
		case <-bounded.Done():
		}
	})
	group.Go(func() {
		if s.container.AwaitStopDeadline(bounded) != nil || s.starting.Load() && container.Pause(bounded, startPatience) != nil {
			return
		}
		cancel(container.ErrStopped)
	})
	return bounded, func() {
		cancel(nil)
		group.Wait()
	}
}

// cancelOn derives a context that ends, for the given reason, with what the channel announces.
func cancelOn(ctx context.Context, announced <-chan struct{}, reason error) (context.Context, func()) {
	derived, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		select {
		case <-announced:
			cancel(reason)
		case <-derived.Done():
		}
	})
	return derived, func() {
		cancel(nil)
		group.Wait()
	}
}

// awaitEngine waits until the Engine has answered, unless a kill is announced, and says what it waits for. It does not wait for the list
// of an earlier daemon's containers, which takes the Engine a second for a thousand: a container that has the name of a new one is found
// by the create, and who holds which GPU is asked for each task that wants some.
func (s *session) awaitEngine(ctx context.Context, killed <-chan struct{}) error {
	select {
	case <-s.server.watch.opened:
		return nil
	default:
	}
	s.at.enter(record.Waiting, "waiting for the Docker Engine")
	ticker := time.NewTicker(container.RetryInterval)
	defer ticker.Stop()
	for {
		if err := s.server.watch.away(); err != nil {
			s.conn.sendOnce(wire.Message{Progress: &wire.Progress{Message: "Waiting for the Docker Engine: " + reason(err)}}, nil)
		}
		select {
		case <-s.server.watch.opened:
			return nil
		case <-ticker.C:
		case <-killed:
			return container.ErrStopped
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// reason is what the Engine, or the connection to it, has said, without the call: which one it was that failed does not matter to
// who waits for the Engine.
func reason(err error) string {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e.Reason()
	}
	return err.Error()
}

// find returns the container for whose create an earlier daemon may have asked, nil if there is none.
func (s *session) find(ctx context.Context) (*engine.Container, error) {
	if s.attach.State != nil {
		s.container.MayAppear()
	}
	if err := s.awaitEngine(ctx, s.container.Stopping()); err != nil || s.attach.State == nil {
		return nil, err
	}
	return s.container.Find(ctx)
}

// search finds the container of an earlier daemon. It carries out a kill, and stops the container when the executor dies.
func (s *session) search(ctx context.Context, id string) (*engine.Container, error) {
	searching, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { s.stopWithExecutor(searching) })
	_ = s.awaitEngine(ctx, s.container.Stopping()) // the search ends with ctx, too
	return s.container.FindByID(ctx, id)
}

// abandoned reports whether a container is ours and its executor is dead.
func (s *Server) abandoned(c *engine.Container) bool {
	labels, _ := engine.ParseLabels(c.Config.Labels)
	if !labels.Ours(s.instance.id, c.Name) {
		return false
	}
	alive, err := processOf(labels).Alive()
	return !alive && err == nil
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
