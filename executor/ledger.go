package executor

import (
	"bytes"
	"context"
	"sync"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/agent"
)

// ledger is what the executor owes the agent: the tasks of which no update was acknowledged and the updates that were not
// (contract 3.6). An update enters it before anybody can send it, so none is lost with a connection. It implements
// agent.Outbox.
type ledger struct {
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

var _ agent.Outbox = (*ledger)(nil)

func newLedger() *ledger {
	return &ledger{grown: make(chan struct{})}
}

// launched records a task; it is owed to the agent until the first update of it is acknowledged.
func (l *ledger) launched(task mesos.TaskInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tasks = append(l.tasks, task)
}

// update records an update. Its UUID must be set and new.
func (l *ledger) update(status mesos.TaskStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	l.updates = append(l.updates, entry{cursor: l.last, status: status})
	close(l.grown)
	l.grown = make(chan struct{})
}

// acknowledged strikes an update out, and its task with it, and returns it. An acknowledgement of an unknown update, late or
// repeated, changes nothing.
func (l *ledger) acknowledged(task mesos.TaskID, uuid []byte) (mesos.TaskStatus, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, e := range l.updates {
		if e.status.TaskID.Value != task.Value || !bytes.Equal(e.status.UUID, uuid) {
			continue
		}
		l.updates = append(l.updates[:i:i], l.updates[i+1:]...)
		for j := range l.tasks {
			if l.tasks[j].TaskID.Value == task.Value {
				l.tasks = append(l.tasks[:j:j], l.tasks[j+1:]...)
				break
			}
		}
		return e.status, true
	}
	return mesos.TaskStatus{}, false
}

// pending tells whether an update waits for its acknowledgement.
func (l *ledger) pending() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.updates) > 0
}

// Unacknowledged implements agent.Outbox.
func (l *ledger) Unacknowledged() ([]mesos.TaskInfo, []mesos.TaskStatus, agent.Cursor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tasks := append([]mesos.TaskInfo(nil), l.tasks...)
	var updates []mesos.TaskStatus
	for _, e := range l.updates {
		updates = append(updates, e.status)
	}
	return tasks, updates, l.last
}

// Next implements agent.Outbox.
func (l *ledger) Next(ctx context.Context, after agent.Cursor) (mesos.TaskStatus, agent.Cursor, error) {
	for {
		l.mu.Lock()
		grown := l.grown
		for _, e := range l.updates {
			if e.cursor > after {
				l.mu.Unlock()
				return e.status, e.cursor, nil
			}
		}
		l.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return mesos.TaskStatus{}, after, ctx.Err()
		}
	}
}
