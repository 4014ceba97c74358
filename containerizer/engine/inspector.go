package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
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
	return ask(ctx, c, op, nameOrID, networkInspectLimit, func(ctx context.Context, api *client.Client) (network.Inspect, error) {
		return api.NetworkInspect(ctx, nameOrID, network.InspectOptions{})
	})
}

// InspectVolume returns what the Engine has under the name of a volume. Where there is none errdefs.IsNotFound holds, for a name
// that no volume can have IsInvalid. Volume drivers other than the Engine's own are asked, too.
func (c *Client) InspectVolume(ctx context.Context, name string) (volume.Volume, error) {
	const op = "inspect volume"
	// Drivers may take names that the Engine's own does not, but one that leads elsewhere as a path is no name.
	if name == "" || slices.ContainsFunc(strings.Split(name, "/"), func(s string) bool { return s == "" || s == "." || s == ".." }) {
		return volume.Volume{}, &Error{Op: op, Object: name, kind: errdefs.ErrInvalidArgument, text: "this is not the name of a volume"}
	}
	return ask(ctx, c, op, name, volumeInspectLimit, func(ctx context.Context, api *client.Client) (volume.Volume, error) {
		found, err := api.VolumeInspect(ctx, name)
		if err == nil && found.Name != name {
			err = errors.New("the answer is about another volume")
		}
		return found, err
	})
}
