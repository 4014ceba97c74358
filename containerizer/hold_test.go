package containerizer

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"

	puller "mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
	"mesos-docker-containerizer/test/fakeengine"
)

// From before its container is created until it is, and as long as there is one, no clean-up takes a task's image.
func TestImageOfATaskIsKept(t *testing.T) {
	environment.Exclusive(t, environment.ImageCleanUp)
	proxy := fakeengine.New(t, environment.Socket(t))
	h := newHost(t, func(o *Options) {
		failing := hostOptions(t, proxy.Socket)
		o.Engine, o.Images = failing.Engine, failing.Images
	})
	ref := h.pulledImage()
	collector, err := puller.NewCollector(puller.CollectorOptions{Store: h.options.Engine, Puller: h.options.Images, Delay: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	verdict := func() puller.Verdict {
		t.Helper()
		report, err := collector.Scan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, judged := range report.Images {
			if len(judged.Names) == 1 && judged.Names[0] == ref {
				return judged.Verdict
			}
		}
		return ""
	}
	if v := verdict(); v != puller.Due {
		t.Errorf("before: %q", v)
	}
	proxy.Fault(fakeengine.Hang, http.MethodPost, `/containers/create`, 1)
	e := h.newExecutor()
	e.launch(dockerTask(t, ref, "sleep 1000"))
	environment.Eventually(t, patience, "the create", func() bool { return proxy.Count(http.MethodPost, `/containers/create`) > 0 })
	if v := verdict(); v != puller.Held {
		t.Errorf("while the container is created: %q", v)
	}
	proxy.Release()
	e.awaitRunning()
	if v := verdict(); v != puller.InUse {
		t.Errorf("while the task runs: %q", v)
	}
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	e.awaitExit()
	if v := verdict(); v != puller.InUse {
		t.Errorf("while the container is there: %q", v)
	}
	e.done()
	h.awaitNoContainers()
	if v := verdict(); v != puller.Due {
		t.Errorf("afterwards: %q", v)
	}
}

// pulledImage is one that has the names which an image gets that is pulled for a task; see docs/images.md.
func (h *host) pulledImage() (ref string) {
	h.t.Helper()
	built := environment.Image(h.t, testimage.Spec{Cmd: []string{rand.Text()}})
	ref = "registry.invalid/" + fmt.Sprintf("%x", sha256.Sum256([]byte(built)))[:12] + ":v1"
	mark := sha256.Sum256([]byte(ref))
	names := []string{ref, fmt.Sprintf("mesos-docker-containerizer.invalid/pulled:%x", mark[:16])}
	for _, name := range names {
		if err := h.docker.ImageTag(h.t.Context(), built, name); err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(func() {
			if _, err := h.docker.ImageRemove(context.Background(), name, image.RemoveOptions{}); err != nil {
				h.t.Error(err)
			}
		})
	}
	if _, err := h.docker.ImageRemove(h.t.Context(), built, image.RemoveOptions{}); err != nil {
		h.t.Fatal(err)
	}
	return ref
}
