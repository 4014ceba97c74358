package container

import (
	"context"
	"time"

	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/pidfd"
)

// Remove removes the container. If the Engine does not answer, it is removed later.
func (c *Container) Remove(ctx context.Context) error {
	err := c.options.Engine.Remove(ctx, c.id)
	switch {
	case err == nil:
		c.options.Removed()
	case !engine.IsConflict(err): // else it is being removed already
		c.options.Late.add(c.id, c.options.Owner, c.options.Removed)
		return err
	}
	return nil
}

// LeaveRunning in place of a grace period has a Removal wait for the end of a container that runs.
const LeaveRunning = -1

// Removal ends and removes a container that is not needed any more, of this daemon or of an earlier one.
type Removal struct {
	Engine *engine.Client
	ID     string
	Ours   func(*engine.Container) bool // any other container is left alone
	Grace  time.Duration                // between the stop signal and SIGKILL; or LeaveRunning
	Due    func(*engine.Container) time.Time
	Logger *zap.Logger

	// Interval is the time between two looks at a container that is left running.
	Interval time.Duration

	// Ran says that the container was seen to run, and to be ours. It may then still run if the Engine does not know it any more.
	Ran bool

	// Turn, if not nil, is called before the container is looked at, and may wait. What it returns is called when that is done, and a
	// removal that was due. A stop is not within a turn, for it takes as long as the container.
	Turn func(context.Context) (over func(), err error)

	// Stopped and Removed are called when that was done.
	Stopped, Removed func()

	// Behind is called with 1 when a step has failed for the first time, and then with -1 at the end.
	Behind func(int)
}

// Run tries until the Engine has stopped and removed the container or ctx ends, and looks at the container before each step.
func (r *Removal) Run(ctx context.Context) {
	behind := false
	defer func() {
		if behind {
			r.Behind(-1)
		}
	}()
	for {
		wait, done, err := r.step(ctx)
		if engine.IsNotFound(err) && r.Ran && r.Grace != LeaveRunning {
			r.stopForgotten(ctx)
		}
		if done || engine.IsNotFound(err) {
			return
		}
		if err != nil && ctx.Err() == nil && !engine.IsConflict(err) { // that is another one removing it
			r.Logger.Warn("a container cannot be stopped or removed yet; trying again", zap.String("container", r.ID), zap.Error(err))
			if !behind {
				behind = true
				r.Behind(1)
			}
		}
		if Pause(ctx, wait) != nil {
			return
		}
	}
}

// step does what is next, and says when to go on.
func (r *Removal) step(ctx context.Context) (wait time.Duration, done bool, err error) {
	over := func() {}
	if r.Turn != nil {
		if over, err = r.Turn(ctx); err != nil {
			return 0, true, err
		}
		defer over()
	}
	c, err := r.Engine.Inspect(ctx, r.ID)
	if err != nil {
		return killRepeat, false, err
	}
	if !r.Ours(&c) {
		r.Logger.Error("a container that is not ours is left alone", zap.String("container", r.ID))
		return 0, true, nil
	}
	r.Ran = c.State.Running
	switch due := r.Due(&c); {
	case c.State.Running && r.Grace == LeaveRunning:
		return r.Interval, false, nil
	case c.State.Running:
		over()
		r.Logger.Warn("stopping a container whose task has ended or lost its executor", zap.String("container", r.ID))
		if err := r.Engine.Stop(ctx, r.ID, r.Grace); err != nil {
			return killRepeat, false, err
		}
		killAll(r.ID, r.Logger) // which ends a process whose first thread had ended: the Engine takes it for dead (see killSurvivor)
		r.Stopped()
		return 0, false, nil
	case time.Now().Before(due):
		return time.Until(due), false, nil
	}
	if StartedAt(&c).IsZero() { // as the Engine says, which leaves alone what it does not know of
		if err := pidfd.KillContainer(c.ID); err != nil {
			return killRepeat, false, err
		}
	}
	if err := r.Engine.Remove(ctx, r.ID); err != nil {
		return killRepeat, false, err
	}
	r.Removed()
	r.Logger.Info("container removed", zap.String("container", r.ID))
	return 0, true, nil
}
