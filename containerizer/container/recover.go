package container

import (
	"context"
	"fmt"

	"mesos-docker-containerizer/containerizer/engine"
)

// MayAppear notes that an earlier daemon may have asked for the create, so that the container may appear at any time.
func (c *Container) MayAppear() { c.mayAppear = true }

// Forget notes that the container is not there any more.
func (c *Container) Forget() { c.id = "" }

// Find looks for the container by its name: an earlier daemon may have asked for its create. It is nil if there is none, which may
// yet appear (see Abandon).
func (c *Container) Find(ctx context.Context) (*engine.Container, error) {
	c.MayAppear()
	found, err := c.inspectUntilAnswered(ctx, c.Name, 0)
	if engine.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return c.recognise(found, c.Name)
}

// FindByID looks for a container that an earlier daemon has created. If it is not there any more the error is ErrVanished: nobody can
// say what became of it. If the Engine does not answer before ctx ends, ID is the reference: such a container may run.
func (c *Container) FindByID(ctx context.Context, id string) (*engine.Container, error) {
	c.id = id
	found, err := c.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	return c.recognise(found, id)
}

// recognise takes a container that is the owner's. Another's is an error.
func (c *Container) recognise(found *engine.Container, reference string) (*engine.Container, error) {
	if !c.owns(found) {
		c.id = ""
		return nil, fmt.Errorf("container %s is not this task's; it is left alone", reference)
	}
	c.take(found)
	return found, nil
}
