package containerizer

import (
	"errors"
	"time"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/executor/wire"
)

// state is what a scrape of the metrics asks for.
func (s *Server) state() metrics.State {
	now := metrics.State{Tasks: map[metrics.TaskState]int{}}
	now.PullsRunning, now.PullsWaiting = s.options.Images.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.sessions {
		if session.conn.attached() {
			now.Executors++
		}
		now.Tasks[session.at.metric()]++
	}
	return now
}

// countLaunch counts how a preparation ended that began then. Preparations that an earlier daemon had brought to their end are
// no launches any more.
func (s *session) countLaunch(began time.Time, err error) {
	state := s.attach.State
	if state != nil && state.Running {
		return
	}
	outcome := metrics.LaunchStarted
	switch {
	case err == nil:
	case errors.Is(err, container.ErrStopped):
		outcome = metrics.LaunchKilled
	case errors.Is(err, errExecutorGone):
		outcome = metrics.LaunchExecutorGone
	case s.failure(err).Fault == wire.FaultTask:
		outcome = metrics.LaunchTaskFault
	default:
		outcome = metrics.LaunchHostFault
	}
	took := time.Since(began)
	if state != nil {
		took = 0
	}
	s.server.options.Metrics.LaunchEnded(outcome, took)
}

// countEnd counts how a task ended whose container was started.
func (s *session) countEnd(exit wire.Exited) {
	switch {
	case exit.Outcome == wire.OutcomeUnknown:
		s.server.options.Metrics.TaskEnded(metrics.EndUnknown)
	case exit.Outcome != wire.OutcomeExited:
	case exit.OOM:
		s.server.options.Metrics.TaskEnded(metrics.EndOOM)
	case s.container.StopOrdered():
		s.server.options.Metrics.TaskEnded(metrics.EndKilled)
	case exit.Code == 0 && !exit.Foreign:
		s.server.options.Metrics.TaskEnded(metrics.EndFinished)
	default:
		s.server.options.Metrics.TaskEnded(metrics.EndFailed)
	}
}
