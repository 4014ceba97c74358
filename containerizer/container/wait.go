package container

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/pidfd"
)

const (
	// lookInterval is the time between two looks at a container about which nothing is heard: the Engine drops events under load.
	lookInterval = 30 * time.Second

	// watchedInterval is lookInterval where the end of the container's process is seen without the Engine. What is left to be missed is
	// an end that the Engine tells while the process runs. A host with a thousand tasks would ask 30 times a second otherwise.
	watchedInterval = 5 * time.Minute

	// askInterval is the time between two looks at a container whose state is in doubt.
	askInterval = 2 * time.Second
)

// End is how a container ended.
type End struct {
	Code    int
	OOM     bool
	Message string // the Engine's own error text, often empty
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

// wait is one Wait, or search.
type wait struct {
	*Container
	group    sync.WaitGroup
	question func(context.Context) answer
	asking   bool // it is on its way
	due      bool // it is to be asked as soon as it can be
	answers  chan answer
	after    int           // Position.Ends of the end of output that is looked at
	interval time.Duration // between two questions, of an owner that hears of events

	gone       <-chan struct{} // the container's process has ended; nil once that was noticed
	lostExit   lostExit
	absent     time.Time          // since when the Engine has not known the container, though its process runs; zero if it does
	letGo      context.CancelFunc // ends the stopping of a container that the Engine does not know; nil unless it is being stopped
	stopSignal string             // empty where it is not known

	started  time.Time         // when the Engine started the container; zero for one that is searched
	found    *engine.Container // as inspected last; nil before
	end      *End              // once it is known
	asked    time.Time         // when the question was asked that was answered last
	ended    time.Time         // when that was
	finished time.Time         // the Engine's own time of the end, zero while it is not known
}

// answer is the Engine's to the question how the container is.
type answer struct {
	found  *engine.Container // nil if its end was asked for
	status int64
	err    error
	asked  time.Time
	silent bool // the Engine does not answer anything
}

// Wait returns when the container has ended, and carries out stops meanwhile. Only an answer of the Engine counts, or the absence of
// the container and of its process, or the end of the process for LostExit. The container is given as inspected after its start.
//
// Output that broke off goes on from the Engine's log. Where the owner wants the whole output, Wait waits for the end of that, too.
//
// The error is ErrVanished, ErrRestarted, *ForgottenError, *LostExitError, the Engine's or the owner's refusal, or the cause of ctx.
func (c *Container) Wait(ctx context.Context, started *engine.Container) (end End, err error) {
	ctx, cancel := context.WithCancel(ctx)
	w := c.newWait()
	defer func() { w.close(err) }()
	defer cancel()
	w.stopSignal, w.started = started.Config.StopSignal, StartedAt(started)
	if started.State.Running {
		process, err := pidfd.OpenContainer(started.State.Pid, started.ID)
		w.hold(ctx, process, err)
	}
	w.group.Go(func() { c.enforceStop(ctx, w.stopSignal) })
	if c.options.Losses == nil {
		w.question = w.askForEnd
		w.ask(ctx, 0)
	} else {
		w.see(started)
	}
	for {
		again, settled, err := w.followOutput(ctx)
		if err != nil {
			return End{}, err
		}
		w.killSurvivor()
		if w.end != nil && settled {
			return *w.end, nil
		}
		if err := w.next(ctx, again); err != nil {
			return End{}, err
		}
	}
}

func (c *Container) newWait() *wait {
	w := &wait{Container: c, interval: lookInterval, answers: make(chan answer, 1), lostExit: newLostExit(c.options.LostExit, c.options.StoppedExit)}
	w.question = w.inspect
	return w
}

// close ends what was begun, with the result of the wait. The context of its parts has ended.
func (w *wait) close(err error) {
	w.group.Wait()
	w.process.Swap(nil).Close()
	if errors.Is(err, ErrVanished) || errors.As(err, new(*ForgottenError)) {
		w.id = ""
	}
}

// search finds out what a container is like that may run. Neither an Engine that is silent nor one that does not know the container
// ends the search as long as its process may run, but stops are carried out. Errors are those of Wait.
func (c *Container) search(ctx context.Context) (found *engine.Container, err error) {
	ctx, cancel := context.WithCancel(ctx)
	w := c.newWait()
	defer func() { w.close(err) }()
	defer cancel()
	w.ask(ctx, 0)
	for stopping := false; w.found == nil; {
		if err := w.next(ctx, RetryInterval); err != nil {
			return nil, err
		}
		if w.found == nil && w.interval == askInterval && c.StopOrdered() && !stopping {
			stopping = true
			w.findProcess(ctx)
			w.group.Go(func() { c.enforceStop(ctx, "") })
		}
	}
	return w.found, nil
}

// findProcess finds the container's process where the Engine does not tell the pid.
func (w *wait) findProcess(ctx context.Context) {
	if w.process.Load() != nil || w.lostExit.begun() || w.claimed && !w.options.Trusted {
		return
	}
	process, err := pidfd.FindContainer(w.id)
	w.hold(ctx, process, err)
}

// hold takes the container's process, if it could be opened, and has its end noticed.
func (w *wait) hold(ctx context.Context, process *pidfd.Process, err error) {
	ended := make(chan struct{})
	if err != nil {
		w.options.Logger.Debug("the container's process cannot be watched", zap.Error(err))
		if errors.Is(err, os.ErrNotExist) && pidfd.SeesEveryProcess() {
			w.gone = ended
			close(ended) // before we came to look
		}
		return
	}
	w.gone = ended
	w.process.Store(process)
	w.group.Go(func() {
		if process.Wait(ctx) == nil {
			close(ended)
		}
	})
}

// ask asks the question.
func (w *wait) ask(ctx context.Context, after time.Duration) {
	w.asking, w.due = true, false
	gone := w.lostExit.begun()
	w.group.Go(func() {
		if Pause(ctx, after) != nil {
			return
		}
		asked := time.Now()
		a := w.question(ctx)
		a.asked = asked
		a.silent = gone && engine.IsUnavailable(a.err) && w.options.Engine.Ping(ctx) != nil
		w.answers <- a
	})
}

// inspect asks what the container is like.
func (w *wait) inspect(ctx context.Context) answer {
	found, err := w.options.Engine.Inspect(ctx, w.id)
	return answer{found: &found, err: err}
}

// askForEnd asks for the end with a call that waits.
func (w *wait) askForEnd(ctx context.Context) answer {
	status, err := w.options.Engine.Wait(ctx, w.id)
	return answer{status: status, err: err}
}

// next waits for a sign that something has changed, for at most the given time if that is not zero, and finds out what.
func (w *wait) next(ctx context.Context, again time.Duration) error {
	_, changed := w.stop.current()
	interval := w.interval
	if again > 0 {
		interval = min(interval, again)
	}
	giveUp := w.lostExit.giveUp(w.stop.dueAt())
	if !giveUp.IsZero() && w.end == nil {
		interval = min(interval, time.Until(giveUp))
	}
	timer := time.NewTimer(interval)
	defer timer.Stop()
	select {
	case <-w.looks:
		w.due = true
	case <-timer.C:
		w.due = w.due || !w.asking
	case <-changed:
	case a := <-w.answers:
		w.asking = false
		if err := w.take(ctx, a); err != nil {
			return err
		}
	case <-w.gone:
		w.noteGone()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if w.end != nil {
		return nil
	}
	if !giveUp.IsZero() && !time.Now().Before(giveUp) {
		return w.lostExit.failure()
	}
	if w.due && !w.asking {
		w.ask(ctx, 0)
	}
	return nil
}

// noteGone notes that the container's process has ended. The Engine's event is on its way; looking now would come too early.
func (w *wait) noteGone() {
	w.gone = nil
	w.lostExit.begin()
	w.interval = askInterval
	w.due = w.due || !w.absent.IsZero()
	if w.options.Gone != nil && w.end == nil {
		w.options.Gone()
	}
}

// killSurvivor ends a container's process that outlives the end the Engine tells. runc takes a process whose first thread has ended for
// dead while others run: then a stop by the Engine succeeds, and signals nothing.
func (w *wait) killSurvivor() {
	process := w.process.Load()
	if w.end == nil || process.Ended() {
		return
	}
	w.options.Logger.Warn("the Engine says that the container has ended, and its process runs; killing the process", zap.String("container", w.id))
	_ = process.Signal(unix.SIGKILL)
	killAll(w.id, w.options.Logger)
}

// take takes an answer. A status counts whatever has become of the container since.
func (w *wait) take(ctx context.Context, a answer) error {
	switch {
	case a.err == nil:
		w.known()
		w.asked = a.asked
		if a.found != nil {
			if w.process.Load().Ended() && !w.started.IsZero() && !StartedAt(a.found).Equal(w.started) {
				return ErrRestarted
			}
			w.see(a.found)
		} else {
			w.end, w.ended = &End{Code: int(a.status)}, time.Now()
		}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case engine.IsNotFound(a.err):
		return w.notFound(ctx, a)
	case a.found == nil && !engine.IsUnavailable(a.err), engine.IsInvalid(a.err):
		return a.err
	case a.found == nil:
		w.output.lose()
		w.ask(ctx, RetryInterval)
	default:
		w.options.Logger.Debug("the container's state is unknown; asking again", zap.Error(a.err))
		w.interval = askInterval
	}
	if w.end == nil && w.lostExit.answered(a.silent) {
		return w.lostExit.failure()
	}
	return nil
}

// see takes what an inspect says.
func (w *wait) see(c *engine.Container) {
	w.found = c
	if end := endOf(c); end != nil {
		w.end, w.ended, w.finished = end, time.Now(), FinishedAt(c)
	}
	if w.lostExit.begun() {
		return
	}
	w.interval = lookInterval
	if w.gone != nil {
		w.interval = watchedInterval
	}
}

// overdue reports whether the end of a container has waited for its output for as long as the Engine may be silent.
func (w *wait) overdue() bool {
	return w.options.LostExit > 0 && w.end != nil && time.Since(w.ended) > w.options.LostExit
}
