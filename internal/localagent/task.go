package localagent

import (
	"context"
	"fmt"
	"os"
	"sync"

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

// WaitExecutor waits until the task's executor is reaped and returns how it ended; nil if it was never started.
func (t *Task) WaitExecutor(ctx context.Context) (*os.ProcessState, error) {
	select {
	case <-t.run.reaped:
		return t.run.exit, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the end of executor %q: %w", t.ExecutorID, ctx.Err())
	}
}

// record is a list that only grows. Every reader sees all entries in order, whenever it starts. The owner's lock guards it. The zero
// value is empty.
type record[T any] struct {
	entries []T
	ended   bool
	changed chan struct{} // closed at the next change; nil while nobody waits
}

// add appends an entry and wakes its waiters.
func (r *record[T]) add(entry T) {
	r.entries = append(r.entries, entry)
	r.wake()
}

// end marks the record as complete.
func (r *record[T]) end() {
	r.ended = true
	r.wake()
}

func (r *record[T]) wake() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// at waits for entry i. It fails with ctx's error, or with ErrClosed if the record ended before. It takes mu, the lock that
// guards the record.
func (r *record[T]) at(ctx context.Context, mu *sync.Mutex, i int) (T, error) {
	for {
		mu.Lock()
		if i < len(r.entries) {
			entry := r.entries[i]
			mu.Unlock()
			return entry, nil
		}
		if r.ended {
			mu.Unlock()
			var none T
			return none, ErrClosed
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		mu.Unlock()

		select {
		case <-changed:
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
}
