package container

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-units"
)

// lossSlack is how much later than the first sign of it the Engine's death may be put: shorter than any Engine takes to start again
// and write to a log. One that is stopped in order closes its connections a moment before it writes its last records.
const lossSlack = 250 * time.Millisecond

// split is where the log is divided at a loss, by a clock that may have been set back since: records after it are looked for in what is
// logged from now on, which would have earlier times. What was logged in the time that comes a second time is then given once more.
func split(loss, now time.Time) time.Time { return earlier(loss, now) }

// lossOf is a time between the last record of the Engine that was lost and the first of the next; zero if there was none, as
// far as can be told. The owner that was slow, or stopped, has seen the end of its stream late; so has a daemon the end of its.
func (w *wait) lossOf(last OutputEnd) time.Time {
	if !last.Position.Until.IsZero() {
		return last.Position.Until
	}
	lost := w.lostAt()
	switch {
	case lost.IsZero() && w.end != nil && !last.Broken:
		return time.Time{} // nothing but the time of the end speaks for a loss
	case lost.IsZero():
		return last.Ended
	case last.Ended.IsZero():
		return lost
	case lost.After(last.Ended):
		return earlier(lost, last.Ended.Add(lossSlack))
	}
	return earlier(last.Ended, lost.Add(lossSlack))
}

// lostAt is when the Engine went away after the stream was opened; zero if it did not, or that is not known.
func (w *wait) lostAt() time.Time {
	if w.options.LostAt == nil {
		return time.Time{}
	}
	w.output.mu.Lock()
	opened := w.output.opened
	w.output.mu.Unlock()
	return w.options.LostAt(opened)
}

// missingSince is when the Engine was lost after which the output is missing, as far as is known; zero if it is not.
func (w *wait) missingSince(last OutputEnd) time.Time {
	if lost := w.lostAt(); !lost.IsZero() {
		return lost
	}
	switch p := last.Position; {
	case p == nil:
		return time.Time{}
	case !p.Until.IsZero():
		return p.Until
	default:
		return p.Since // where the log went on after the loss
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// resumeAfterPast goes on when the owner has read what the log has from before a loss. If the Engine was lost over that, or the
// owner has not found its place, it is read again.
func (w *wait) resumeAfterPast(ctx context.Context, last OutputEnd, past *Past, complete bool) (time.Duration, bool, error) {
	switch {
	case complete && !w.livedOn(ctx, last):
		return askInterval, w.overdue(), nil
	case !complete || last.Broken || last.Position.Again:
		return w.openLog(ctx, last.Position.Since, Stream{Resumed: true, Past: &Past{Until: past.Until}})
	case last.Unreadable != "":
		return w.goOnWithoutLog(ctx, errors.New(last.Unreadable))
	}
	if past.Until.IsZero() {
		return 0, true, nil
	}
	from := split(past.Until, time.Now())
	return w.openLog(ctx, from, Stream{Resumed: true, From: from})
}

// wholeLog is Past.Whole for the container's log.
func (w *wait) wholeLog(ctx context.Context) (int64, error) {
	found, err := w.options.Engine.Inspect(ctx, w.id)
	if err != nil || found.HostConfig == nil {
		return 0, err
	}
	return wholeBelow(found.HostConfig.LogConfig), nil
}

// wholeBelow is Past.Whole for logs of the drivers that the Engine keeps files for. A driver rotates when a file has reached its
// maximum, so that one file less than the number it keeps has certainly been there before it drops one.
func wholeBelow(c container.LogConfig) int64 {
	size, files := "", 1
	perByte := int64(1)
	switch c.Type {
	case "json-file":
		perByte = 6 // \u0000
	case "local":
		size, files = "20m", 5
	default:
		return 0
	}
	for name, value := range c.Config {
		switch name {
		case "max-size":
			size = value
		case "max-file":
			n, err := strconv.Atoi(value)
			if err != nil {
				return 0
			}
			files = n
		case "compress", "mode", "max-buffer-size":
		default:
			return 0 // such as labels, which are added to each record
		}
	}
	if size == "" || size == "-1" {
		return -1
	}
	bytes, err := units.FromHumanSize(size)
	if err != nil {
		return 0
	}
	return bytes * int64(files-1) / perByte
}
