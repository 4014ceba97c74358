package executor

import (
	"encoding/json"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/wire"
)

const (
	// progressUpdates bounds the updates of one task's preparation: a framework keeps each of them.
	progressUpdates = 10

	// progressInterval is the time between the first two if the daemon sets no other.
	progressInterval = 10 * time.Second

	// progressGrowth is how much longer each interval is than the one before. With it ten updates reach over twelve minutes
	// where the first interval is ten seconds: about as long as a preparation may take.
	progressGrowth = 1.5

	// terminalInterval is that of the local route, where updates go to a terminal, which keeps none of them.
	terminalInterval = 200 * time.Millisecond
)

// progress limits the updates that a framework gets during a preparation.
type progress struct {
	interval time.Duration // before the next update; none is due if it is 0
	terminal bool          // not limited
	sent     int
	last     time.Time
	message  string // of the last one
}

func newProgress(route wire.Route) progress {
	return progress{interval: progressInterval, terminal: route == wire.RouteLocal}
}

// configure sets the first interval, or turns the updates off. A daemon that repeats it does not undo their growth.
func (p *progress) configure(interval time.Duration) {
	if p.sent == 0 || interval == 0 {
		p.interval = interval
	}
}

// due reports whether another update may be sent now: the first at once, each other an interval after the one before.
func (p *progress) due(now time.Time) bool {
	if p.terminal {
		return now.Sub(p.last) >= terminalInterval
	}
	return p.interval > 0 && p.sent < progressUpdates && (p.sent == 0 || now.Sub(p.last) >= p.interval)
}

// note records that an update is sent.
func (p *progress) note(now time.Time) {
	if p.sent > 0 {
		p.interval = time.Duration(float64(p.interval) * progressGrowth)
	}
	p.sent++
	p.last = now
}

// onProgress reports the preparation as TASK_STARTING with a message, and with the figures of a pull as JSON in data. An update
// that comes too early, or while another waits for its acknowledgement, is dropped: the next one is newer. An update that
// repeats the last message is dropped too.
func (e *executor) onProgress(p *wire.Progress) {
	now := time.Now()
	if e.task.running || e.task.exit != nil || e.task.cause.killed || e.outbox.pending() || !e.task.progress.due(now) {
		return
	}
	if p.Pull == nil && p.Message == e.task.progress.message {
		return
	}
	e.task.progress.note(now)
	e.task.progress.message = p.Message
	e.update(mesos.TASK_STARTING, func(s *mesos.TaskStatus) {
		s.Message = &p.Message
		if p.Pull != nil {
			s.Data, _ = json.Marshal(p.Pull) // plain fields: cannot fail
		}
	})
}
