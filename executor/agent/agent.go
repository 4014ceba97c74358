// Package agent holds what the executor and its two agent connections have in common.
//
// A connection (executor/agent/v0 speaks libprocess, v1 the executor HTTP API) turns the messages of its protocol into v1 events
// and delivers the updates of the executor. It owns sockets, framing and retries and decides nothing about the task. The executor
// owns the task and never sees a socket.
//
// Updates are in one place, the executor's outbox, which a connection reads through Outbox. An update is recorded before it is
// sent, so a broken connection loses nothing: the next snapshot has all that was not acknowledged.
package agent

import (
	"context"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
)

// Event is one event of the executor API, in its v1 form whatever the protocol (contract 5.1).
type Event = executor.Event

// Away is the event by which a connection reports that it has lost an agent that may come back. If one does, a SUBSCRIBED event follows.
var Away = &Event{Type: executor.Event_UNKNOWN}

// Cursor is a position in the order in which updates were recorded. The zero Cursor stands before the first.
type Cursor uint64

// Outbox is the executor's side of delivery: tasks and updates the agent has not acknowledged. It is safe for concurrent use.
type Outbox interface {
	// Unacknowledged returns, for a (re-)subscription, the tasks without an acknowledged update and all unacknowledged updates, oldest
	// first. The Cursor stands behind the last of them. The caller must not change the slices.
	Unacknowledged() (tasks []mesos.TaskInfo, updates []mesos.TaskStatus, seen Cursor)

	// Next blocks until an unacknowledged update recorded behind the Cursor exists and returns it with its own Cursor. It
	// fails only with ctx's error.
	Next(ctx context.Context, after Cursor) (mesos.TaskStatus, Cursor, error)
}
