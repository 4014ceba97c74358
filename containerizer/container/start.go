package container

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/pidfd"
)

// errInherited is why a start is taken for one that has failed.
var errInherited = errors.New("an earlier daemon may have asked for it")

// ErrMayHaveRun says that a start has failed of which the Engine does not know, though the container's program may have run.
var ErrMayHaveRun = errors.New("the Docker Engine was lost over the start of the container, or containerd or the daemon was, and its program may have run; so it is not started again")

// Start starts the container, and not a second time. After an answer that was lost, or an internal error, the start is repeated only
// if the Engine says that the container was never started, no process is in its cgroup, and its program cannot have run meanwhile: no
// process of it was seen, and there was no cgroup when the Engine, or containerd, was lost. They know nothing afterwards of a program
// that had been started and ended before they were back. The same holds for a container that an earlier daemon may have had started, if
// its output stream has ended since: with the Engine, or with a start that failed, which cannot be told apart. The owner's patience does
// not count for answers that were lost, for a container may run unseen. A container that has lost a network is not started again.
//
// With an error other than ErrVanished there is a container, and it may run.
func (c *Container) Start(ctx context.Context) error {
	refused := refusals{Container: c}
	if c.inherited.lost && !c.StopOrdered() {
		return fmt.Errorf("a start has failed that an earlier daemon asked for: %w", errNetworkLost)
	}
	if c.startLost() {
		f := failedStart{err: errInherited, begun: true, losses: uncertain}
		if started, err := c.settleStart(ctx, f, &refused); started || err != nil {
			return err
		}
	}
	for {
		if c.StopOrdered() {
			return ErrStopped
		}
		losses := c.losses()
		err := c.options.Engine.Start(ctx, c.id)
		if err == nil || !engine.IsUnavailable(err) && !engine.IsInternal(err) && ctx.Err() == nil {
			return err
		}
		answered := time.Now()
		f := failedStart{err: err, begun: cgroup.Exists(c.id) || time.Since(answered) > lookLimit, losses: losses}
		if started, err := c.settleStart(ctx, f, &refused); started || err != nil {
			return err
		}
	}
}

// failedStart is what was known of a start when it had failed.
type failedStart struct {
	err    error
	begun  bool // there was a cgroup, or may have been
	losses int  // of the Engine, before it was asked
}

// lookLimit is how long after a start has failed it can be told that there was no cgroup. An Engine or containerd that comes back removes
// what is left of the one before, which takes either of them longer to come to.
const lookLimit = 500 * time.Millisecond

// lost reports whether the Engine that was asked is there no more. One that is stopped answers with an internal error before its end.
func (c *Container) lost(f failedStart) bool {
	if c.options.Losses == nil {
		return !engine.IsInternal(f.err)
	}
	return c.losses() != f.losses
}

// mayHaveRun reports whether a program may have run of which no process was seen. An Engine that has answered with an internal error and
// lives clears up unless containerd has died.
func (c *Container) mayHaveRun(f failedStart) bool {
	return f.begun && (c.lost(f) || engine.IsInternal(f.err) && cgroup.Exists(c.id))
}

// settleStart finds out, after a while, what became of a start. Without an error it is to be repeated if the container was not started.
func (c *Container) settleStart(ctx context.Context, f failedStart, refused *refusals) (started bool, err error) {
	var seen, ran bool // a process, and one that is not the runtime's own
	var emptied bool   // the cgroup was there without a process: the Engine may be about to remove it
	for {
		over := refused.pause(ctx, f.err)
		found, err := c.inspectUntilAnswered(ctx, c.id, 0)
		switch {
		case engine.IsNotFound(err):
			c.id = ""
			return false, ErrVanished
		case err != nil:
			return false, err
		case !StartedAt(found).IsZero():
			return true, nil
		case over == nil && c.networkLost(found):
			over = fmt.Errorf("%w; %w", f.err, errNetworkLost)
		}
		left, runs := c.processLeft()
		if left && !seen {
			c.options.Logger.Warn("the container was not started, as the Engine says, and has a process; waiting for its end")
		}
		seen, ran = seen || left, ran || runs
		if left && (over != nil || c.lost(f)) {
			c.options.Logger.Warn("killing what is left of a start that has failed")
			killAll(c.id, c.options.Logger) // the Engine, which knows of no start, would not stop it
		}
		if over != nil {
			return false, over
		}
		if left {
			continue
		}
		mayHaveRun := !ran && c.mayHaveRun(f) // which looks at all of the host's cgroups
		switch {
		case mayHaveRun && !emptied && !c.lost(f):
			emptied = true
		case ran || mayHaveRun && !(seen && c.lost(f)):
			// What was killed above before it was the program has not run, as nobody was left to start it.
			return false, fmt.Errorf("%w: %w", ErrMayHaveRun, f.err)
		default:
			return false, c.renewOutput(ctx)
		}
	}
}

// processLeft reports whether a process is in the container's cgroup, and whether that is more than the runtime's own, which is there
// before the program. Of processes that this host does not show nothing is known but what the Engine says.
func (c *Container) processLeft() (left, runs bool) {
	process, err := pidfd.FindContainer(c.id)
	if err != nil {
		return false, false
	}
	defer process.Close()
	return true, process.Command() != "runc\x00init\x00"
}

// Inspect returns the state of a container that was started, as soon as the Engine answers. Errors are those of Wait.
func (c *Container) Inspect(ctx context.Context) (*engine.Container, error) { return c.search(ctx) }
