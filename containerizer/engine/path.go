package engine

import (
	"context"
	"os"

	"github.com/containerd/platforms"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// linkChain is how many symbolic links are followed; a program is behind a few.
const linkChain = 10

// StatPath returns what is at an absolute path in a container, whether it runs or not; symbolic links are followed. Where there is
// nothing the error is IsNotFound.
func (c *Client) StatPath(ctx context.Context, idOrName, path string) (os.FileMode, error) {
	var mode os.FileMode
	err := c.containerCall(ctx, "look at a path in container", idOrName, copyLimit, func(ctx context.Context, api *client.Client) error {
		var found container.PathStat
		for range linkChain {
			var err error
			if found, err = api.ContainerStatPath(ctx, idOrName, path); err != nil {
				return err
			}
			if found.Mode&os.ModeSymlink == 0 || found.LinkTarget == path {
				break
			}
			path = found.LinkTarget
		}
		mode = found.Mode
		return nil
	})
	return mode, err
}

// Runs reports whether the host's processor runs programs of a platform by itself.
func (i Info) Runs(of ocispec.Platform) bool {
	return platforms.Only(i.Platform).Match(platforms.Normalize(of))
}
