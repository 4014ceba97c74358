package container

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
)

// Spec is what the Engine creates. It is not changed.
type Spec struct {
	Config     *container.Config
	HostConfig *container.HostConfig
	Networking *network.NetworkingConfig
	Platform   *ocispec.Platform // nil for the host's
}

// networks is how many networks the container is created on, at least.
func (s Spec) networks() int {
	if s.Networking == nil || s.HostConfig.NetworkMode.IsContainer() {
		return leastNetworks(s.HostConfig, 0)
	}
	return leastNetworks(s.HostConfig, len(s.Networking.EndpointsConfig))
}

// Create creates the container, and only one, whatever becomes of the answers: what was lost is found by inspecting the name. It
// may be called again after an error, for instance when the image is there. Warnings are the Engine's and meant for a person.
//
// The error is the Engine's, *NameInUseError, ErrStopped, or the cause of ctx. The owner then calls Abandon, unless it calls
// Create again.
func (c *Container) Create(ctx context.Context, spec Spec) (warnings []string, err error) {
	if err := c.options.Late.cancel(ctx, c.options.Name); err != nil { // the name has an owner again
		return nil, err
	}
	var unsettled time.Time // since when the Engine has owed an answer
	refused := refusals{Container: c}
	for {
		if c.StopOrdered() {
			return nil, ErrStopped
		}
		id, warnings, err := c.createOnce(ctx, spec)
		if err == nil {
			c.id, c.tty, c.mayAppear = id, spec.Config.Tty, false
			c.networks = spec.networks()
			return warnings, nil
		}
		if engine.IsInternal(err) {
			if err := refused.pause(ctx, err); err != nil {
				return warnings, err
			}
			continue
		}
		conflict := engine.IsConflict(err)
		if !conflict && !engine.IsUnavailable(err) && ctx.Err() == nil {
			return warnings, err
		}
		c.mayAppear = c.mayAppear || !conflict
		if unsettled.IsZero() {
			unsettled = time.Now()
		}
		found, lookErr := c.inspectUntilAnswered(ctx, c.options.Name, c.options.Patience)
		switch {
		case ctx.Err() != nil:
			return warnings, context.Cause(ctx)
		case engine.IsNotFound(lookErr): // not created, or not visible yet: the Engine takes the name before that
			if c.overdue(unsettled, conflict) {
				return warnings, err
			}
		case lookErr != nil:
			return warnings, err
		case c.owns(found):
			c.take(found)
			return warnings, nil
		default:
			if err := c.makeRoom(ctx, found, err); err != nil {
				return warnings, err
			}
			continue
		}
		if err := c.pauseUnlessStopped(ctx, RetryInterval); err != nil {
			return warnings, err
		}
	}
}

// createOnce makes one call. The docker client changes what it sends for the version that the Engine speaks, so it gets a copy.
func (c *Container) createOnce(ctx context.Context, spec Spec) (id string, warnings []string, err error) {
	config, host := *spec.Config, *spec.HostConfig
	return c.options.Engine.Create(ctx, c.options.Name, &config, &host, spec.Networking, spec.Platform)
}

// overdue reports whether the owner's patience is over. A name that is taken by a container that cannot be seen is being created
// just now, perhaps by an earlier call of ours, and that may take as long as any create.
func (c *Container) overdue(since time.Time, conflict bool) bool {
	limit := c.options.Patience
	if conflict {
		limit = max(limit, engine.CreateLimit)
	}
	return c.options.Patience > 0 && time.Since(since) >= limit
}

// pauseUnlessStopped waits before the Engine is asked again.
func (c *Container) pauseUnlessStopped(ctx context.Context, wait time.Duration) error {
	select {
	case <-time.After(wait):
		return nil
	case <-c.Stopping():
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// makeRoom removes a container that has the name and is abandoned, or waits a moment if it must be kept for now. Any other is left
// alone.
func (c *Container) makeRoom(ctx context.Context, found *engine.Container, conflict error) error {
	if c.options.Abandoned == nil || !c.options.Abandoned(found) {
		return &NameInUseError{Name: c.options.Name, ID: found.ID, err: conflict}
	}
	if c.options.Late.hold.Holds(c.options.Name) {
		return c.pauseUnlessStopped(ctx, RetryInterval)
	}
	err := c.options.Engine.Remove(ctx, found.ID)
	switch {
	case err == nil:
		c.options.Logger.Warn("removed the container of a dead executor that had the task's name", zap.String("container", found.ID))
		c.options.Removed()
	case engine.IsConflict(err), engine.IsUnavailable(err): // another removes it, or it may have been removed
		return c.pauseUnlessStopped(ctx, RetryInterval)
	}
	return err
}

// Abandon gives up a container that was not created. Should it appear all the same, it is removed.
func (c *Container) Abandon() {
	if c.mayAppear {
		c.options.Late.add(c.options.Name, c.options.Owner, c.options.Removed)
	}
}

// CopyTo unpacks a tar archive at the root of the created container's file system, again if an answer was lost.
func (c *Container) CopyTo(ctx context.Context, archive []byte) error {
	return c.Insist(ctx, func(ctx context.Context) error {
		return c.options.Engine.CopyTo(ctx, c.id, archive)
	})
}
