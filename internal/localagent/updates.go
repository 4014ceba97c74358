package localagent

import (
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
)

// Update is one status update as the framework gets it.
type Update struct {
	FrameworkID string
	Status      mesos.TaskStatus
}

// update handles a status update of an executor (contract 3.6). It completes, stores and reports an update once, and acknowledges it
// each time. The caller holds mu.
func (a *Agent) update(e *executorRun, status mesos.TaskStatus) {
	e.complete(a, &status)
	status.Source = mesos.SOURCE_EXECUTOR.Enum()

	t, known := e.framework.task(status.TaskID.Value)
	log := a.log.With(append(e.fields(), zap.String("task", status.TaskID.Value), zap.Stringer("state", status.GetState()))...)
	switch {
	case !known:
		// A real agent passes it on, for it may have forgotten the task, and has no executor to acknowledge it to.
		log.Warn("update for a task that no executor has")
		a.updates.add(Update{FrameworkID: e.framework.info.ID.Value, Status: status})
		return
	case t.stage == queued && !terminalState(status.GetState()):
		log.Error("executor sent an update for a task it was not given yet, ignoring it")
		return
	case t.stage == ended && !t.stored[string(status.UUID)]:
		log.Warn("dropping an update for a task that has ended")
	default:
		a.fillContainerStatus(e, t, &status)
		a.store(t, status)
	}
	a.acknowledge(e, status)
}

// complete sets the fields that the agent knows better than the executor.
func (e *executorRun) complete(a *Agent, status *mesos.TaskStatus) {
	status.AgentID = &mesos.AgentID{Value: a.options.AgentID}
	if status.Timestamp == nil {
		status.Timestamp = new(float64(time.Now().UnixNano()) / float64(time.Second))
	}
}

// fillContainerStatus adds the containerizer's status of a live container, and the agent's own address for a task without one
// (contract 3.2). A task that the executor never received has no container.
func (a *Agent) fillContainerStatus(e *executorRun, t *Task, status *mesos.TaskStatus) {
	if t.stage == queued || e.exited {
		return
	}
	var container mesos.ContainerStatus
	if status.ContainerStatus != nil {
		container = *status.ContainerStatus
	}
	container.ContainerID = &mesos.ContainerID{Value: e.containerID}
	if e.process != nil {
		container.ExecutorPID = new(uint32(e.process.pid()))
	}
	if len(container.NetworkInfos) == 0 {
		container.NetworkInfos = []mesos.NetworkInfo{{
			IPAddresses: []mesos.NetworkInfo_IPAddress{{IPAddress: new(a.ip())}},
		}}
	}
	status.ContainerStatus = &container
}

// store keeps and reports a new update. An update with a known uuid changes nothing.
func (a *Agent) store(t *Task, status mesos.TaskStatus) {
	if t.stored[string(status.UUID)] {
		return
	}
	t.stored[string(status.UUID)] = true
	t.state = status.GetState()
	if terminalState(t.state) {
		t.stage = ended
	}
	a.log.Info("task state", zap.String("task", t.ID), zap.String("framework", t.FrameworkID), zap.Stringer("state", t.state))
	t.updates.add(status)
	if t.stage == ended {
		t.updates.end()
	}
	a.updates.add(Update{FrameworkID: t.FrameworkID, Status: status})
}

// report stores an update of the agent itself, which is not acknowledged.
func (a *Agent) report(e *executorRun, t *Task, status mesos.TaskStatus) {
	status.UUID = newUUIDBytes()
	if status.Source == nil {
		status.Source = mesos.SOURCE_AGENT.Enum()
	}
	status.ExecutorID = &mesos.ExecutorID{Value: e.info.ExecutorID.Value}
	e.complete(a, &status)
	a.store(t, status)
}

// acknowledge sends the executor the acknowledgement of a stored update, unless a fault holds or drops it.
func (a *Agent) acknowledge(e *executorRun, status mesos.TaskStatus) {
	event := agent.Event{
		Type:         executor.Event_ACKNOWLEDGED,
		Acknowledged: &executor.Event_Acknowledged{TaskID: status.TaskID, UUID: status.UUID},
	}
	switch {
	case a.faults.lostAcknowledgements > 0:
		a.faults.lostAcknowledgements--
	case a.faults.holdAcknowledgements:
		e.held = append(e.held, event)
	default:
		e.stream.send(event)
	}
}

// task finds a task of any executor of the framework, as an agent looks it up.
func (f *framework) task(id string) (*Task, bool) {
	for _, e := range f.executors {
		if t, ok := e.tasks[id]; ok {
			return t, true
		}
	}
	return nil, false
}

// terminalState says whether nothing follows a state on this agent.
func terminalState(s mesos.TaskState) bool {
	switch s {
	case mesos.TASK_FINISHED, mesos.TASK_FAILED, mesos.TASK_KILLED, mesos.TASK_ERROR, mesos.TASK_LOST,
		mesos.TASK_DROPPED, mesos.TASK_GONE, mesos.TASK_GONE_BY_OPERATOR:
		return true
	}
	return false
}

// lostState is the state for a task that is no more: what a partition-aware framework understands, else TASK_LOST.
func (f *framework) lostState(aware mesos.TaskState) mesos.TaskState {
	for _, c := range f.info.Capabilities {
		if c.Type == mesos.FrameworkInfo_Capability_PARTITION_AWARE {
			return aware
		}
	}
	return mesos.TASK_LOST
}
