package containerizer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/policy"
	"mesos-docker-containerizer/containerizer/runspec"
	"mesos-docker-containerizer/executor/wire"
)

// Times of the wait for an exit.
const (
	// lookInterval is the time between two looks at a container about which nothing is heard, should the Engine have dropped
	// its event.
	lookInterval = 30 * time.Second

	// lostExitTimeout is how long the Engine may take to report the exit of a container whose process is gone (contract
	// 3.3: some Engines never do).
	lostExitTimeout = 60 * time.Second

	// lostExitInterval is the time between two looks in that case.
	lostExitInterval = 2 * time.Second

	// outputOverlap is how far a resumed output stream reaches back behind the last byte the executor has: the Engine may have
	// logged later bytes before it went down and never sent them. It bounds what is seen twice.
	outputOverlap = 2 * time.Second
)

// awaitExit waits until the Engine says that the container has ended. Only an answer of the Engine counts, or the absence of
// the container, or of its process for so long that no answer is to be expected.
func (s *session) awaitExit(ctx context.Context, c *engine.Container, processGone <-chan struct{}) wire.Exited {
	var lost time.Time // when the Engine's answer is given up
	interval := lookInterval
	known := c
	for {
		s.resumeOutput(ctx, known)
		if exit, ended := exitOf(known); ended {
			return exit
		}
		select {
		case <-s.wake:
		case <-time.After(interval):
		case <-processGone:
			processGone = nil
			lost = time.Now().Add(lostExitTimeout)
			interval = lostExitInterval
			continue // the event is on its way; looking now would come too early
		case <-ctx.Done():
			return wire.Exited{}
		}
		found, err := s.server.engine.Inspect(ctx, c.ID)
		switch {
		case err == nil:
			known = &found
			if lost.IsZero() {
				interval = lookInterval
			}
		case engine.IsNotFound(err):
			s.container.Forget()
			return wire.Exited{Outcome: wire.OutcomeUnknown, Fault: wire.FaultHost, Message: container.ErrVanished.Error()}
		case ctx.Err() == nil:
			s.logger.Debug("the container's state is unknown; asking again", zap.Error(err))
			interval = lostExitInterval
		}
		if !lost.IsZero() && time.Now().After(lost) {
			return wire.Exited{Outcome: wire.OutcomeUnknown, Fault: wire.FaultHost, Message: fmt.Sprintf(
				"the container's process is gone and the Docker Engine has not reported its exit within %v", lostExitTimeout)}
		}
	}
}

// exitOf reads how a container ended, if it has.
func exitOf(c *engine.Container) (wire.Exited, bool) {
	if c.State.Running || c.State.Restarting || c.State.Paused || container.StartedAt(c).IsZero() {
		return wire.Exited{}, false
	}
	return wire.Exited{
		Outcome: wire.OutcomeExited,
		Code:    c.State.ExitCode,
		OOM:     c.State.OOMKilled,
		Message: c.State.Error,
	}, true
}

// resumeOutput gives the executor a new output stream if it has lost the one it had while the container runs on, which is so
// after an Engine restart with live-restore. It may repeat up to outputOverlap of output, and leaves none out.
//
// A stream that ended while the Engine was there has nothing to follow: the container is about to be seen exited, and what is
// known of it here may be older than that.
func (s *session) resumeOutput(ctx context.Context, c *engine.Container) {
	lost := s.server.watch.lost()
	s.mu.Lock()
	wanted := s.resume
	if wanted == nil || lost == s.opened || complete(wanted, c) {
		s.mu.Unlock()
		return
	}
	s.resume, s.opened = nil, lost
	s.mu.Unlock()
	since := wanted.Since
	if !since.IsZero() {
		since = since.Add(-outputOverlap)
	}
	stream, err := s.server.engine.LogOutput(ctx, c.ID, since)
	if err != nil {
		if ctx.Err() == nil {
			s.logger.Warn("output cannot be resumed yet", zap.Error(err))
			s.mu.Lock()
			if s.resume == nil {
				s.resume, s.opened = wanted, -1 // at the next look
			}
			s.mu.Unlock()
		}
		return
	}
	s.mention(wire.Message{Output: &wire.Output{TTY: c.Config.Tty, Resumed: true}}, stream)
	stream.Close()
}

// endSlack is how much earlier than the container's end, as the Engine tells it, an output stream may end and yet be complete.
const endSlack = 500 * time.Millisecond

// complete tells whether the stream that the executor had went on until the container ended.
func complete(r *wire.Resume, c *engine.Container) bool {
	_, ended := exitOf(c)
	return ended && !r.Ended.IsZero() && r.Ended.After(container.FinishedAt(c).Add(-endSlack))
}

// failure turns the error of a preparation into the outcome, in words for the framework's user.
func (s *session) failure(err error) wire.Exited {
	exit := wire.Exited{Outcome: wire.OutcomeFailed, Fault: wire.FaultHost, Message: err.Error()}
	var spec *runspec.Error
	var pull *image.Error
	var refusal *policy.Refusal
	switch {
	case errors.Is(err, container.ErrVanished):
		exit.Outcome = wire.OutcomeUnknown
	case errors.Is(err, container.ErrStopped):
		exit.Message = "Container was killed before it was started"
	case errors.As(err, new(*container.NameInUseError)):
	case errors.As(err, &spec):
		exit.Fault = wire.FaultTask
		exit.Message = "Failed to create docker run options: " + spec.Error()
	case errors.As(err, &refusal):
		exit.Fault = wire.FaultTask
		exit.Message = "The policy of this host refuses the task: " + refusal.Error()
	case errors.As(err, &pull):
		if pull.Fault() == image.User {
			exit.Fault = wire.FaultTask
		}
	case engine.IsInvalid(err):
		exit.Fault = wire.FaultTask
		exit.Message = "Failed to run docker container: " + err.Error()
	case errors.As(err, new(*engine.Error)):
		exit.Message = "Failed to run docker container: " + err.Error()
	}
	return exit
}
