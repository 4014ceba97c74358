package image_test

import (
	"context"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/test/environment"
)

// The life of an image on a real Engine: pulled, held, used by a container, idle, gone; beside one that a person pulled.
func TestCollectOnTheEngine(t *testing.T) {
	environment.Exclusive(t, environment.ImageCleanUp)
	r := newMemoryRegistry(t)
	bare, err := client.NewClientWithOpts(client.WithHost("unix://"+r.socket), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bare.Close() })
	present := func(ref string) bool {
		t.Helper()
		_, err := bare.ImageInspect(t.Context(), ref)
		if err != nil && !errdefs.IsNotFound(err) {
			t.Fatal(err)
		}
		return err == nil
	}
	r.manifests["persons"] = r.makeImage("amd64")
	persons := r.address + "/app:persons"
	if err := pullError(t, r.puller(t, image.Options{}), persons); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeImage(r.socket, persons) })

	p := r.puller(t, image.Options{MarkPulled: true})
	collect := func(delay time.Duration) {
		t.Helper()
		c, err := image.NewCollector(image.CollectorOptions{Store: newEngine(t, r.socket), Puller: p, Delay: delay, Logger: zaptest.NewLogger(t)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	release := p.Hold(t.Context(), r.ref())
	if err := pullError(t, p, r.ref()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeImage(r.socket, r.ref()) })
	id := imageID(t, bare, r.ref())
	collect(time.Nanosecond)
	if !present(r.ref()) {
		t.Fatal("removed while it was held")
	}
	made, err := bare.ContainerCreate(t.Context(), &container.Config{Image: r.ref()}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	remove := func() {
		_ = bare.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true}) // it may be gone
	}
	t.Cleanup(remove)
	release()
	collect(time.Nanosecond)
	if !present(r.ref()) {
		t.Fatal("removed while a container used it")
	}
	remove()
	before := tagged(t, bare, id)
	collect(time.Hour)
	if !present(r.ref()) {
		t.Fatal("removed before its time")
	}
	// The use that the last collection noted is kept by the Engine.
	if after := tagged(t, bare, id); after.Before(before) || time.Since(after) > time.Minute {
		t.Errorf("last use at %v, before that %v", after, before)
	}
	collect(time.Nanosecond)
	if present(r.ref()) || present(id) {
		t.Error("not removed")
	}
	if !present(persons) {
		t.Error("an image that was pulled without a mark was removed")
	}
}

func imageID(t *testing.T, bare *client.Client, ref string) string {
	t.Helper()
	inspected, err := bare.ImageInspect(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return inspected.ID
}

func tagged(t *testing.T, bare *client.Client, id string) time.Time {
	t.Helper()
	inspected, err := bare.ImageInspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return inspected.Metadata.LastTagTime
}
