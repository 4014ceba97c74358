package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
)

const (
	// outputOverlap is how far a resumed stream reaches back behind the last byte that the owner has: the Engine may have logged later
	// bytes before it went down and never sent them. It bounds what is seen twice.
	outputOverlap = 2 * time.Second

	// outputGrace is how long after the end of its output a container may still be seen to run: the Engine tells of the two one after
	// the other.
	outputGrace = 2 * time.Second

	// endSlack is how much earlier than the container's end, as the Engine tells it, a stream may end and yet be complete.
	endSlack = 500 * time.Millisecond
)

// OutputEnd says how a stream ended that the owner was given.
type OutputEnd struct {
	Last   time.Time // when the owner last received something of this container's output; zero for never
	Ended  time.Time // zero if there was no stream
	Broken bool      // it ended with an error

	Unreadable string // what the Engine said in place of the rest of its log, which cannot be read then; empty for any other end

	// Uncertain is true if it need not be the stream that was handed over last. Then it is not known either whether the Engine was away
	// between its opening and its end.
	Uncertain bool

	// Position is what an owner knows that counts what it receives; nil from any other, which gets up to outputOverlap twice.
	Position *Position
}

// Position is how far an owner is that compares the Engine's log with what it has received.
type Position struct {
	Since    time.Time // in the log, where it began to count; zero for the beginning
	Received int64     // bytes since then
	Until    time.Time // that of the Past it was last given; zero before the first, and once a stream has begun there
	Again    bool      // it has to be given that once more
	Ends     int       // how many streams it has seen the end of
}

// output is what is known of the owner's stream.
type output struct {
	mu     sync.Mutex // guards what follows
	open   bool
	end    OutputEnd // unless it is open
	losses int       // of the Engine when the stream was opened; uncertain if the stream need not be complete
	follow bool      // it is one that follows the log
	opened int       // losses of the Engine when the stream was opened, or first heard of
	past   *Past     // what the stream is if it is one from the past; nil for any other

	over bool // the owner was given a stream by an earlier daemon of which only the rest is to be read

	lost    int  // how often a call for the end broke, of an owner that does not count losses itself
	refused bool // the Engine has answered that it does not give the log

	abandoned bool // there is no owner any more
	cut       bool // the stream was ended before its time, so that the Engine tells of the container's end

	causes []string // why it could not be resumed yet, as logged
}

// newCause reports whether a reason why the output cannot be resumed yet has not been logged: the resumption is tried every askInterval.
func (o *output) newCause(err error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if slices.Contains(o.causes, err.Error()) {
		return false
	}
	o.causes = append(o.causes, err.Error())
	return true
}

// uncertain is a number of losses that the Engine never has.
const uncertain = -1

// AttachOutput gives the owner the output of the container, which has not been started, from its first byte on. An attach whose
// answer was lost, or that has failed, is made again: nothing has come of it yet.
func (c *Container) AttachOutput(ctx context.Context) error {
	var stream *os.File
	losses := 0
	if err := c.Insist(ctx, func(ctx context.Context) (err error) {
		losses = c.losses() // of this attempt: the stream is one of the Engine that answers, and lives through no loss before
		stream, err = c.options.Engine.AttachOutput(ctx, c.id)
		return err
	}); err != nil {
		return err
	}
	return c.handOver(stream, losses, Stream{})
}

// renewOutput gives the owner another stream before a start is repeated: the Engine ends the one there is when a start fails. If the
// owner has yet to see that, the log has what would be missing.
func (c *Container) renewOutput(ctx context.Context) error {
	c.output.mu.Lock()
	ended := !c.output.open
	c.output.mu.Unlock()
	if ended {
		if err := c.AttachOutput(ctx); err != nil {
			return err
		}
	}
	c.output.mu.Lock()
	defer c.output.mu.Unlock()
	c.output.losses = uncertain
	return nil
}

func (c *Container) handOver(stream *os.File, losses int, kind Stream) error {
	kind.TTY = c.tty
	c.output.mu.Lock()
	c.output.open, c.output.losses, c.output.opened, c.output.past = true, losses, losses, kind.Past
	c.output.follow, c.output.cut = kind.Resumed && kind.Past == nil && kind.Lost == "", false
	c.output.mu.Unlock()
	return c.options.Owner.Output(stream, kind)
}

// goOn hands over what follows the owner's last stream.
func (w *wait) goOn(stream *os.File, losses int, kind Stream) error {
	kind.After = w.after
	return w.handOver(stream, losses, kind)
}

// OutputEnded notes that the owner's stream has ended. Wait then sees to it that the owner gets the rest, if there is any. It may be
// called by any goroutine.
func (c *Container) OutputEnded(end OutputEnd) {
	c.output.mu.Lock()
	c.output.open, c.output.end = false, end
	if end.Broken || end.Uncertain {
		c.output.losses = uncertain
	}
	if end.Uncertain {
		c.output.past, c.output.follow = nil, false
	}
	c.output.mu.Unlock()
	c.Look()
}

// OutputOver notes that the stream which an earlier daemon has given the owner comes to its end: the Engine does not send any more. It may be
// called by any goroutine.
func (c *Container) OutputOver() {
	c.output.mu.Lock()
	defer c.output.mu.Unlock()
	c.output.over = true
}

// AbandonOutput says that the owner is gone: Wait does not wait for what it was given, or will be.
func (c *Container) AbandonOutput() {
	c.output.mu.Lock()
	c.output.abandoned = true
	c.output.mu.Unlock()
	c.Look()
}

// CutOutput has the owner's stream ended in place of the Engine, by a function that reports whether it was. Wait then waits for the owner's
// word on it, and gives the rest from the log.
func (c *Container) CutOutput(end func() bool) {
	c.output.mu.Lock()
	defer c.output.mu.Unlock()
	if end() {
		c.output.losses, c.output.cut = uncertain, true
	}
}

// RestoreOutput says what stream the owner has from an earlier daemon: one that is open, or one that ended. Whether the Engine was
// away meanwhile is not known.
func (c *Container) RestoreOutput(open bool, end OutputEnd) {
	c.output.mu.Lock()
	defer c.output.mu.Unlock()
	c.output.open, c.output.end, c.output.losses = open, end, uncertain
}

// losses counts how often the Engine went away, which ends streams before their time.
func (c *Container) losses() int {
	if c.options.Losses != nil {
		return c.options.Losses()
	}
	c.output.mu.Lock()
	defer c.output.mu.Unlock()
	return c.output.lost
}

// lose counts a call for the end that broke. A stream that had ended long before that was complete.
func (o *output) lose() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open || time.Since(o.end.Ended) <= outputGrace {
		o.lost++
	}
}

// followOutput looks whether the owner has all output there is, and has it go on if not. It returns after what time to look again,
// zero for no particular one, and whether the end of the container need not wait for its output any more.
func (w *wait) followOutput(ctx context.Context) (again time.Duration, settled bool, err error) {
	losses := w.losses()
	w.output.mu.Lock()
	open, last, complete, past, follow := w.output.open, w.output.end, w.output.losses == losses, w.output.past, w.output.follow
	abandoned, cut := w.output.abandoned, w.output.cut
	w.output.mu.Unlock()
	w.after = 0
	if last.Position != nil {
		w.after = last.Position.Ends
	}
	switch {
	case abandoned:
		return 0, true, nil
	case open:
		return 0, !w.options.WholeOutput && past == nil && !cut, nil
	case past != nil && last.Position != nil:
		return w.resumeAfterPast(ctx, last, past, complete)
	case last.Unreadable != "":
		return w.goOnWithoutLog(ctx, errors.New(last.Unreadable))
	case complete && follow && w.end != nil && last.Position != nil:
		// The Engine ends a stream of the log before it has logged the rest of a last line without an end.
		return w.openLog(ctx, last.Position.Since, Stream{Resumed: true, Past: &Past{}})
	case complete && w.end != nil && !w.livedOn(ctx, last):
		return askInterval, w.overdue(), nil
	case complete:
		return 0, true, nil
	case w.end != nil:
		complete, err = w.endedWithContainer(ctx, last)
		if err != nil || complete && (last.Position == nil || w.finished.IsZero()) {
			return 0, complete, err
		}
		// An owner that was slow, or stopped, has seen the end late; one that counts is not hurt by reading the log.
		return w.resumeOutput(ctx, last)
	}
	if grace := graceLeft(last.Ended, time.Now()); grace > 0 && !last.Broken {
		return grace, false, nil
	}
	found, err := w.options.Engine.Inspect(ctx, w.id)
	if err != nil || endOf(&found) != nil {
		return askInterval, false, nil // the end is waited for elsewhere
	}
	return w.resumeOutput(ctx, last)
}

// graceLeft is what is left of outputGrace. The owner has noted the end by a clock that may have been set since.
func graceLeft(ended, now time.Time) time.Duration {
	return min(outputGrace, outputGrace-now.Sub(ended))
}

// livedOn reports whether the Engine is certain to have lived when the owner's stream ended. One that dies just after it has told of the
// container's end may end the stream before all was sent, and that is seen sooner than its death.
func (w *wait) livedOn(ctx context.Context, last OutputEnd) bool {
	return last.Position == nil || w.asked.After(last.Ended) || w.options.Engine.Ping(ctx) == nil
}

// endedWithContainer reports whether a stream went on until the container ended, or its rest is gone with the container.
func (w *wait) endedWithContainer(ctx context.Context, last OutputEnd) (bool, error) {
	if w.finished.IsZero() {
		found, err := w.inspectUntilAnswered(ctx, w.id, 0)
		if engine.IsNotFound(err) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		w.finished = FinishedAt(found)
	}
	return w.reachedEnd(last), nil
}

// reachedEnd reports whether a stream went on until the container, whose end is known, had ended.
func (w *wait) reachedEnd(last OutputEnd) bool { return last.Ended.After(w.finished.Add(-endSlack)) }

// resumeOutput gives the owner what the Engine's log has from where its last stream ended. It may repeat up to outputOverlap, and
// leaves nothing out but what the log driver does not keep.
func (w *wait) resumeOutput(ctx context.Context, last OutputEnd) (again time.Duration, settled bool, err error) {
	since := last.Last
	if !since.IsZero() {
		since = since.Add(-outputOverlap)
	}
	kind := Stream{Resumed: true}
	if p := last.Position; p != nil {
		since, kind.From = p.Since, p.Since
		if p.Received > 0 {
			kind.Past = &Past{Until: split(w.lossOf(last), time.Now())}
		}
	}
	return w.openLog(ctx, since, kind)
}

// openLog gives the owner the log since a time.
func (w *wait) openLog(ctx context.Context, since time.Time, kind Stream) (again time.Duration, settled bool, err error) {
	var stream *os.File
	losses := w.losses()
	if kind.Past == nil {
		stream, err = w.options.Engine.LogOutput(ctx, w.id, since)
	} else if kind.Past.Whole, err = w.wholeLog(ctx); err == nil {
		stream, err = w.options.Engine.PastOutput(ctx, w.id, since, kind.Past.Until)
	}
	switch {
	case err == nil:
		return 0, !w.options.WholeOutput && kind.Past == nil, w.goOn(stream, losses, kind)
	case ctx.Err() != nil:
		return 0, false, context.Cause(ctx)
	case engine.IsUnavailable(err):
		if w.output.newCause(err) {
			w.options.Logger.Debug("output cannot be resumed yet", zap.Error(err))
		}
		return askInterval, w.overdue(), nil
	}
	return w.goOnWithoutLog(ctx, err)
}

// goOnWithoutLog gives the owner what can be had without the log, and says that the rest is lost.
func (w *wait) goOnWithoutLog(ctx context.Context, err error) (time.Duration, bool, error) {
	w.output.mu.Lock()
	known, last, cut := w.output.refused, w.output.end, w.output.cut
	w.output.refused = true
	w.output.mu.Unlock()
	if w.end == nil {
		return w.attachAnew(ctx, last, err)
	}
	if !known && (cut || last.Unreadable != "" || !w.reachedEnd(last)) {
		w.options.OutputLost(err)
	}
	return 0, true, nil
}

// attachAnew gives the owner of a container that runs on what is yet to come, where the log cannot be had.
func (w *wait) attachAnew(ctx context.Context, last OutputEnd, refusal error) (again time.Duration, settled bool, err error) {
	losses := w.losses()
	stream, err := w.options.Engine.AttachOutput(ctx, w.id)
	switch {
	case err == nil:
		lost := refusal.Error()
		from := w.missingSince(last)
		if !from.IsZero() {
			lost = fmt.Sprintf("%s; what was written in the %v from %s on is missing", lost, time.Since(from).Round(time.Millisecond), from.UTC().Format(time.RFC3339Nano))
		}
		w.options.Logger.Warn("output is lost, since the log cannot be had", zap.Error(refusal), zap.Time("since", from))
		return 0, !w.options.WholeOutput, w.goOn(stream, losses, Stream{Resumed: true, Lost: lost})
	case ctx.Err() != nil:
		return 0, false, context.Cause(ctx)
	}
	return askInterval, w.overdue(), nil // it has ended, perhaps; that is waited for elsewhere
}
