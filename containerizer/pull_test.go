package containerizer

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"

	puller "mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// withPuller gives a server a Puller of its own.
func withPuller(t *testing.T, o puller.Options) func(*Options) {
	return func(options *Options) {
		t.Helper()
		o.Engine, o.InactivityTimeout = options.Engine, time.Minute
		images, err := puller.New(o)
		if err != nil {
			t.Fatal(err)
		}
		options.Images = images
	}
}

// An image that the policy forces to be pulled and whose registry is away is used as it is, and TASK_RUNNING is to say so.
func TestCachedImageIsNoted(t *testing.T) {
	h := newHost(t, withPuller(t, puller.Options{Policy: puller.PolicyAlways, Fallback: puller.FallbackCached}))
	ref := "registry.invalid/mdc-" + strings.ToLower(rand.Text()) + ":v1"
	if err := h.docker.ImageTag(t.Context(), environment.Busybox(t), ref); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = h.docker.ImageRemove(context.Background(), ref, image.RemoveOptions{})
	})
	e := h.newExecutor()
	e.launch(dockerTask(t, ref, "true"))
	if running := e.awaitRunning(); !strings.Contains(running.Note, ref) || !strings.Contains(running.Note, "may be out of date") {
		t.Errorf("note %q", running.Note)
	}
	e.awaitExit()
	e.done()
	h.awaitNoContainers()
}

func TestImageThatMayNotBePulled(t *testing.T) {
	h := newHost(t, withPuller(t, puller.Options{Policy: puller.PolicyNever}))
	e := h.newExecutor()
	e.launch(dockerTask(t, "registry.invalid/absent:v1", "true"))
	exit := e.awaitExit()
	if exit.Outcome != wire.OutcomeFailed || exit.Fault != wire.FaultTask || !strings.Contains(exit.Message, "pull_policy=never") {
		t.Errorf("%+v", exit)
	}
	e.done()
}

// How often progress is told is the daemon's to say, and the executor's to keep.
func TestProgressIntervalIsHandedOn(t *testing.T) {
	h := newHost(t, func(o *Options) { o.ProgressInterval = 42 * time.Second })
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "true"))
	accepted := e.next().Accepted
	if accepted == nil || accepted.ProgressInterval == nil || *accepted.ProgressInterval != 42*time.Second {
		t.Errorf("%+v", accepted)
	}
	e.awaitExit()
	e.done()
	h.awaitNoContainers()
}
