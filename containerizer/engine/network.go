package engine

import (
	"context"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// InspectNetwork returns the network that the Engine joins a container to under a name or id. Where there is none
// errdefs.IsNotFound holds.
func (c *Client) InspectNetwork(ctx context.Context, nameOrID string) (network.Inspect, error) {
	const op = "inspect network"
	// The Engine is liberal with names, but one that leads elsewhere as a path is no name.
	if nameOrID == "" || nameOrID == "." || nameOrID == ".." || strings.Contains(nameOrID, "/") {
		return network.Inspect{}, &Error{Op: op, Object: nameOrID, kind: errdefs.ErrNotFound, text: "this is not the name of a network"}
	}
	var found network.Inspect
	err := c.call(ctx, op, nameOrID, networkInspectLimit, func(ctx context.Context, api *client.Client) (err error) {
		found, err = api.NetworkInspect(ctx, nameOrID, network.InspectOptions{})
		return err
	})
	return found, err
}
