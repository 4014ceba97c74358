package engine

import (
	"context"
	"testing"

	"github.com/docker/docker/api/types/container"
)

// launcher is create, start and inspect of one container, followed by its removal out of the measured time.
type launcher func(ctx context.Context, b *testing.B)

func clientLauncher(c *Client, ref string) launcher {
	return func(ctx context.Context, b *testing.B) {
		id, _, err := c.Create(ctx, uniqueName(), shell(ref, "sleep 1000"), &container.HostConfig{NetworkMode: "host"}, nil, nil)
		if err != nil {
			b.Error(err)
			return
		}
		if err := c.Start(ctx, id); err != nil {
			b.Error(err)
		}
		if _, err := c.Inspect(ctx, id); err != nil {
			b.Error(err)
		}
		b.Cleanup(func() { _ = c.Remove(context.Background(), id) })
	}
}

func bareLauncher(b *testing.B, socket, ref string) launcher {
	api := bareClient(b, socket)
	return func(ctx context.Context, b *testing.B) {
		host := &container.HostConfig{NetworkMode: "host"}
		created, err := api.ContainerCreate(ctx, shell(ref, "sleep 1000"), host, nil, nil, uniqueName())
		if err != nil {
			b.Error(err)
			return
		}
		if err := api.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
			b.Error(err)
		}
		if _, err := api.ContainerInspect(ctx, created.ID); err != nil {
			b.Error(err)
		}
		b.Cleanup(func() {
			_ = api.ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true})
		})
	}
}

// BenchmarkLaunch compares create, start and inspect on a real Engine with those of the bare docker client.
func BenchmarkLaunch(b *testing.B) {
	socket := realSocket(b)
	ref := busyboxImage(b, socket)
	for name, launch := range map[string]launcher{
		"ours": clientLauncher(newClient(b, socket), ref),
		"bare": bareLauncher(b, socket, ref),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				launch(b.Context(), b)
			}
		})
	}
}

// BenchmarkCall compares what a call costs on our side, with an Engine that answers at once.
func BenchmarkCall(b *testing.B) {
	d := newDouble(b, "", engineOf("1.41", answerInspect))
	c, api := newClient(b, d.socket), bareClient(b, d.socket)
	for name, call := range map[string]func(context.Context) error{
		"ours": func(ctx context.Context) error { return inspect(ctx, c) },
		"bare": func(ctx context.Context) error { _, err := api.ContainerInspect(ctx, "c1"); return err },
	} {
		run := func(parallelism int) func(*testing.B) {
			return func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(parallelism)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := call(b.Context()); err != nil {
							b.Error(err)
						}
					}
				})
			}
		}
		b.Run(name+"/few", run(1))
		b.Run(name+"/many", run(25))
	}
}
