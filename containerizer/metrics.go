package containerizer

import (
	"errors"
	"maps"
	"slices"
	"time"

	"mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/executor/wire"
)

// state is what a scrape of the metrics asks for.
func (s *Server) state() metrics.State {
	now := metrics.State{Tasks: map[metrics.TaskState]int{}, Health: map[metrics.Health]int{}}
	now.PullsRunning, now.PullsWaiting = s.options.Images.Load()
	now.RemovalsBehind = int(s.behind.Load())
	now.DiskFree, now.DiskSize = s.disk()
	s.mu.Lock()
	sessions := slices.Collect(maps.Values(s.sessions))
	s.mu.Unlock()
	for _, session := range sessions {
		if session.conn.attached() {
			now.Executors++
		}
		at, _ := session.at.now()
		state := shown[at].metrics
		now.Tasks[state]++
		if state == metrics.TaskRunning {
			now.Health[session.health()]++
			session.countUsage()
		}
	}
	return now
}

// isRecovered reports whether Recovered is closed.
func (s *Server) isRecovered() bool {
	select {
	case <-s.recovered:
		return true
	default:
		return false
	}
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
