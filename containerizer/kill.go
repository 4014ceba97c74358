package containerizer

import (
	"context"
	"errors"
	"time"

	"github.com/moby/sys/signal"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/engine"
)

// Times of a kill.
const (
	// killPatience is how long the Engine may take over a signal before the process is signalled directly.
	killPatience = 3 * time.Second

	// killRepeat is the time between two SIGKILLs to a container that does not end.
	killRepeat = 5 * time.Second
)

// enforce carries out what is ordered for a running container until ctx ends, which is when it is known to have exited. Each
// order, repeated ones too, sends the stop signal again, as repeated `docker stop` does.
func (s *session) enforce(ctx context.Context, c *engine.Container, process *handle) {
	stopSignal := c.Config.StopSignal
	if stopSignal == "" {
		stopSignal = "SIGTERM"
	}
	select {
	case <-s.stop.Ordered():
	case <-ctx.Done():
		return
	}
	for {
		deadline, changed := s.stop.Current()
		if time.Until(deadline) > 0 {
			s.logger.Info("stopping container", zap.String("signal", stopSignal), zap.Time("deadline", deadline))
			s.sendSignal(ctx, c.ID, stopSignal, process)
		}
		timer := time.NewTimer(time.Until(deadline))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-changed:
			timer.Stop()
			continue
		case <-timer.C:
		}
		s.logger.Info("killing container")
		s.destroy(ctx, c.ID, process)
		return
	}
}

// destroy sends SIGKILL until the container has ended.
func (s *session) destroy(ctx context.Context, id string, process *handle) {
	for {
		s.sendSignal(ctx, id, "SIGKILL", process)
		select {
		case <-ctx.Done():
			return
		case <-time.After(killRepeat):
			s.logger.Warn("container has not ended after SIGKILL; sending it again")
		}
	}
}

// sendSignal goes through the Engine and, if that does not answer, to the process itself, so that a kill works while the Engine
// hangs.
func (s *session) sendSignal(ctx context.Context, id, name string, process *handle) {
	limited, cancel := context.WithTimeout(ctx, killPatience)
	defer cancel()
	err := s.server.engine.Kill(limited, id, name)
	switch {
	case err == nil, ctx.Err() != nil:
		return
	case engine.IsNotFound(err), engine.IsConflict(err):
		s.wakeUp() // it does not run: look why
		return
	}
	s.logger.Warn("the Engine does not deliver a signal", zap.String("signal", name), zap.Error(err))
	if process == nil {
		return
	}
	number, err := signal.ParseSignal(name)
	if err == nil {
		err = process.signal(unix.Signal(number))
	}
	switch {
	case errors.Is(err, unix.ESRCH):
		s.wakeUp() // it has ended, of which the Engine has yet to tell
	case err != nil:
		s.logger.Warn("the container's process cannot be signalled", zap.String("signal", name), zap.Error(err))
	}
}
