package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/pidfd"
)

const (
	// lookInterval is the time between two looks at a container about which nothing is heard: the Engine drops events under load.
	lookInterval = 30 * time.Second

	// askInterval is the time between two looks at a container whose state is in doubt.
	askInterval = 2 * time.Second
)

// End is how a container ended.
type End struct {
	Code    int
	OOM     bool
	Message string // the Engine's own error text, often empty
}

// LostExitError says that the Engine has not told of the end of a container whose process is gone (contract 3.3: some Engines
// never do).
type LostExitError struct{ Limit time.Duration }

func (e *LostExitError) Error() string {
	return fmt.Sprintf("the container's process is gone and the Docker Engine has not reported its exit within %v", e.Limit)
}

// endOf is how a container ended, nil if it was not started or has not ended.
func endOf(c *engine.Container) *End {
	if c.State.Running || c.State.Restarting || c.State.Paused || StartedAt(c).IsZero() {
		return nil
	}
	return &End{Code: c.State.ExitCode, OOM: c.State.OOMKilled, Message: c.State.Error}
}

// Look has Wait look at the container soon. It does not wait, and may be called by any goroutine.
func (c *Container) Look() {
	select {
	case c.looks <- struct{}{}:
	default:
	}
}

// wait is one Wait.
type wait struct {
	*Container
	group    sync.WaitGroup
	gone     <-chan struct{} // the container's process has ended; nil once that was noticed
	interval time.Duration   // between two looks
	lost     time.Time       // when the Engine's word on the end is given up, zero for never
	answers  chan answer     // to the question for the end; nil for an owner that hears of events

	end      *End      // once it is known
	ended    time.Time // when that was
	finished time.Time // the Engine's own time of the end, zero while it is not known
}

// answer is the Engine's to the question for the end.
type answer struct {
	status int64
	err    error
}

// Wait returns when the container has ended, and carries out stops meanwhile. Only an answer of the Engine counts, or the absence of
// the container, or of its process for LostExit. The container is given as inspected after its start.
//
// Output that broke off goes on from the Engine's log. Where the owner wants the whole output, Wait waits for the end of that, too.
//
// The error is ErrVanished, *LostExitError, the Engine's or the owner's refusal, or the cause of ctx.
func (c *Container) Wait(ctx context.Context, started *engine.Container) (End, error) {
	w := &wait{Container: c, interval: lookInterval}
	process, gone := c.openProcess(started)
	defer process.Close()
	c.process.Store(process)
	defer c.process.Store(nil)
	ctx, cancel := context.WithCancel(ctx)
	defer w.group.Wait()
	defer cancel()

	w.gone = gone
	if process != nil {
		ended := make(chan struct{})
		w.gone = ended
		w.group.Go(func() {
			if process.Wait(ctx) == nil {
				close(ended)
			}
		})
	}
	w.group.Go(func() { c.enforceStop(ctx, started.Config.StopSignal) })
	if c.options.Losses == nil {
		w.answers = make(chan answer, 1)
		w.ask(ctx, 0)
	} else {
		w.see(started)
	}
	for {
		again, settled, err := w.followOutput(ctx)
		if err != nil {
			return End{}, err
		}
		if w.end != nil && settled {
			return *w.end, nil
		}
		if err := w.next(ctx, again); err != nil {
			return End{}, err
		}
	}
}

// openProcess refers to the container's first process, nil if that cannot be done. gone is closed if it has certainly ended.
func (c *Container) openProcess(started *engine.Container) (process *pidfd.Process, gone <-chan struct{}) {
	if !started.State.Running {
		return nil, nil
	}
	process, err := pidfd.OpenContainer(started.State.Pid, started.ID)
	if err == nil {
		return process, nil
	}
	c.options.Logger.Debug("the container's process cannot be watched", zap.Error(err))
	if !errors.Is(err, os.ErrNotExist) || !pidfd.SeesEveryProcess() {
		return nil, nil
	}
	closed := make(chan struct{}) // it ended before we came to look
	close(closed)
	return nil, closed
}

// ask asks the Engine for the end with a call that waits.
func (w *wait) ask(ctx context.Context, after time.Duration) {
	w.group.Go(func() {
		if Pause(ctx, after) != nil {
			return
		}
		status, err := w.options.Engine.Wait(ctx, w.id)
		w.answers <- answer{status, err}
	})
}

// next waits for a sign that something has changed, for at most the given time if that is not zero, and finds out what.
func (w *wait) next(ctx context.Context, again time.Duration) error {
	interval := w.interval
	if again > 0 {
		interval = min(interval, again)
	}
	timer := time.NewTimer(interval)
	defer timer.Stop()
	select {
	case <-w.looks:
	case <-timer.C:
	case a := <-w.answers:
		return w.take(ctx, a)
	case <-w.gone:
		w.gone = nil
		if w.options.LostExit > 0 {
			w.lost = time.Now().Add(w.options.LostExit)
		}
		w.interval = askInterval
		return nil // the event is on its way; looking now would come too early
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if w.answers != nil || w.end != nil {
		return nil
	}
	return w.look(ctx)
}

// look inspects the container once.
func (w *wait) look(ctx context.Context) error {
	found, err := w.options.Engine.Inspect(ctx, w.id)
	switch {
	case err == nil:
		w.see(&found)
		if w.lost.IsZero() {
			w.interval = lookInterval
		}
	case engine.IsNotFound(err):
		w.id = ""
		return ErrVanished
	case ctx.Err() == nil:
		w.options.Logger.Debug("the container's state is unknown; asking again", zap.Error(err))
		w.interval = askInterval
	}
	if w.end == nil && !w.lost.IsZero() && time.Now().After(w.lost) {
		return &LostExitError{w.options.LostExit}
	}
	return nil
}

// see takes what an inspect says.
func (w *wait) see(c *engine.Container) {
	if end := endOf(c); end != nil {
		w.end, w.ended, w.finished = end, time.Now(), FinishedAt(c)
	}
}

// take takes the answer to the question for the end. Its status counts whatever has become of the container since.
func (w *wait) take(ctx context.Context, a answer) error {
	switch {
	case a.err == nil:
		w.end, w.ended = &End{Code: int(a.status)}, time.Now()
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case engine.IsNotFound(a.err):
		w.id = ""
		return ErrVanished
	case !engine.IsUnavailable(a.err):
		return a.err
	default:
		w.output.lose()
		w.ask(ctx, RetryInterval)
	}
	return nil
}

// overdue reports whether the end of a container has waited for its output for as long as the Engine may be silent.
func (w *wait) overdue() bool {
	return w.options.LostExit > 0 && w.end != nil && time.Since(w.ended) > w.options.LostExit
}
