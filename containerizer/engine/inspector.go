package engine

import (
	"context"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"
)

// Inspector lets the policy ask the Engine, in the Engine API's own types.
type Inspector struct{ Client *Client }

// Container is Client.Inspect.
func (i Inspector) Container(ctx context.Context, idOrName string) (container.InspectResponse, error) {
	c, err := i.Client.Inspect(ctx, idOrName)
	return c.InspectResponse, err
}

// Volume is Client.InspectVolume.
func (i Inspector) Volume(ctx context.Context, name string) (volume.Volume, error) {
	return i.Client.InspectVolume(ctx, name)
}
