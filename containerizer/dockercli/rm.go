package dockercli

import (
	"context"
	"errors"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/spf13/pflag"

	"mesos-docker-containerizer/containerizer/engine"
)

var rmSyntax = syntax{
	name:     "rm",
	operands: "CONTAINER [CONTAINER...]",
	about:    "Remove one or more containers",
	options: func(set *pflag.FlagSet) {
		set.BoolP("force", "f", false, "Force the removal of a running container (uses SIGKILL)")
		set.BoolP("volumes", "v", false, "Remove anonymous volumes associated with the container")
	},
}

// rm removes containers and prints their names. With --force one that does not exist is no failure, and is not printed.
func (d *Docker) rm(ctx context.Context, call Call) error {
	set, names, err := rmSyntax.parse(call)
	if err != nil {
		return err
	}
	var options engine.RemoveOptions
	if options.Force, err = set.GetBool("force"); err != nil {
		return err
	}
	if options.Volumes, err = set.GetBool("volumes"); err != nil {
		return err
	}
	return each(call, names, func(name string) error {
		err := d.rmOne(ctx, name, options)
		if !errors.Is(err, errAbsent) {
			return d.explain(err)
		}
		absent := said("Error: No such container: " + name)
		if options.Force {
			return notice{absent}
		}
		return absent
	})
}

// rmOne removes a container. Its error is errAbsent if there is none, but not if an agent has just been told that there is one:
// old agents end if they cannot remove what they were told of (contract section 8, MESOS-7777), and it is removed.
func (d *Docker) rmOne(ctx context.Context, name string, o engine.RemoveOptions) error {
	if o.Force {
		// A session sees how its container ends, before it sees that it is gone. What becomes of that does not matter here.
		_, _ = d.stopOurs(ctx, name, 0)
	}
	err := d.Engine.RemoveContainer(ctx, name, o)
	if engine.IsConflict(err) {
		err = d.awaitRemoval(ctx, name, err)
	}
	switch {
	case !engine.IsNotFound(err):
		return err
	case d.tombstones.holds(name):
		return nil
	}
	return errAbsent
}

// awaitRemoval waits for a container to be gone that somebody else is removing, which is as good as to have removed it. The error
// is the given one if nobody is.
func (d *Docker) awaitRemoval(ctx context.Context, name string, conflict error) error {
	ctx, cancel := context.WithTimeout(ctx, removingLimit)
	defer cancel()
	for {
		c, err := d.Engine.Inspect(ctx, name)
		switch {
		case engine.IsNotFound(err):
			return nil
		case err == nil && c.State.Status != container.StateRemoving, err != nil && !engine.IsUnavailable(err):
			return conflict
		}
		select {
		case <-time.After(removingInterval):
		case <-ctx.Done():
			return conflict
		}
	}
}
