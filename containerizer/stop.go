package containerizer

import (
	"context"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/record"
)

// ending is a running container of a session, for those who want it stopped.
type ending struct {
	session *session
	id      string
	over    chan struct{} // closed when it has ended, or is not watched any more
	err     error         // why it is not, nil if it has ended; read-only when over is closed
}

// StopContainer ends the running container of a task whose executor is attached, by name or id: its stop signal now, SIGKILL after
// the grace, past the Engine if that does not deliver it. A kill that was ordered for an earlier time stands. It returns when the
// container has ended, or with ctx and its cause. Any other container is not touched, and ours is false at once. An executor that is
// itself stopped is continued before that.
func (s *Server) StopContainer(ctx context.Context, nameOrID string, grace time.Duration) (ours bool, err error) {
	s.continueExecutor(nameOrID) // first: the Engine tells of no end whose output nobody takes
	session, ending := s.running(nameOrID)
	if session == nil {
		return false, nil
	}
	session.at.stopping(record.Stop{By: "the agent's docker command asked for it", Deadline: time.Now().Add(grace)})
	session.container.StopWithin(grace)
	select {
	case <-ending.over:
		return true, ending.err
	case <-ctx.Done():
		return true, context.Cause(ctx)
	}
}

// continueExecutor sends SIGCONT to the executor of a container that the agent wants stopped, by its name, if a signal has stopped it.
// An agent that gives up an executor after its own restart stops the container alone, and waits without limit for the executor's end
// (contract 1.6): a stopped one would never report.
func (s *Server) continueExecutor(name string) {
	s.mu.Lock()
	of := s.named[name]
	s.mu.Unlock()
	if of == nil || !of.process.Stopped() {
		return
	}
	of.logger.Warn("the executor is stopped (SIGSTOP) and the agent ends its container: continuing it, so that it reports the end",
		zap.Int("pid", of.executor.PID), zap.NamedError("failed", of.process.Signal(unix.SIGCONT)))
}

// running finds the session that has a container running.
func (s *Server) running(nameOrID string) (*session, *ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, session := range s.named {
		current := session.ending.Load()
		if current == nil {
			continue
		}
		if name == nameOrID || container.MatchesID(current.id, nameOrID) {
			return session, current
		}
	}
	return nil, nil
}

// announce has a container of the session found by running, until end is called.
func (s *session) announce(id string) *ending {
	e := &ending{session: s, id: id, over: make(chan struct{})}
	s.ending.Store(e)
	return e
}

// end says that the container has ended or, with an error, that it is not watched any more.
func (e *ending) end(err error) {
	e.session.ending.Store(nil)
	e.err = err
	close(e.over)
}
