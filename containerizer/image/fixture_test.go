package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	dockerimage "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/test/dockerregistry"
)

// realSocket is the socket of the Engine in DOCKER_HOST. Without one the test is skipped, but in CI it fails.
func realSocket(t testing.TB) string {
	t.Helper()
	socket, found := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	if found {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
			return socket
		}
		t.Logf("DOCKER_HOST: %v", err)
	}
	missing(t, "this test needs a Docker Engine: set DOCKER_HOST to unix:///its/socket")
	return ""
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip("SKIPPED: " + what)
}

func newEngine(t testing.TB, socket string) *engine.Client {
	t.Helper()
	c, err := engine.New(engine.Options{Socket: socket, Logger: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// host is an Engine with a registry beside it.
type host struct {
	socket   string
	registry *dockerregistry.Registry
	bare     *client.Client
}

func newHost(t *testing.T, o dockerregistry.Options) *host {
	t.Helper()
	h := &host{socket: realSocket(t), registry: dockerregistry.New(t, o)}
	var err error
	h.bare, err = client.NewClientWithOpts(client.WithHost("unix://"+h.socket), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.bare.Close() })
	return h
}

// publish puts an image of one layer of random content into the registry, under a new name, and removes it from the Engine.
func (h *host) publish(t *testing.T, size int) (ref string) {
	t.Helper()
	ref = h.registry.Address + "/mdc-image-" + strings.ToLower(rand.Text()[:12]) + ":v1"
	h.push(t, ref, size)
	h.remove(t, ref)
	return ref
}

// push makes a new image, tags it and pushes it.
func (h *host) push(t *testing.T, ref string, size int) {
	t.Helper()
	content := make([]byte, size)
	_, _ = rand.Read(content)
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "content", Mode: 0o644, Size: int64(size)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	drain := func(stream io.ReadCloser, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		said, err := io.ReadAll(stream)
		if err != nil || bytes.Contains(said, []byte(`"error"`)) {
			t.Fatalf("%v: %s", err, said)
		}
	}
	drain(h.bare.ImageImport(t.Context(), dockerimage.ImportSource{Source: &layer, SourceName: "-"}, ref, dockerimage.ImportOptions{}))
	t.Cleanup(func() {
		_, _ = h.bare.ImageRemove(context.Background(), ref, dockerimage.RemoveOptions{Force: true}) // it may be gone
	})
	h.registry.Push(t, ref, ref)
}

func (h *host) remove(t *testing.T, ref string) {
	t.Helper()
	if _, err := h.bare.ImageRemove(t.Context(), ref, dockerimage.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
}

// removeImage takes an image out of the Engine, if it is there.
func removeImage(socket, ref string) {
	c, err := client.NewClientWithOpts(client.WithHost("unix://"+socket), client.WithAPIVersionNegotiation())
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.ImageRemove(context.Background(), ref, dockerimage.RemoveOptions{Force: true}) // it may be gone
}

func itoa(n int) string { return strconv.Itoa(n) }
