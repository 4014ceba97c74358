package localagent

import (
	"context"
	"errors"
	"fmt"
	"os"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Task is a launched task, whether it lives or not.
type Task struct {
	// ID is the task's id; with the next three it never changes.
	ID          string
	FrameworkID string
	ExecutorID  string
	ContainerID string
	// Sandbox is the directory of the executor's run.
	Sandbox string
	// Info is the task as the executor gets it.
	Info mesos.TaskInfo

	agent *Agent
	run   *executorRun

	// Guarded by the agent's lock.
	stage   stage
	state   mesos.TaskState // of the last update that was stored
	stored  map[string]bool // uuids
	updates record[mesos.TaskStatus]
}

// stage is how far the agent has brought a task.
type stage int

const (
	queued   stage = iota // waits for its executor to subscribe
	launched              // sent, at least perhaps
	ended                 // a terminal update is stored
)

// Updates yields each stored update of the task once, from the first on and in order, and waits for more. It ends after the
// terminal update, with ctx, or when the agent is closed.
func (t *Task) Updates(ctx context.Context) func(yield func(mesos.TaskStatus) bool) {
	return func(yield func(mesos.TaskStatus) bool) {
		for i := 0; ; i++ {
			status, err := t.updates.at(ctx, &t.agent.mu, i)
			if err != nil || !yield(status) {
				return
			}
		}
	}
}

// Wait returns the terminal update. It fails with ctx's error, or ErrClosed if the agent was closed first.
func (t *Task) Wait(ctx context.Context) (mesos.TaskStatus, error) {
	for i := 0; ; i++ {
		status, err := t.updates.at(ctx, &t.agent.mu, i)
		if err != nil {
			return mesos.TaskStatus{}, fmt.Errorf("wait for the end of task %q: %w", t.ID, err)
		}
		if terminalState(status.GetState()) {
			return status, nil
		}
	}
}

// WaitExecutor waits until the task's executor is reaped and returns how it ended; nil if it was never started.
func (t *Task) WaitExecutor(ctx context.Context) (*os.ProcessState, error) {
	select {
	case <-t.run.reaped:
		return t.run.exit, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the end of executor %q: %w", t.ExecutorID, ctx.Err())
	}
}

// errNotStarted says that an executor has no process (yet).
var errNotStarted = errors.New("executor has not been started")

// ExecutorProcess is the executor's process id, for tests that harm it. It may be gone by the time it is used.
func (t *Task) ExecutorProcess() (int, error) {
	t.agent.mu.Lock()
	defer t.agent.mu.Unlock()
	if t.run.process == nil {
		return 0, fmt.Errorf("task %q: %w", t.ID, errNotStarted)
	}
	return t.run.process.pid(), nil
}
