package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
	if os.Getenv("CI") == "true" {
		t.Fatal("this test needs a Docker Engine: set DOCKER_HOST to unix:///its/socket")
	}
	t.Skip("SKIPPED: no Docker Engine; set DOCKER_HOST to unix:///its/socket")
	return ""
}

func newClient(t testing.TB, socket string) *Client {
	t.Helper()
	c, err := New(Options{Socket: socket, Logger: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// bareClient is the docker client as anybody would make it, for set-up and for comparison.
func bareClient(t testing.TB, socket string) *client.Client {
	t.Helper()
	api, err := client.NewClientWithOpts(client.WithHost("unix://"+socket), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Close() })
	return api
}

// uniqueName is a name that no other test uses on the same Engine.
func uniqueName() string { return "mdc-engine-" + strings.ToLower(rand.Text()[:12]) }

// busyboxImage imports an image of one static program and removes it after the test.
func busyboxImage(t testing.TB, socket string) string {
	t.Helper()
	program, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("SKIPPED: the test image is made from busybox-static: %v", err)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	write := func(h *tar.Header, content []byte) {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	write(&tar.Header{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755}, nil)
	write(&tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755, Size: int64(len(program))}, program)
	write(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/sh", Linkname: "busybox"}, nil)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	api, ref := bareClient(t, socket), uniqueName()+":test"
	stream, err := api.ImageImport(t.Context(), image.ImportSource{Source: &layer, SourceName: "-"}, ref, image.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if _, err := io.Copy(io.Discard, stream); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := api.ImageRemove(context.Background(), ref, image.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	return ref
}

// shell is the configuration of a container that runs a script.
func shell(ref, script string) *container.Config {
	return &container.Config{Image: ref, Cmd: []string{"/bin/sh", "-c", script}}
}

// create creates a container on the real Engine and removes it after the test.
func create(t testing.TB, c *Client, cfg *container.Config, host *container.HostConfig) (id, name string) {
	t.Helper()
	name = uniqueName()
	if host == nil {
		host = &container.HostConfig{NetworkMode: "none"}
	}
	id, _, err := c.Create(t.Context(), name, cfg, host, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Remove(context.Background(), id); err != nil {
			t.Error(err)
		}
	})
	return id, name
}

func start(t testing.TB, c *Client, id string) {
	t.Helper()
	if err := c.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// double is an Engine that answers as the test says. Its version, in Api-Version, can change.
type double struct {
	*httptest.Server
	socket string
}

// newDouble starts a double whose handler also gets the pings.
func newDouble(t testing.TB, socket string, handler http.Handler, configure ...func(*http.Server)) *double {
	t.Helper()
	if socket == "" {
		socket = filepath.Join(t.TempDir(), "engine.sock")
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	_ = s.Listener.Close()
	s.Listener = listener
	for _, set := range configure {
		set(s.Config)
	}
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return &double{Server: s, socket: socket}
}

// engineOf makes a handler that answers pings with a version and leaves the rest to next.
func engineOf(version string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_ping" {
			w.Header().Set("Api-Version", version)
			return
		}
		next(w, r)
	})
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

const inspectAnswer = `{"Id":"c1","Name":"/c1","State":{"Status":"running"},"Config":{}}`

func answerInspect(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintln(w, inspectAnswer)
}

// within fails the test when something that must happen does not.
func within(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: not within 30s", what)
	}
}
