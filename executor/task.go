package executor

import (
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosexec "github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/executor/wire"
)

// task is the one task of an executor, from LAUNCH on.
type task struct {
	info  mesos.TaskInfo
	state wire.State // what a new daemon needs to know
	cause endCause

	accepted  bool // a daemon has accepted it
	running   bool // TASK_RUNNING was sent
	killing   bool // TASK_KILLING was sent
	container *mesos.ContainerStatus

	started time.Time // when the container was seen to run
	health  health
	healthy *bool                  // as last reported; nil before the first report
	check   *mesos.CheckStatusInfo // as last reported, empty before the first result; nil without a check

	output       *outputStream // what we hold; nil without one
	kind         wire.Output   // of that, or the last one
	received     received      // not to be touched while output is set
	outputBroken bool          // the last stream ended with an error
	drained      int64         // bytes of output that had passed when the drain timer was set
	exit         *wire.Exited  // set once the container has ended

	concluded bool // the terminal update was recorded

	progress progress
}

func (e *executor) onEvent(event *agent.Event) error {
	if event == agent.Away {
		e.away = true
		return nil
	}
	switch event.GetType() {
	case mesosexec.Event_SUBSCRIBED:
		e.onSubscribed(event.GetSubscribed())
	case mesosexec.Event_LAUNCH:
		e.onLaunch(event.GetLaunch().GetTask())
	case mesosexec.Event_LAUNCH_GROUP:
		group := event.GetLaunchGroup().GetTaskGroup()
		for _, info := range group.GetTasks() {
			e.outbox.launched(info)
			e.refuse(info.TaskID, mesos.TASK_FAILED, "Task groups are not supported by the docker executor")
		}
	case mesosexec.Event_KILL:
		kill := event.GetKill()
		e.onKill(kill.GetTaskID(), kill.GetKillPolicy())
	case mesosexec.Event_ACKNOWLEDGED:
		ack := event.GetAcknowledged()
		return e.onAcknowledged(ack.GetTaskID(), ack.GetUUID())
	case mesosexec.Event_SHUTDOWN:
		e.Logger.Info("shut down by the agent")
		return e.onShutdown()
	case mesosexec.Event_ERROR:
		e.Logger.Error("the agent reports an error", zap.String("error", event.GetError().GetMessage()))
	}
	return nil
}

func (e *executor) onSubscribed(s *mesosexec.Event_Subscribed) {
	framework := s.GetFrameworkInfo()
	for _, c := range framework.GetCapabilities() {
		if c.GetType() == mesos.FrameworkInfo_Capability_TASK_KILLING_STATE {
			e.reportsKilling = true
		}
	}
	if e.task == nil && len(e.refused) == 0 {
		e.idle.set(launchTimeout)
	}
	e.away = false
	if e.failSafe.t != nil {
		e.failSafe.set(acknowledgementTimeout)
	}
	if e.Route != wire.RouteDropIn {
		info := s.GetExecutorInfo()
		e.custom = &info
	}
}

// onLaunch takes the first task and refuses every other, without harm to the first (contract 3.1).
func (e *executor) onLaunch(info mesos.TaskInfo) {
	id := info.TaskID.Value
	if e.refused[id] || e.task != nil && e.task.info.TaskID.Value == id {
		return // delivered again, or killed before it came
	}
	e.idle.stop()
	e.outbox.launched(info)
	if e.task != nil || len(e.refused) > 0 {
		e.refuse(info.TaskID, mesos.TASK_FAILED, `Attempted to run multiple tasks using a "docker" executor`)
		return
	}
	launch := wire.Launch{Task: id}
	if d := info.KillPolicy.GetGracePeriod(); d != nil {
		launch.StopGrace = max(0, time.Duration(d.Nanoseconds))
	}
	encoded, err := info.Marshal()
	if err == nil && e.custom != nil {
		launch.ExecutorInfo, err = e.custom.Marshal()
	}
	if err != nil {
		e.refuse(info.TaskID, mesos.TASK_FAILED, "TaskInfo cannot be encoded: "+err.Error())
		return
	}
	launch.TaskInfo = encoded
	e.task = &task{
		info: info, state: wire.State{Launch: launch}, progress: newProgress(e.Route),
		health: newHealth(info.HealthCheck), check: noCheckStatus(info.Check), container: containerStatus(&info, &wire.Running{}),
	}
	e.Logger.Info("task launched", zap.String("task", id))
	e.update(mesos.TASK_STARTING, nil)
	if limit := info.GetMaxCompletionTime().GetNanoseconds(); limit > 0 {
		e.completion.set(time.Duration(limit))
	}
	e.unanswered.set(daemonTimeout)
	e.send(wire.Message{Launch: &launch})
}

// refuse ends a task that will not be run.
func (e *executor) refuse(id mesos.TaskID, state mesos.TaskState, message string) {
	e.idle.stop()
	e.refused[id.Value] = true
	e.Logger.Warn("task refused", zap.String("task", id.Value), zap.String("reason", message))
	e.outbox.update(newStatus(id, e.executorID(), state, message, time.Now()))
	if e.task == nil {
		e.failSafe.set(acknowledgementTimeout)
	}
}

// update records an update of the task; change, if not nil, completes it first. What holds for the task as a whole goes into
// each, so that no later update hides it: addresses, the check's status, and its health until it ends.
func (e *executor) update(state mesos.TaskState, change func(*mesos.TaskStatus)) {
	status := newStatus(e.task.info.TaskID, e.executorID(), state, "", time.Now())
	status.ContainerStatus = e.task.container
	status.CheckStatus = e.task.check
	if !isTerminal(state) {
		status.Healthy = e.task.healthy
	}
	if change != nil {
		change(&status)
	}
	e.Logger.Info("task update", zap.String("task", e.task.info.TaskID.Value), zap.Stringer("state", state),
		zap.Boolp("healthy", status.Healthy), zap.String("message", status.GetMessage()))
	e.outbox.update(status)
}

func (e *executor) executorID() mesos.ExecutorID {
	return mesos.ExecutorID{Value: e.Environment.ExecutorID}
}

// onAcknowledged ends the executor once the agent has acknowledged its last update: the terminal update of its task, or of a
// task that it refused.
func (e *executor) onAcknowledged(id mesos.TaskID, uuid []byte) error {
	status, known := e.outbox.acknowledged(id, uuid)
	if !known {
		return nil
	}
	e.ended = e.ended || isTerminal(status.GetState())
	if !e.ended || e.outbox.pending() || e.task != nil && !e.task.concluded {
		return nil
	}
	if e.task != nil {
		e.send(wire.Message{Done: &wire.Done{}})
	}
	return errFinished
}

// onUnacknowledged ends an executor whose last update the agent does not acknowledge. An agent that is away cannot: the connection then
// decides how long the executor waits for it.
func (e *executor) onUnacknowledged() error {
	e.failSafe.set(acknowledgementTimeout)
	if e.away {
		return nil
	}
	e.Logger.Warn("terminal update was not acknowledged", zap.Duration("waited", acknowledgementTimeout))
	return errFinished
}

func isTerminal(s mesos.TaskState) bool {
	switch s {
	case mesos.TASK_FINISHED, mesos.TASK_FAILED, mesos.TASK_KILLED:
		return true
	}
	return false
}
