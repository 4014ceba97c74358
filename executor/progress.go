package executor

import (
	"encoding/json"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/wire"
)

// progressUpdates bounds the updates of one task's preparation: a framework keeps each of them. A terminal keeps none, so the
// local route is not bounded.
const progressUpdates = 10

// progress limits what a framework hears of a preparation.
type progress struct {
	sent int
	last time.Time
}

// due tells whether another update may be sent now.
func (p *progress) due(now time.Time, interval time.Duration, limited bool) bool {
	if limited && p.sent >= progressUpdates {
		return false
	}
	return p.last.IsZero() || now.Sub(p.last) >= interval
}

// onProgress reports the preparation as TASK_STARTING with a message, and with the figures of a pull as JSON in data. An update
// that comes too early, or while another waits for its acknowledgement, is dropped: the next one says more.
func (e *executor) onProgress(p *wire.Progress) {
	now := time.Now()
	if e.task.running || e.task.exit != nil || e.task.why.killed || e.ledger.pending() ||
		!e.task.progress.due(now, e.progressInterval(), e.Route != wire.RouteLocal) {
		return
	}
	e.task.progress.sent++
	e.task.progress.last = now
	e.update(mesos.TASK_STARTING, func(s *mesos.TaskStatus) {
		s.Message = &p.Message
		if p.Pull != nil {
			s.Data, _ = json.Marshal(p.Pull) // plain fields: cannot fail
		}
	})
}
