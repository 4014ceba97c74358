package executor

import (
	"bytes"
	"context"
	"sync"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/agent"
)

// outbox holds the updates that the agent has not acknowledged, and the tasks without an acknowledged update (contract 3.6). An
// update is recorded here before it is sent, so a broken connection loses none. It implements agent.Outbox.
type outbox struct {
	mu      sync.Mutex   // guards what follows
	last    agent.Cursor // of the newest update
	tasks   []mesos.TaskInfo
	updates []entry       // oldest first
	grown   chan struct{} // closed and replaced when an update is added
}

type entry struct {
	cursor agent.Cursor
	status mesos.TaskStatus
}

var _ agent.Outbox = (*outbox)(nil)

func newOutbox() *outbox {
	return &outbox{grown: make(chan struct{})}
}

// launched records a task. It stays until the first of its updates is acknowledged.
func (o *outbox) launched(task mesos.TaskInfo) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tasks = append(o.tasks, task)
}

// update records an update. Its UUID must be set and new.
func (o *outbox) update(status mesos.TaskStatus) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	o.updates = append(o.updates, entry{cursor: o.last, status: status})
	close(o.grown)
	o.grown = make(chan struct{})
}

// acknowledged removes an update and its task, and returns the update. An acknowledgement of an unknown update, late or repeated,
// changes nothing.
func (o *outbox) acknowledged(task mesos.TaskID, uuid []byte) (mesos.TaskStatus, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, e := range o.updates {
		if e.status.TaskID.Value != task.Value || !bytes.Equal(e.status.UUID, uuid) {
			continue
		}
		o.updates = append(o.updates[:i:i], o.updates[i+1:]...)
		for j := range o.tasks {
			if o.tasks[j].TaskID.Value == task.Value {
				o.tasks = append(o.tasks[:j:j], o.tasks[j+1:]...)
				break
			}
		}
		return e.status, true
	}
	return mesos.TaskStatus{}, false
}

// pending reports whether an update waits for its acknowledgement.
func (o *outbox) pending() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.updates) > 0
}

// Unacknowledged implements agent.Outbox.
func (o *outbox) Unacknowledged() ([]mesos.TaskInfo, []mesos.TaskStatus, agent.Cursor) {
	o.mu.Lock()
	defer o.mu.Unlock()
	tasks := append([]mesos.TaskInfo(nil), o.tasks...)
	var updates []mesos.TaskStatus
	for _, e := range o.updates {
		updates = append(updates, e.status)
	}
	return tasks, updates, o.last
}

// Next implements agent.Outbox.
func (o *outbox) Next(ctx context.Context, after agent.Cursor) (mesos.TaskStatus, agent.Cursor, error) {
	for {
		o.mu.Lock()
		grown := o.grown
		for _, e := range o.updates {
			if e.cursor > after {
				o.mu.Unlock()
				return e.status, e.cursor, nil
			}
		}
		o.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return mesos.TaskStatus{}, after, ctx.Err()
		}
	}
}
