package containerizer

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"

	puller "mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// withPuller gives a server a Puller of its own.
func withPuller(t *testing.T, o puller.Options) func(*Options) {
	return func(options *Options) {
		t.Helper()
		o.Engine, o.InactivityTimeout, o.Observer = options.Engine, time.Minute, options.Metrics
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
	ref := h.presentImage()
	e := h.newExecutor()
	e.launch(dockerTask(t, ref, "true"))
	if running := e.awaitRunning(); !strings.Contains(running.Note, ref) || !strings.Contains(running.Note, "may be out of date") {
		t.Errorf("note %q", running.Note)
	}
	e.awaitExit()
	e.done()
	h.awaitNoContainers()
}

// presentImage is an image whose registry wants to be left alone for longer than a pull waits. (What is said of a registry that
// does not exist depends on the resolver that the Engine was built with.)
func (h *host) presentImage() (ref string) {
	h.t.Helper()
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "86400")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	h.t.Cleanup(registry.Close)
	ref = registry.Listener.Addr().String() + "/mdc-" + strings.ToLower(rand.Text()) + ":v1"
	if err := h.docker.ImageTag(h.t.Context(), environment.Busybox(h.t), ref); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_, _ = h.docker.ImageRemove(context.Background(), ref, image.RemoveOptions{})
	})
	return ref
}

// The note is not lost with a daemon that ends between pull and start.
func TestNoteOutlivesTheDaemon(t *testing.T) {
	proxy := fakeengine.New(t, environment.Socket(t))
	h := newHost(t, func(o *Options) { o.Engine = hostOptions(t, proxy.Socket).Engine },
		withPuller(t, puller.Options{Policy: puller.PolicyAlways, Fallback: puller.FallbackCached}))
	ref := h.presentImage()
	proxy.Fault(fakeengine.Hang, http.MethodPost, `/containers/.*/start`, 1)
	e := h.newExecutor()
	e.launch(dockerTask(t, ref, "true"))
	environment.Eventually(t, patience, "the start", func() bool { return proxy.Count(http.MethodPost, `/containers/.*/start`) > 0 })
	h.restart()
	e.reconnect(h.socket)
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
