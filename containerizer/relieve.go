package containerizer

import (
	"context"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/executor/wire"
)

// relieveInterval is the time between two looks at an executor whose task's end the Engine owes. The Engine does not tell of the end before
// all output is taken. An executor that runs takes it (wire.Gone).
const relieveInterval = time.Second

// processGone notes that the container's process has ended, which the Engine has yet to tell.
func (s *session) processGone() {
	s.conn.sendSticky(wire.Message{Gone: &wire.Gone{}})
	select {
	case s.owed <- struct{}{}:
	default:
	}
}

// relieveEngine ends the output stream of an executor that is stopped while the Engine owes the end of its task, until ctx ends. The executor
// reads what it has, and asks for the rest, when it goes on.
func (s *session) relieveEngine(ctx context.Context) {
	select {
	case <-s.owed:
	case <-ctx.Done():
		return
	}
	for container.Pause(ctx, relieveInterval) == nil {
		if !s.process.Stopped() {
			continue
		}
		s.container.CutOutput(func() bool {
			n, err := s.process.HangUp(s.server.engine.Socket())
			s.logger.Warn("the executor is stopped and does not take the task's output; ending its connection, so that the Engine tells of the task's end",
				zap.Int("connections", n), zap.Error(err))
			return n > 0
		})
		return
	}
}
