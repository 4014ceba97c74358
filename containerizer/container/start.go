package container

import (
	"context"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/pidfd"
)

// Start starts the container, and not a second time. After an answer that was lost, or an internal error, the start is repeated only
// if the Engine says that the container was never started, and no process is in its cgroup. The owner's patience does not count for
// answers that were lost, for a container may run unseen.
//
// With an error other than ErrVanished there is a container, and it may run.
func (c *Container) Start(ctx context.Context) error {
	refused := refusals{Container: c}
	for {
		if c.StopOrdered() {
			return ErrStopped
		}
		err := c.options.Engine.Start(ctx, c.id)
		if err == nil || !engine.IsUnavailable(err) && !engine.IsInternal(err) && ctx.Err() == nil {
			return err
		}
		if started, err := c.settleStart(ctx, err, &refused); started || err != nil {
			return err
		}
	}
}

// settleStart finds out, after a while, what became of a start. Without an error it is to be repeated if the container was not started.
func (c *Container) settleStart(ctx context.Context, failure error, refused *refusals) (started bool, err error) {
	for {
		over := refused.pause(ctx, failure)
		found, err := c.inspectUntilAnswered(ctx, c.id, 0)
		switch {
		case engine.IsNotFound(err):
			c.id = ""
			return false, ErrVanished
		case err != nil:
			return false, err
		case !StartedAt(found).IsZero():
			return true, nil
		}
		left := c.processLeft()
		if over != nil && left {
			c.options.Logger.Warn("killing what is left of a start that has failed")
			killAll(c.id, c.options.Logger) // the Engine, which knows of no start, would not stop it
		}
		switch {
		case over != nil:
			return false, over
		case !left:
			return false, c.renewOutput(ctx)
		}
		c.options.Logger.Warn("the container was not started, as the Engine says, and has a process; waiting for its end")
	}
}

// processLeft reports whether a process is in the container's cgroup. Of processes that this host does not show nothing is known but
// what the Engine says.
func (c *Container) processLeft() bool {
	process, err := pidfd.FindContainer(c.id)
	if err != nil {
		return false
	}
	process.Close()
	return true
}

// Inspect returns the state of a container that was started, as soon as the Engine answers. Errors are those of Wait.
func (c *Container) Inspect(ctx context.Context) (*engine.Container, error) { return c.search(ctx) }
