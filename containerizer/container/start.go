package container

import (
	"context"

	"mesos-docker-containerizer/containerizer/engine"
)

// Start starts the container, and not a second time: after an answer that was lost it inspects until the Engine says whether the
// container was started. The owner's patience does not count here, for a container may run unseen.
//
// With an error other than ErrVanished there is a container, and it may run.
func (c *Container) Start(ctx context.Context) error {
	for {
		if c.StopOrdered() {
			return ErrStopped
		}
		err := c.options.Engine.Start(ctx, c.id)
		if err == nil {
			return nil
		}
		if !engine.IsUnavailable(err) && ctx.Err() == nil {
			return err
		}
		found, err := c.inspectUntilAnswered(ctx, c.id, 0)
		if engine.IsNotFound(err) {
			c.id = ""
			return ErrVanished
		}
		if err != nil {
			return err
		}
		if !StartedAt(found).IsZero() {
			return nil
		}
		if err := c.pauseUnlessStopped(ctx); err != nil {
			return err
		}
	}
}

// Inspect returns the state of a container that was started, as soon as the Engine answers. Errors are those of Wait.
func (c *Container) Inspect(ctx context.Context) (*engine.Container, error) { return c.search(ctx) }
