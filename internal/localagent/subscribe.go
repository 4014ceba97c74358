package localagent

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/executor/agent"
)

// subscribe makes s the stream of an executor (contract 5.1). The caller holds mu.
func (a *Agent) subscribe(e *executorRun, call *executor.Call_Subscribe, s *stream) {
	if e.state == terminating || e.state == terminated {
		s.send(agent.Event{Type: executor.Event_SHUTDOWN})
		s.end()
		return
	}
	a.log.Info("executor subscribed", e.fields()...)
	e.stopTimer()
	e.stream.end()
	e.stream = s
	e.state = subscribed

	for _, update := range call.UnacknowledgedUpdates {
		switch {
		case !validUUID(update.Status.UUID):
			a.log.Warn("ignoring an unacknowledged update without a valid uuid", e.fields()...)
		case update.Status.GetState() == mesos.TASK_STAGING:
			a.log.Error("executor sent TASK_STAGING, shutting it down", e.fields()...)
			a.shutdown(e)
			return
		default:
			a.update(e, update.Status)
		}
	}
	a.dropUnknown(e, call.UnacknowledgedTasks)
	if e.idle() {
		a.shutdown(e)
		return
	}
	s.send(agent.Event{Type: executor.Event_SUBSCRIBED, Subscribed: &executor.Event_Subscribed{
		ExecutorInfo:  e.info,
		FrameworkInfo: e.framework.info,
		AgentInfo:     a.info,
		ContainerID:   &mesos.ContainerID{Value: e.containerID},
	}})
	s.send(e.before...)
	e.before = nil
	a.deliver(e)
}

// dropUnknown ends tasks that were sent, have no stored update and are unknown to the executor: they were lost with the old agent or
// the old stream.
func (a *Agent) dropUnknown(e *executorRun, unacknowledged []mesos.TaskInfo) {
	known := make(map[string]bool)
	for _, task := range unacknowledged {
		known[task.TaskID.Value] = true
	}
	for _, t := range e.order {
		if t.stage == launched && t.state == mesos.TASK_STAGING && !known[t.ID] {
			e.sent = true
			a.report(e, t, mesos.TaskStatus{
				TaskID:  t.Info.TaskID,
				State:   e.framework.lostState(mesos.TASK_DROPPED).Enum(),
				Reason:  mesos.REASON_AGENT_RESTARTED.Enum(),
				Message: new("Task launched during agent restart"),
			})
		}
	}
}

// idle reports whether an executor has never received a task and has none queued, so that it is not needed.
func (e *executorRun) idle() bool {
	if e.sent {
		return false
	}
	for _, t := range e.order {
		if t.stage != ended {
			return false
		}
	}
	return true
}

// deliver sends the queued tasks, unless launches are held.
func (a *Agent) deliver(e *executorRun) {
	if a.faults.holdLaunches {
		return
	}
	for _, t := range e.order {
		if t.stage != queued {
			continue
		}
		t.stage = launched
		e.sent = true
		e.stream.send(agent.Event{Type: executor.Event_LAUNCH, Launch: &executor.Event_Launch{Task: t.Info}})
	}
}
