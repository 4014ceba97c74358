package dockercli

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"mesos-docker-containerizer/test/environment"
)

// patience bounds every wait for something that must happen, on a loaded machine.
const patience = time.Minute

// uniqueName is a name that an agent takes for its own, and no other test uses.
func uniqueName() string { return "mesos-dockercli-" + strings.ToLower(rand.Text()[:12]) }

// bench is a real Engine with containers of one test.
type bench struct {
	t     *testing.T
	api   *client.Client
	image string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return &bench{t: t, api: environment.Engine(t), image: environment.Busybox(t)}
}

// create makes a container of a shell script, as change wants it, under a name, and takes it away when the test ends.
func (b *bench) create(name, script string, change ...func(*container.Config, *container.HostConfig)) (id string) {
	b.t.Helper()
	config := &container.Config{Image: b.image, Cmd: []string{"/bin/sh", "-c", script}}
	host := &container.HostConfig{NetworkMode: "none"}
	for _, c := range change {
		c(config, host)
	}
	created, err := b.api.ContainerCreate(b.t.Context(), config, host, nil, nil, name)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { b.remove(created.ID) })
	return created.ID
}

// run is create and start.
func (b *bench) run(name, script string, change ...func(*container.Config, *container.HostConfig)) (id string) {
	b.t.Helper()
	id = b.create(name, script, change...)
	if err := b.api.ContainerStart(b.t.Context(), id, container.StartOptions{}); err != nil {
		b.t.Fatal(err)
	}
	return id
}

// remove takes a container away, if it is there.
func (b *bench) remove(name string) {
	b.t.Helper()
	err := b.api.ContainerRemove(context.Background(), name, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !errdefs.IsNotFound(err) {
		b.t.Error(err)
	}
}

// state is what the Engine says of a container: "running", "exited", or "absent".
func (b *bench) state(name string) string {
	b.t.Helper()
	found, err := b.api.ContainerInspect(b.t.Context(), name)
	if errdefs.IsNotFound(err) {
		return "absent"
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return found.State.Status
}

// awaitState waits until a container is in a state.
func (b *bench) awaitState(name, want string) {
	b.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); b.state(name) != want; {
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("container %s is %s, want %s", name, b.state(name), want)
		}
	}
}

func (b *bench) exitCode(name string) int {
	b.t.Helper()
	found, err := b.api.ContainerInspect(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	return found.State.ExitCode
}

// awaitFile waits until a file is in a container, by which a script says that it is ready.
func (b *bench) awaitFile(name, path string) {
	b.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); ; {
		_, err := b.api.ContainerStatPath(b.t.Context(), name, path)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("container %s is not ready: %v", name, err)
		}
	}
}
