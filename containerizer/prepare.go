package containerizer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
)

// settleWait is the time between two questions to an Engine that owes an answer.
const settleWait = time.Second

// phase says how far a task got, for the message of one that does not get further, and for admins.
type phase struct {
	mu    sync.Mutex        // guards what follows
	kind  metrics.TaskState // empty before the first
	text  string
	since time.Time
}

// set enters a phase of the preparation.
func (p *phase) set(text string) { p.enter(metrics.TaskPreparing, text) }

func (p *phase) enter(kind metrics.TaskState, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kind, p.text, p.since = kind, text, time.Now()
}

func (p *phase) state() metrics.TaskState {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kind == "" {
		return metrics.TaskAwaited
	}
	return p.kind
}

func (p *phase) String() string {
	text, _ := p.get()
	return text
}

func (p *phase) get() (text string, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text, p.since
}

// prepareTimeoutError says that the time for a preparation was over.
type prepareTimeoutError struct {
	limit  time.Duration
	source string
	phase  string
}

func (e *prepareTimeoutError) Error() string {
	return fmt.Sprintf("Container was not started within %v (%s); it got as far as: %s", e.limit, e.source, e.phase)
}

// prepare brings the task's container to the point where it was started, and returns it as inspected after that. With an
// error it returns the container that is left, if any. What an earlier daemon had begun is found again and carried on.
func (s *session) prepare(ctx context.Context, launch wire.Launch) (*engine.Container, error) {
	deadline := time.Now().Add(s.server.PrepareTimeout)
	if state := s.attach.State; state != nil && !state.PrepareDeadline.IsZero() {
		deadline = state.PrepareDeadline
	}
	var warnings []string
	s.probes, warnings = probesOf(launch)
	s.say(wire.Message{Accepted: &wire.Accepted{
		PrepareDeadline: deadline, ProgressInterval: &s.server.ProgressInterval,
		Warnings: append(s.differences(), warnings...), Probes: true,
	}})
	s.unwatch = s.server.watch.subscribe(s.name, s.wakeUp)

	at := &s.at
	at.set("waiting for the Docker Engine")
	bounded, cancel := s.bound(ctx, deadline, at)
	defer cancel()

	var spec *runspec.Spec
	container, err := s.find(ctx, bounded)
	if err == nil && container != nil {
		s.note = container.Config.Labels[engine.NoteLabel]
	}
	if err == nil && container == nil {
		container, spec, err = s.create(bounded, launch, at)
		if container == nil && s.attach.State != nil { // an earlier daemon's create may still take effect
			s.server.graves.bury(s.name)
		}
	}
	if err != nil {
		return container, err
	}
	s.say(wire.Message{Created: &wire.Created{ContainerID: container.ID}})
	if !startedAt(container).IsZero() {
		return container, nil
	}
	at.set("copying secrets into the container")
	if err := s.deliverFiles(bounded, container, launch, spec); err != nil {
		return container, err
	}
	at.set("starting the container")
	return s.start(ctx, bounded, container)
}

// bound limits a preparation to its deadline, to the executor's life, and once a kill was asked for to the kill's deadline.
// The reason it ended for is its cause.
func (s *session) bound(ctx context.Context, deadline time.Time, at *phase) (context.Context, func()) {
	bounded, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(&prepareTimeoutError{limit: s.server.PrepareTimeout, source: s.server.PrepareSource, phase: at.String()})
		case <-s.gone:
			cancel(errExecutorGone)
		case <-bounded.Done():
		}
	})
	group.Go(func() {
		if s.kills.overdue(bounded) == nil {
			cancel(errKilled)
		}
	})
	return bounded, func() {
		cancel(nil)
		group.Wait()
	}
}

// until derives a context that ends, for the given reason, with what the channel announces.
func until(ctx context.Context, announced <-chan struct{}, reason error) (context.Context, func()) {
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

// killed returns errKilled once a kill was asked for.
func (s *session) killed() error {
	select {
	case <-s.kills.asked:
		return errKilled
	default:
		return nil
	}
}

// awaitEngine waits until the containers of an earlier daemon are known, unless a kill is announced, and says what it waits for.
func (s *session) awaitEngine(ctx context.Context, killed <-chan struct{}) error {
	select {
	case <-s.server.recovered:
		return nil
	default:
	}
	ticker := time.NewTicker(settleWait)
	defer ticker.Stop()
	for {
		if err := s.server.watch.away(); err != nil {
			s.mention(wire.Message{Progress: &wire.Progress{Message: "Waiting for the Docker Engine: " + reason(err)}}, nil)
		}
		select {
		case <-s.server.recovered:
			return nil
		case <-ticker.C:
		case <-killed:
			return errKilled
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

// find returns the container that an earlier daemon created for this task, nil if there was none. Where the executor knows of
// one, neither a deadline nor a kill ends the search: a container that may run is not given up for an Engine that is silent.
// If that one is not there any more, nobody can say what became of it.
func (s *session) find(ctx, bounded context.Context) (*engine.Container, error) {
	state := s.attach.State
	if state == nil || state.ContainerID == "" {
		err := s.awaitEngine(bounded, s.kills.asked)
		if state == nil {
			return nil, err
		}
		container, err := s.settleUnless(err, bounded, s.name)
		if engine.IsNotFound(err) {
			return nil, nil
		}
		if err != nil { // an earlier daemon's create may still take effect
			s.server.graves.bury(s.name)
		}
		return container, err
	}
	searching, cancel := until(ctx, s.gone, errExecutorGone)
	defer cancel()
	container, err := s.settleUnless(s.awaitEngine(searching, nil), searching, state.ContainerID)
	switch {
	case engine.IsNotFound(err):
		return nil, errVanished
	case errors.Is(err, errExecutorGone):
		return known(state.ContainerID), err // to be stopped, when the Engine answers
	}
	return container, err
}

// known is a container of which only the id is.
func known(id string) *engine.Container {
	return &engine.Container{InspectResponse: container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{ID: id, State: &container.State{}},
		Config:            &container.Config{},
	}}
}

// settleUnless inspects until the Engine answers, unless there is an error already. A container that is not this task's is an
// error too.
func (s *session) settleUnless(err error, ctx context.Context, object string) (*engine.Container, error) {
	if err != nil {
		return nil, err
	}
	found, err := s.settle(ctx, object)
	if err == nil && !s.owns(found) {
		return nil, fmt.Errorf("container %s is not this task's; it is left alone", object)
	}
	return found, err
}

// settle inspects until the Engine says what the container is like, or that there is none. Any other answer, an internal error
// for instance, says nothing of the container.
func (s *session) settle(ctx context.Context, object string) (*engine.Container, error) {
	var found engine.Container
	unsettled := func(err error) bool { return !engine.IsNotFound(err) }
	err := untilAnswered(ctx, unsettled, func() (err error) {
		found, err = s.server.engine.Inspect(ctx, object)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &found, nil
}

// untilAnswered repeats a call, which must be safe to repeat, while its error is one for which unanswered holds. When ctx ends
// it returns the cause.
func untilAnswered(ctx context.Context, unanswered func(error) bool, call func() error) error {
	for {
		err := call()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !unanswered(err) {
			return err
		}
		select {
		case <-time.After(settleWait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// owns tells whether a container was created for this very executor and task.
func (s *session) owns(c *engine.Container) bool {
	labels, _ := engine.ParseLabels(c.Config.Labels)
	return labels.Ours(s.server.instance.id, c.Name) && labels.Task == s.task &&
		labels.ExecutorPID == s.executor.PID && labels.ExecutorStartTime == s.executor.StartTime && labels.BootID == s.executor.BootID
}

// create translates the task and creates its container, pulling the image first if it has to be.
func (s *session) create(ctx context.Context, launch wire.Launch, at *phase) (*engine.Container, *runspec.Spec, error) {
	at.set("translating the task")
	spec, err := s.translate(ctx, launch)
	if err != nil {
		return nil, nil, err
	}
	if err := s.judge(ctx, spec); err != nil {
		return nil, nil, err
	}
	spec.ForcePull = s.server.Images.Forces(spec.ForcePull)
	defer s.server.Images.Hold(ctx, spec.Image)() // until the container does
	if spec.ForcePull {
		if err := s.pull(ctx, spec, at); err != nil {
			return nil, nil, err
		}
		if err := s.judge(ctx, spec); err != nil {
			return nil, nil, err
		}
	}
	if err := spec.PrepareHost(); err != nil {
		return nil, nil, err
	}
	// Asking whether the image is there would cost every launch a call: create says so itself.
	at.set("creating the container")
	container, err := s.createOnce(ctx, spec)
	if engine.IsImageNotFound(err) && !spec.ForcePull {
		if err := s.pull(ctx, spec, at); err != nil {
			return nil, nil, err
		}
		if err := s.judge(ctx, spec); err != nil {
			return nil, nil, err
		}
		at.set("creating the container")
		container, err = s.createOnce(ctx, spec)
	}
	return container, spec, err
}
