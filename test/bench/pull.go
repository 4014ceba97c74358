package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/hashicorp/go-multierror"
)

// pullFigures measures launches at once of an image that is absent, which is what a framework does that scales an app up on a
// new host. The baseline is what the agent's own containerizer does: a pull for each task, then create, start and inspect.
func (b *bench) pullFigures(ctx context.Context, h *host, docker *client.Client) error {
	fmt.Fprintf(os.Stderr, "%d rounds of %d launches at once of an absent image of %d MB\n", b.rounds, b.parallel, layerSize>>20)
	r, err := newRegistry()
	if err != nil {
		return err
	}
	defer r.server.Close()
	present := h.image
	h.image = r.ref
	defer func() { h.image = present }()

	// The first pull of all teaches the Engine which blobs are layers that it has already.
	if err := pullImage(ctx, docker, r.ref); err != nil {
		return err
	}
	var took samples
	var ours, bare int64
	for range b.rounds {
		if err := removeImage(ctx, docker, r.ref); err != nil {
			return err
		}
		before := r.bytes.Load()
		launched, err := b.launchAbsent(ctx, h)
		if err != nil {
			return err
		}
		between := r.bytes.Load()
		if err := removeImage(ctx, docker, r.ref); err != nil {
			return err
		}
		pulled, err := b.pullAndRun(ctx, h, docker)
		if err != nil {
			return err
		}
		ours, bare = ours+between-before, bare+r.bytes.Load()-between
		took.add(launched, pulled)
	}
	if err := removeImage(ctx, docker, r.ref); err != nil {
		return err
	}
	bytes := figure{
		Name: fmt.Sprintf("pull_bytes_par%d", b.parallel), Unit: "MB", goal: "ratio 1",
		Value: megabytes(ours, b.rounds), Baseline: megabytes(bare, b.rounds),
	}
	if bytes.Baseline > 0 {
		bytes.Ratio = bytes.Value / bytes.Baseline
	}
	b.figures = append(b.figures, took.figure(fmt.Sprintf("launch_absent_par%d", b.parallel), ""), bytes)
	return nil
}

func megabytes(n int64, rounds int) float64 { return float64(n) / float64(rounds) / (1 << 20) }

// launchAbsent launches tasks at once and returns how long the last took to run.
func (b *bench) launchAbsent(ctx context.Context, h *host) (time.Duration, error) {
	tasks, _, err := h.subscribeAll(ctx, h.tasks(b.parallel, false))
	if err != nil {
		return 0, err
	}
	took, err := h.launch(ctx, tasks)
	if err != nil {
		return 0, err
	}
	return took, h.end(ctx, tasks)
}

// pullAndRun is the baseline: all at once, each pulls and runs.
func (b *bench) pullAndRun(ctx context.Context, h *host, docker *client.Client) (time.Duration, error) {
	specs, err := h.specs(ctx, b.parallel, false)
	if err != nil {
		return 0, err
	}
	pause(ctx, settle)
	ids := make([]string, len(specs))
	began := time.Now()
	var group multierror.Group
	for i, spec := range specs {
		group.Go(func() error {
			if err := pullImage(ctx, docker, spec.Image); err != nil {
				return err
			}
			id, _, err := h.engine.Create(ctx, spec.Name, spec.Config, spec.HostConfig, spec.Networking, spec.Platform)
			if err != nil {
				return err
			}
			ids[i] = id
			if err := h.engine.Start(ctx, id); err != nil {
				return err
			}
			_, err = h.engine.Inspect(ctx, id)
			return err
		})
	}
	err = group.Wait().ErrorOrNil()
	took := time.Since(began)
	var made []string
	for _, id := range ids {
		if id != "" {
			made = append(made, id)
		}
	}
	return took, errors.Join(err, h.remove(ctx, made))
}

func pullImage(ctx context.Context, docker *client.Client, ref string) error {
	stream, err := docker.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return err
	}
	defer stream.Close()
	_, err = io.Copy(io.Discard, stream)
	return err
}

// removeImage waits for the containers of the tasks before to be gone, which their image cannot go without.
func removeImage(ctx context.Context, docker *client.Client, ref string) error {
	for range 100 {
		_, err := docker.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if !errdefs.IsConflict(err) || ctx.Err() != nil {
			return err
		}
		pause(ctx, settle)
	}
	return fmt.Errorf("image %s stays in use", ref)
}
