package localagent

import (
	"context"
	"errors"
	"fmt"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// What tests ask of an agent and its tasks beside what `run` does. No program calls this.

// Endpoint is the agent's "ip:port". It stays the same when the agent stops and starts again.
func (a *Agent) Endpoint() string { return a.address }

// Info describes the agent as SUBSCRIBED does.
func (a *Agent) Info() mesos.AgentInfo { return a.info }

// Updates yields every update the agent has stored, of all tasks, in the order in which they were stored and from the first
// one on, then waits for more. It ends with ctx or after Close. Each caller sees all of them.
func (a *Agent) Updates(ctx context.Context) func(yield func(Update) bool) {
	return func(yield func(Update) bool) {
		for i := 0; ; i++ {
			update, err := a.updates.at(ctx, &a.mu, i)
			if err != nil || !yield(update) {
				return
			}
		}
	}
}

// Shutdown asks an executor to end with all its tasks. If it is still there after its grace period, it is destroyed.
func (a *Agent) Shutdown(executorID string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ready(); err != nil {
		return fmt.Errorf("shut down executor %q: %w", executorID, err)
	}
	e, err := a.executor(executorID)
	if err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	if e.state == registering || e.state == subscribed {
		a.shutdown(e)
	}
	return nil
}

// executor finds a live executor by its id; with several frameworks, ids must differ for this. The caller holds mu.
func (a *Agent) executor(id string) (*executorRun, error) {
	for _, f := range a.frameworks {
		if e, ok := f.executors[id]; ok {
			return e, nil
		}
	}
	return nil, fmt.Errorf("executor %q: %w", id, ErrUnknown)
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
