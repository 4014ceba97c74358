package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// Kill sends a signal ("SIGTERM", "TERM" or "15") to the first process of a container. One that does not run is IsConflict.
func (c *Client) Kill(ctx context.Context, id, signal string) error {
	err := c.containerCall(ctx, "signal container", id, killLimit, func(ctx context.Context, api *client.Client) error {
		return api.ContainerKill(ctx, id, signal)
	})
	if e, ok := errors.AsType[*Error](err); ok {
		e.Op = "send " + signal + " to container" // for a person; an Observer has few signals, and no use for them
	}
	return err
}

// Stop sends the container's stop signal and, when it still runs after the grace, SIGKILL. It returns when the container has
// ended; one that does not run is a success. The Engine counts in whole seconds and a fraction is cut off, as the stock executor
// does (contract 3.4); a negative grace is IsInvalid. The Engine carries on stopping when the call is given up.
func (c *Client) Stop(ctx context.Context, id string, grace time.Duration) error {
	const op = "stop container"
	if grace < 0 {
		return &Error{Op: op, Object: id, kind: errdefs.ErrInvalidArgument, text: fmt.Sprintf("grace of %s is negative", grace)}
	}
	seconds := int(grace / time.Second)
	return c.containerCall(ctx, op, id, grace+StopMargin, func(ctx context.Context, api *client.Client) error {
		return api.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds})
	})
}
