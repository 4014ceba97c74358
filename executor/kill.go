package executor

import (
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/wire"
)

// killMargin is added to the grace period of a kill while the daemon is away, for a daemon that is just starting.
const killMargin = time.Second

// onKill stops the task. A kill that overtook its launch is answered at once, and the launch, should it come, is not followed
// (contract 3.4).
func (e *executor) onKill(id mesos.TaskID, policy *mesos.KillPolicy) {
	if e.task == nil {
		if !e.refused[id.Value] {
			e.refuse(id, mesos.TASK_KILLED, "Task was killed before it was launched")
		}
		return
	}
	if e.task.info.TaskID.Value != id.Value {
		e.Logger.Warn("kill of another task ignored", zap.String("task", id.Value))
		return
	}
	e.stop(e.grace(policy), "the agent asked for it, for the framework or the master")
}

// onStop stops the task for an admin of the host, as a kill by the framework would.
func (e *executor) onStop(s *wire.Stop) {
	if e.task.exit != nil {
		return
	}
	e.Logger.Info("stopping the task", zap.String("reason", s.Reason))
	if !e.task.cause.killed {
		e.task.cause.stopped = s.Reason
	}
	grace := e.grace(nil)
	if s.Grace != nil {
		grace = max(0, *s.Grace)
	}
	e.stop(grace, "an admin of this host asked for it")
}

// grace is how long the container may take to end by itself: the kill's own policy, else the task's, else the executor's
// shutdown grace period (contract 3.4).
func (e *executor) grace(policy *mesos.KillPolicy) time.Duration {
	for _, p := range []*mesos.KillPolicy{policy, e.task.info.KillPolicy} {
		if d := p.GetGracePeriod(); d != nil {
			return max(0, time.Duration(d.Nanoseconds))
		}
	}
	return e.Environment.ShutdownGracePeriod
}

// stop asks the daemon to stop the container within grace. It may be repeated: the latest grace period holds, counted from when it
// was first asked for, since masters repeat a kill that they are not sure of. The task ends as killed unless its container has
// ended already.
func (e *executor) stop(grace time.Duration, why string) {
	if e.task.exit != nil {
		return
	}
	e.completion.stop() // a kill cancels it, contract 3.4
	e.task.cause.killed = true
	e.sendKill(grace, why)
	if e.reportsKilling && !e.task.killing {
		e.task.killing = true
		e.update(mesos.TASK_KILLING, nil)
	}
}

// sendKill asks the daemon to stop the container, and again at each new connection.
func (e *executor) sendKill(grace time.Duration, why string) {
	kill := wire.Kill{Deadline: time.Now().Add(grace), Grace: grace, Why: why, Unhealthy: e.task.cause.unhealthy != ""}
	if earlier := e.task.state.Kill; earlier != nil && earlier.Grace == grace {
		kill = *earlier
	}
	e.task.state.Kill = &kill
	e.send(wire.Message{Kill: &kill})
	e.limitWait()
}

// onKillSent notes that the stop signal of the latest kill was sent, and its grace period has begun.
func (e *executor) onKillSent(k *wire.Kill) {
	if asked := e.task.state.Kill; asked != nil && asked.Deadline.Equal(k.Deadline) {
		asked.Sent = wire.Anchor(k.Sent)
	}
}

// onCompletion ends a task that used up its max_completion_time: at once, without TASK_KILLING (contract 3.4).
func (e *executor) onCompletion() {
	e.completion.stop()
	if e.task.exit != nil {
		return
	}
	e.Logger.Info("max_completion_time is over", zap.String("task", e.task.info.TaskID.Value))
	e.task.cause.completed = true
	e.sendKill(0, "its max_completion_time is over")
}

// onShutdown stops the task so that its terminal update can leave before the agent destroys the executor. An executor without a task
// ends at once. A kill in progress is shortened, never extended.
func (e *executor) onShutdown() error {
	if e.task == nil && !e.outbox.pending() {
		return errFinished
	}
	if e.shutdown.t != nil {
		return nil
	}
	e.shutdown.set(e.Environment.ShutdownGracePeriod)
	if e.task == nil || e.task.exit != nil {
		return nil
	}
	grace := max(0, e.Environment.ShutdownGracePeriod-shutdownMargin)
	if kill := e.task.state.Kill; kill != nil {
		left := kill.Grace
		if !kill.Sent.IsZero() {
			left = max(0, time.Until(kill.Sent.Add(kill.Grace)))
		}
		grace = min(grace, left)
	}
	e.stop(grace, "the agent shuts its executor down")
	return nil
}
