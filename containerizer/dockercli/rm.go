package dockercli

import (
	"context"
	"errors"

	"github.com/docker/docker/api/types/container"
	"github.com/spf13/pflag"

	ours "mesos-docker-containerizer/containerizer/container"
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

// rm removes containers and prints their names. With --force a container that does not exist is no failure, and is not printed.
func (d *Docker) rm(ctx context.Context, call Call) error {
	set, names, err := rmSyntax.parse(call)
	if err != nil {
		return err
	}
	options := engine.RemoveOptions{Force: option(set.GetBool("force")), Volumes: option(set.GetBool("volumes"))}
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

// rmOne removes a container. Its error is errAbsent for an absent container, unless a recent `ps -a` listed it: old agents end if
// they cannot remove a listed container (contract 1.7, MESOS-7777).
func (d *Docker) rmOne(ctx context.Context, name string, o engine.RemoveOptions) error {
	if o.Force {
		// A session sees how its container ends, before it sees that it is gone. What becomes of that does not matter here.
		_, _ = d.stopOurs(ctx, name, 0)
	}
	err := d.removeWithOthers(ctx, name, o)
	if !engine.IsNotFound(err) {
		return err
	}
	if d.inspects.holds(name) {
		return nil
	}
	return errAbsent
}

// removeWithOthers removes a container. If another removal is under way it waits for its end, which counts as success.
func (d *Docker) removeWithOthers(ctx context.Context, name string, o engine.RemoveOptions) error {
	ctx, cancel := context.WithTimeout(ctx, engine.RemoveLimit)
	defer cancel()
	var conflict error
	for {
		err := d.options.Engine.RemoveContainer(ctx, name, o)
		switch {
		case conflict != nil && engine.IsNotFound(err):
			return nil
		case conflict != nil && ctx.Err() != nil:
			return conflict
		case !engine.IsConflict(err), !o.Force && !d.vanishes(ctx, name):
			return err
		}
		conflict = err
		if ours.Pause(ctx, removingInterval) != nil {
			return conflict
		}
	}
}

// vanishes reports whether a container is being removed, or is gone. One that is removed by force is seen to run while it is
// killed: then this is not known yet.
func (d *Docker) vanishes(ctx context.Context, name string) bool {
	c, err := d.options.Engine.Inspect(ctx, name)
	return engine.IsNotFound(err) || err == nil && (c.State.Status == container.StateRemoving || c.State.Dead)
}
