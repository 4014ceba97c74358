package engine

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"
)

// ListImages returns the images that have names, or containers, and those that others are built on.
func (c *Client) ListImages(ctx context.Context) ([]image.Summary, error) {
	var list []image.Summary
	err := c.call(ctx, "list images", "", listLimit, func(ctx context.Context, api *client.Client) error {
		var err error
		list, err = api.ImageList(ctx, image.ListOptions{All: true})
		return err
	})
	return list, err
}

// ImagesInUse returns the names of the containers by the ids of the images that they were made of, in whatever state these are and
// whoever made them.
func (c *Client) ImagesInUse(ctx context.Context) (map[string][]string, error) {
	used := make(map[string][]string)
	err := c.call(ctx, "list containers", "", listLimit, func(ctx context.Context, api *client.Client) error {
		list, err := api.ContainerList(ctx, container.ListOptions{All: true})
		for _, c := range list {
			name := c.ID
			if len(c.Names) > 0 {
				name = strings.TrimPrefix(c.Names[0], "/")
			}
			used[c.ImageID] = append(used[c.ImageID], name)
		}
		return err
	})
	return used, err
}

// TagImage gives an image one more name, or the same once more.
func (c *Client) TagImage(ctx context.Context, ref, name string) error {
	return ofImage(c.call(ctx, "tag image", ref, imageInspectLimit, func(ctx context.Context, api *client.Client) error {
		return api.ImageTag(ctx, ref, name)
	}))
}

// RemoveImage takes a name from an image and removes it with the last one; by id it removes the image. IsConflict means that a
// container uses it, or that by id it has other names. One that does not exist is a success.
func (c *Client) RemoveImage(ctx context.Context, ref string) error {
	err := ofImage(c.call(ctx, "remove image", ref, RemoveLimit, func(ctx context.Context, api *client.Client) error {
		_, err := api.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
		return err
	}))
	if IsImageNotFound(err) {
		return nil
	}
	return err
}

// DiskUse is the share of the file system with the Engine's images that is in use, from 0 to 1. Engine and caller must see the
// same file systems.
func (c *Client) DiskUse(ctx context.Context) (float64, error) {
	info, err := c.Info(ctx)
	if err != nil {
		return 0, err
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(info.RootDirectory, &stat); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: info.RootDirectory, Err: err}
	}
	// Blocks that are kept for root count as neither: nobody else can use them.
	inUse := stat.Blocks - stat.Bfree
	if inUse+stat.Bavail == 0 {
		return 0, fmt.Errorf("file system of %s has no size", info.RootDirectory)
	}
	return float64(inUse) / float64(inUse+stat.Bavail), nil
}
