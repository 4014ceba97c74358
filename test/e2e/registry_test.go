package e2e

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

// tagged counts the tests that use a name, which is taken away after the last.
var tagged = struct {
	sync.Mutex
	uses map[string]int
}{uses: map[string]int{}}

// tag gives an image of a test a further name until the test ends. A name that another image has stays with that.
func (h *host) tag(t *testing.T, reference string, spec testimage.Spec) {
	t.Helper()
	built := environment.Image(t, spec)
	tagged.Lock()
	defer tagged.Unlock()
	found, err := h.docker.ImageInspect(t.Context(), reference)
	if err == nil && (found.Config == nil || found.Config.Labels[testimage.Label] == "") {
		t.Skipf("NOT TESTED: %s names an image in this Engine that is not a test's", reference)
	}
	if err := h.docker.ImageTag(t.Context(), built, reference); err != nil {
		t.Fatal(err)
	}
	tagged.uses[reference]++
	t.Cleanup(func() {
		tagged.Lock()
		defer tagged.Unlock()
		if tagged.uses[reference]--; tagged.uses[reference] == 0 {
			h.forget(t, reference)
		}
	})
}

// forget takes away a name and what a push or pull has added to it: the digests under which a registry has the image.
func (h *host) forget(t *testing.T, reference string) {
	ctx := context.WithoutCancel(t.Context())
	names := []string{reference}
	repository := reference
	if at := strings.LastIndex(reference, ":"); at > strings.LastIndex(reference, "/") {
		repository = reference[:at]
	}
	images, err := h.docker.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", testimage.Label))})
	if err != nil {
		t.Errorf("list images: %v", err)
	}
	for _, i := range images {
		for _, digest := range i.RepoDigests {
			if strings.HasPrefix(digest, repository+"@") {
				names = append(names, digest)
			}
		}
	}
	for _, name := range names {
		if _, err := h.docker.ImageRemove(ctx, name, image.RemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
			t.Errorf("remove image: %v", err)
		}
	}
}

// push puts an image that prints a word into a registry; the Engine keeps the tag until the test ends.
func (h *host) push(t *testing.T, reference, word string) {
	t.Helper()
	h.tag(t, reference, testimage.Spec{Cmd: []string{"echo", word}})
	auth, err := registry.EncodeAuthConfig(registry.AuthConfig{})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := h.docker.ImagePush(t.Context(), reference, image.PushOptions{RegistryAuth: auth})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if said, err := io.ReadAll(stream); err != nil || bytes.Contains(said, []byte(`"error"`)) {
		t.Fatalf("push: %v: %s", err, said)
	}
}

// untag takes a tag away from the Engine.
func (h *host) untag(t *testing.T, reference string) {
	t.Helper()
	if _, err := h.docker.ImageRemove(t.Context(), reference, image.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
}

// silentRegistry accepts connections and says nothing on them.
func silentRegistry(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		var held []net.Conn
		for {
			c, err := listener.Accept()
			if err != nil {
				break
			}
			held = append(held, c)
		}
		for _, c := range held {
			c.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-accepted })
	return listener.Addr().String()
}
