package engine

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// launch is create, start and inspect of one container.
type launch func(ctx context.Context, name string) error

func ourLaunch(c *Client, ref string) launch {
	return func(ctx context.Context, name string) error {
		id, _, err := c.Create(ctx, name, shell(ref, "sleep 1000"), &container.HostConfig{NetworkMode: "host"}, nil, nil)
		if err != nil {
			return err
		}
		if err := c.Start(ctx, id); err != nil {
			return err
		}
		_, err = c.Inspect(ctx, id)
		return err
	}
}

func bareLaunch(api *client.Client, ref string) launch {
	return func(ctx context.Context, name string) error {
		host := &container.HostConfig{NetworkMode: "host"}
		created, err := api.ContainerCreate(ctx, shell(ref, "sleep 1000"), host, nil, nil, name)
		if err != nil {
			return err
		}
		if err := api.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
			return err
		}
		_, err = api.ContainerInspect(ctx, created.ID)
		return err
	}
}

// BenchmarkLaunch compares create, start and inspect on a real Engine with those of the bare docker client, in turn, so that
// whatever else the machine does slows both. "ratio" is the median of ours over that of the bare client's.
func BenchmarkLaunch(b *testing.B) {
	socket := realSocket(b)
	ref := busyboxImage(b, socket)
	c := newClient(b, socket)
	ways := []launch{ourLaunch(c, ref), bareLaunch(bareClient(b, socket), ref)}
	took := make([][]time.Duration, len(ways))
	for turn := 0; b.Loop(); turn++ {
		for i := range ways {
			way, name := (i+turn)%len(ways), uniqueName()
			started := time.Now()
			if err := ways[way](b.Context(), name); err != nil {
				b.Error(err)
			}
			took[way] = append(took[way], time.Since(started))
			if err := c.Remove(b.Context(), name); err != nil {
				b.Error(err)
			}
		}
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return d[len(d)/2].Seconds() * 1000
	}
	ours, bare := median(took[0]), median(took[1])
	b.ReportMetric(ours, "ours-ms")
	b.ReportMetric(bare, "bare-ms")
	b.ReportMetric(ours/bare, "ratio")
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
