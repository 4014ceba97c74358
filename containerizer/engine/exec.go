package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// The calls in this file are about a process that is started in a container besides its first. The Engine knows it by an id of
// its own, for as long as the container runs and a while after the process has ended.

// CreateExec describes a process to be started in a container, which must run: one that does not is IsConflict.
func (c *Client) CreateExec(ctx context.Context, idOrName string, o container.ExecOptions) (exec string, err error) {
	err = c.containerCall(ctx, "create process in container", idOrName, execLimit, func(ctx context.Context, api *client.Client) error {
		created, err := api.ContainerExecCreate(ctx, idOrName, o)
		if err == nil && created.ID == "" {
			err = errors.New("the answer has no id of the process")
		}
		exec = created.ID
		return err
	})
	return exec, err
}

// StartExec starts a process and opens its stream, on which a terminal changes the form as it does for a container. That it could
// not be started is in the output, and in its exit status.
func (c *Client) StartExec(ctx context.Context, exec string, tty bool) (*Stream, error) {
	body, err := json.Marshal(container.ExecStartOptions{Tty: tty})
	if err != nil {
		return nil, err
	}
	return newStream(c.open(ctx, "start process", exec, func(version string) string {
		return upgradeRequest("/v"+version+"/exec/"+exec+"/start", body)
	}))
}

// StartExecOutput starts a process without a terminal and opens its output, multiplexed. See StartExec.
func (c *Client) StartExecOutput(ctx context.Context, exec string) (io.ReadCloser, error) {
	stream, err := c.StartExec(ctx, exec, false)
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// StartExecDetached starts a process whose output nobody reads.
func (c *Client) StartExecDetached(ctx context.Context, exec string, tty bool) error {
	return c.containerCall(ctx, "start process", exec, execLimit, func(ctx context.Context, api *client.Client) error {
		return api.ContainerExecStart(ctx, exec, container.ExecStartOptions{Detach: true, Tty: tty})
	})
}

// InspectExec says whether a process runs, with which exit status it has ended, and its pid as the host sees it. A process whose
// output has ended may run for a moment still. An id that the Engine does not know, as after the end of the container, is
// IsNotFound.
func (c *Client) InspectExec(ctx context.Context, exec string) (state container.ExecInspect, err error) {
	err = c.containerCall(ctx, "inspect process", exec, inspectLimit, func(ctx context.Context, api *client.Client) (err error) {
		state, err = api.ContainerExecInspect(ctx, exec)
		return err
	})
	return state, err
}

// ResizeExec gives the terminal of a process a size.
func (c *Client) ResizeExec(ctx context.Context, exec string, height, width uint) error {
	return c.containerCall(ctx, "resize the terminal of process", exec, resizeLimit, func(ctx context.Context, api *client.Client) error {
		return api.ContainerExecResize(ctx, exec, container.ResizeOptions{Height: height, Width: width})
	})
}
