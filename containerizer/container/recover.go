package container

import (
	"context"
	"fmt"

	"mesos-docker-containerizer/containerizer/engine"
)

// MayAppear notes that an earlier daemon may have asked for the create, so that the container may appear at any time.
func (c *Container) MayAppear() { c.mayAppear = true }

// Find looks for the container by its name: an earlier daemon may have asked for its create. It is nil if there is none, which may
// yet appear (see Abandon), or if another has the name, of which Create makes something.
func (c *Container) Find(ctx context.Context) (*engine.Container, error) {
	c.MayAppear()
	found, err := c.inspectUntilAnswered(ctx, c.options.Name, 0)
	switch {
	case engine.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case !c.owns(found): // Create says what that means
		return nil, nil
	}
	c.inherit(found)
	return found, nil
}

// FindByID looks for a container that an earlier daemon has created. Errors are those of Wait: ErrVanished says that it is not there
// any more, and that what became of it is not known. If the Engine does not answer before ctx ends, ID is the reference: such a
// container may run.
func (c *Container) FindByID(ctx context.Context, id string) (*engine.Container, error) {
	c.id, c.claimed = id, true
	found, err := c.search(ctx)
	if err != nil {
		return nil, err
	}
	if !c.owns(found) {
		c.id = ""
		return nil, fmt.Errorf("container %s is not this task's; it is left alone", id)
	}
	c.inherit(found)
	return found, nil
}

// inherited is what is known of the output of a container that an earlier daemon has created. The output is attached before the start is
// asked for, and goes on as long as the Engine lives.
type inherited struct {
	found  bool
	lost   bool // a network, at a start that an earlier daemon has asked for
	ended  bool // the owner was given a stream, which has ended, or is about to
	losses int  // of the Engine at that time
}

func (c *Container) inherit(found *engine.Container) {
	c.take(found)
	c.output.mu.Lock()
	ended := c.output.over || !c.output.open && !c.output.end.Ended.IsZero()
	c.output.mu.Unlock()
	c.inherited = inherited{found: true, lost: StartedAt(found).IsZero() && c.networkLost(found), ended: ended, losses: c.losses()}
}

// startLost reports whether an Engine may have been asked to start the container that is there no more. Which it was nobody can tell
// any more: the daemon that has asked is gone, too.
func (c *Container) startLost() bool {
	i := c.inherited
	return i.found && (i.ended || i.losses != c.losses())
}
