package container

import (
	"fmt"
	"time"
)

// leastPatience is how long the Engine may take in any case to report the end of a container that was to be stopped.
const leastPatience = time.Second

// LostExitError says that the Engine has not told of the end of a container whose process is gone (contract 3.3: some Engines
// never do).
type LostExitError struct{ Waited time.Duration }

func (e *LostExitError) Error() string {
	return fmt.Sprintf("the container's process is gone and the Docker Engine has not reported its exit within %v", e.Waited)
}

// lostExit counts how long the Engine has owed the exit of a container whose process is gone. The time in which it answers nothing
// does not count: it will tell the exit when it is back.
type lostExit struct {
	limit   time.Duration // zero for none
	stopped time.Duration // Options.StoppedExit
	left    time.Duration
	gone    time.Time // when the end of the process was noticed; zero before
	last    time.Time // until when the time was counted
}

func newLostExit(limit, stopped time.Duration) lostExit {
	return lostExit{limit: limit, stopped: stopped, left: limit}
}

// begin notes that the process is gone.
func (l *lostExit) begin() {
	l.gone = time.Now()
	l.last = l.gone
}

func (l *lostExit) begun() bool { return !l.gone.IsZero() }

// answered takes notice of an answer that was not the exit, or that the Engine was silent. It reports whether the time is over.
func (l *lostExit) answered(silent bool) (over bool) {
	if !l.begun() || l.limit == 0 {
		return false
	}
	now := time.Now()
	if !silent {
		l.left -= now.Sub(l.last)
	}
	l.last = now
	return l.left <= 0
}

// giveUp is when the exit of a container with a stop's deadline is not waited for any longer, whether the Engine is silent or not;
// zero for never, or if no stop was ordered.
func (l *lostExit) giveUp(deadline time.Time) time.Time {
	if !l.begun() || l.limit == 0 || deadline.IsZero() {
		return time.Time{}
	}
	least := l.gone.Add(leastPatience)
	if at := earlier(l.gone, deadline).Add(l.stopped); at.After(least) {
		return at
	}
	return least
}

func (l *lostExit) failure() error {
	return &LostExitError{time.Since(l.gone).Round(time.Second)}
}
