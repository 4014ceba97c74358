package engine

import (
	"context"
	"errors"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// The calls in this file are those of people and agents, which name containers that need not be ours.

// Socket is the path of the Engine's socket, for what people read.
func (c *Client) Socket() string { return c.socket }

// ListAll returns every container of the Engine, or only those that run.
func (c *Client) ListAll(ctx context.Context, stoppedToo bool) ([]container.Summary, error) {
	var list []container.Summary
	err := c.call(ctx, "list containers", "", listLimit, func(ctx context.Context, api *client.Client) error {
		var err error
		list, err = api.ContainerList(ctx, container.ListOptions{All: stoppedToo})
		return err
	})
	return list, err
}

// RemoveOptions of RemoveContainer.
type RemoveOptions struct {
	Force   bool // kill it first if it runs; without, one that runs is IsConflict
	Volumes bool // and its anonymous volumes
}

// RemoveContainer is Remove as a caller wants it. A container that does not exist is IsNotFound.
func (c *Client) RemoveContainer(ctx context.Context, idOrName string, o RemoveOptions) error {
	return c.containerCall(ctx, "remove container", idOrName, RemoveLimit, func(ctx context.Context, api *client.Client) error {
		return api.ContainerRemove(ctx, idOrName, container.RemoveOptions{Force: o.Force, RemoveVolumes: o.Volumes})
	})
}

// Wait returns the exit status of a container when it does not run, or any more. The Engine accepts the question within a limit;
// from then on it has as long as the container runs. An Engine that goes away meanwhile is IsUnavailable.
func (c *Client) Wait(ctx context.Context, idOrName string) (status int64, err error) {
	err = c.containerCall(ctx, AwaitExit, idOrName, noLimit, func(ctx context.Context, api *client.Client) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		opening := time.AfterFunc(streamOpenLimit, func() { cancel(context.DeadlineExceeded) })
		answered, failed := api.ContainerWait(ctx, idOrName, container.WaitConditionNotRunning) // returns with the header
		opening.Stop()
		select {
		case err := <-failed:
			if cause := context.Cause(ctx); errors.Is(cause, context.DeadlineExceeded) {
				return cause
			}
			return err
		case answer := <-answered:
			if answer.Error != nil && answer.Error.Message != "" {
				return errors.New(answer.Error.Message)
			}
			status = answer.StatusCode
			return nil
		}
	})
	return status, err
}

// ValidName reports whether this can be the id or the name of a container. Calls refuse any other without asking the Engine.
func ValidName(idOrName string) bool { return validName(idOrName) }
