package containerizer

import (
	"fmt"
	"sync"
	"time"

	"mesos-docker-containerizer/containerizer/metrics"
)

// phase says how far a task got, for the message of one that does not get further, and for admins.
type phase struct {
	mu    sync.Mutex        // guards what follows
	kind  metrics.TaskState // empty before the first
	text  string
	waits bool // for something else than the task's own preparation

	changed func() // is called after each change
}

// set enters a phase of the preparation.
func (p *phase) set(text string) { p.enter(metrics.TaskPreparing, text) }

func (p *phase) enter(kind metrics.TaskState, text string) { p.change(kind, text, false) }

// wait enters a phase in which nothing is done for the task.
func (p *phase) wait(kind metrics.TaskState, text string) { p.change(kind, text, true) }

func (p *phase) change(kind metrics.TaskState, text string, waits bool) {
	p.mu.Lock()
	p.kind, p.text, p.waits = kind, text, waits
	p.mu.Unlock()
	p.changed()
}

func (p *phase) state() metrics.TaskState {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kind == "" {
		return metrics.TaskAwaited
	}
	return p.kind
}

func (p *phase) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text
}

// prepareTimeoutError says that the time for a preparation was over.
type prepareTimeoutError struct {
	limit  time.Duration
	source string
	phase  string
}

func (e *prepareTimeoutError) Error() string {
	return fmt.Sprintf("Container was not started within %v (%s); it got as far as: %s", e.limit, e.source, e.phase)
}
