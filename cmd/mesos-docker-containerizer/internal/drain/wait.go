package drain

import (
	"context"
	"errors"
	"slices"
	"time"

	"mesos-docker-containerizer/containerizer"
)

const (
	interval = time.Second // between two looks

	// settle is how long no task must be seen for none to be left. A daemon that was restarted knows no task until its executor is
	// back, for which executors try every 2 s.
	settle = 5 * time.Second
)

// ErrLate says that tasks are left when the time is up.
var ErrLate = errors.New("the time is up")

// Watch has the functions that look at the tasks and that are called with what was seen.
type Watch struct {
	Limit time.Duration // of the wait; 0 for none
	Look  func(context.Context) ([]containerizer.TaskReport, error)
	Away  func(error) bool // of an error of Look: there is no daemon, which may come back

	Left func([]containerizer.TaskReport) error // what is left, at first and whenever that changes; never empty
	Gone func(error)                            // the daemon has gone away, once each time
}

// Wait returns when no task is left, with nil. With ErrLate or the error of ctx it returns what was left at the last look. Other errors
// are those of Look and Left. A daemon that does not answer is waited for after it has answered once.
func Wait(ctx context.Context, w Watch) (left []containerizer.TaskReport, err error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	began := time.Now()
	var noneSince time.Time
	var shown []containerizer.TaskReport
	answered, away := false, false
	for {
		now, err := w.Look(ctx)
		switch {
		case ctx.Err() != nil:
			return left, ctx.Err()
		case err != nil && !(answered && w.Away(err)):
			return left, err
		case err != nil:
			if !away {
				w.Gone(err)
			}
			away, noneSince = true, time.Time{}
		case len(now) > 0:
			if !slices.EqualFunc(now, shown, alike) {
				if err := w.Left(now); err != nil {
					return now, err
				}
				shown = now
			}
			left, answered, away, noneSince = now, true, false, time.Time{}
		case noneSince.IsZero():
			left, answered, away, noneSince = nil, true, false, time.Now()
		case time.Since(noneSince) >= settle:
			return nil, nil
		}
		if noneSince.IsZero() && w.Limit > 0 && time.Since(began) >= w.Limit {
			return left, ErrLate
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return left, ctx.Err()
		}
	}
}

// alike says that two reports are of one task that waits for the same. The progress of a pull is no change.
func alike(a, b containerizer.TaskReport) bool {
	return a.Container == b.Container && a.State == b.State && (a.Doing == b.Doing || a.State == containerizer.StatePulling)
}
