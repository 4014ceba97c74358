package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

const removeLimit = 30 * time.Second

// engine is the demo's own look at the Docker Engine.
type engine struct{ *client.Client }

func connect() (*engine, error) {
	c, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	return &engine{c}, err
}

// standIn builds an image under the tag unless there is one. The returned function removes what was built.
func (e *engine) standIn(ctx context.Context, tag string) (remove func() error, err error) {
	nothing := func() error { return nil }
	if _, err = e.ImageInspect(ctx, tag); err == nil || !errdefs.IsNotFound(err) {
		return nothing, err
	}
	build := exec.CommandContext(ctx, "go", "run", "./test/environment/cmd/images", tag)
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		return nothing, fmt.Errorf("build a stand-in for %s: %w", tag, err)
	}
	return func() error { return e.removeImage(context.WithoutCancel(ctx), tag) }, nil
}

// removeImage removes an image under all its tags.
func (e *engine) removeImage(ctx context.Context, tag string) error {
	ctx, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	built, err := e.ImageInspect(ctx, tag)
	if err != nil {
		return fmt.Errorf("remove the stand-in: %w", err)
	}
	for _, each := range built.RepoTags {
		if _, removeErr := e.ImageRemove(ctx, each, image.RemoveOptions{}); removeErr != nil {
			err = errors.Join(err, fmt.Errorf("remove the stand-in: %w", removeErr))
		}
	}
	return err
}

// checkNothingLeft fails if a container of one of the tasks exists.
func (e *engine) checkNothingLeft(ctx context.Context, tasks map[string]*task) error {
	for id := range tasks {
		left, err := e.ContainerList(ctx, container.ListOptions{
			All:     true,
			Filters: filters.NewArgs(filters.Arg("label", "mesos-docker-containerizer.task="+id)),
		})
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("container %s of task %s is left behind", left[0].ID, id)
		}
	}
	return nil
}
