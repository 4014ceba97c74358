package localagent

import (
	"fmt"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/zap"

	"mesos-docker-containerizer/executor/agent"
)

// termination is what the agent itself has decided about an executor's end; it goes into the updates of its tasks.
type termination struct {
	state   mesos.TaskState
	reason  mesos.TaskStatus_Reason
	message string
}

// Kill requests a task's end; the policy may be nil. A task that its executor has not received yet ends at once. For a running task
// the executor gets a KILL event, which is lost if its stream is broken at that moment. A task that has ended is not changed. Repeated
// kills are passed on.
func (a *Agent) Kill(taskID string, policy *mesos.KillPolicy) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ready(); err != nil {
		return fmt.Errorf("kill task %q: %w", taskID, err)
	}
	e, t, err := a.task(taskID)
	if err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	switch {
	case t.stage == ended || e.state == terminating || e.state == terminated:
	case t.stage == queued:
		a.report(e, t, mesos.TaskStatus{
			TaskID:  t.Info.TaskID,
			State:   mesos.TASK_KILLED.Enum(),
			Reason:  mesos.REASON_TASK_KILLED_DURING_LAUNCH.Enum(),
			Message: new("Killed before delivery to the executor"),
		})
		if e.idle() {
			a.shutdown(e)
		}
	default:
		e.stream.send(agent.Event{
			Type: executor.Event_KILL,
			Kill: &executor.Event_Kill{TaskID: t.Info.TaskID, KillPolicy: policy},
		})
	}
	return nil
}

// shutdown begins an executor's end: SHUTDOWN now, SIGKILL after the grace period (contract 1.6).
func (a *Agent) shutdown(e *executorRun) {
	a.log.Info("shutting down executor", e.fields()...)
	e.state = terminating
	e.stream.send(agent.Event{Type: executor.Event_SHUTDOWN})
	e.stopTimer()
	e.timer = time.AfterFunc(a.shutdownGrace(e.info), func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if e.state == terminating {
			a.log.Warn("executor did not end within its grace period, destroying it", e.fields()...)
			e.destroy()
		}
	})
}

// shutdownGrace is the executor's own grace period, else the agent's.
func (a *Agent) shutdownGrace(info mesos.ExecutorInfo) time.Duration {
	if g := info.ShutdownGracePeriod; g != nil {
		return time.Duration(g.Nanoseconds)
	}
	return a.options.ShutdownGrace
}

// terminate reports the unfinished tasks of an executor whose process is gone, and removes the executor. The caller holds mu.
func (a *Agent) terminate(e *executorRun) {
	e.stopTimer()
	e.state = terminated
	e.stream.end()
	for _, t := range e.order {
		if t.stage == ended {
			continue
		}
		end := termination{
			state:   mesos.TASK_FAILED,
			reason:  mesos.REASON_EXECUTOR_TERMINATED,
			message: "Executor terminated",
		}
		if e.cause != nil {
			end = *e.cause
		}
		a.report(e, t, mesos.TaskStatus{
			TaskID:  t.Info.TaskID,
			State:   end.state.Enum(),
			Reason:  end.reason.Enum(),
			Message: &end.message,
		})
	}
	a.remove(e)
}

// remove forgets an executor, and its framework with the last one.
func (a *Agent) remove(e *executorRun) {
	delete(e.framework.executors, e.info.ExecutorID.Value)
	if len(e.framework.executors) == 0 {
		delete(a.frameworks, e.framework.info.ID.Value)
	}
}

// ready says whether the agent takes requests of a framework.
func (a *Agent) ready() error {
	switch a.phase {
	case running:
		return nil
	case closed:
		return ErrClosed
	default:
		return ErrRecovering
	}
}

// fields name an executor in the log.
func (e *executorRun) fields() []zap.Field {
	return []zap.Field{
		zap.String("framework", e.framework.info.ID.Value),
		zap.String("executor", e.info.ExecutorID.Value),
		zap.String("container", e.containerID),
	}
}
