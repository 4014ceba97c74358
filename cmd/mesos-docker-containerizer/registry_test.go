package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"mesos-docker-containerizer/test/environment"
)

// registry is as much of an image registry as a pull needs. It has one image, which has one layer; the second half of that is
// held back until the test lets go of it.
type registry struct {
	reference string
	manifest  []byte
	blobs     map[string][]byte
	layer     string // digest of what is held back
	letGo     chan struct{}
	release   func() // closes letGo, once
}

// layerSize is large enough that the Engine reports progress within it, in bytes.
const layerSize = 4 << 20

func digestOf(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// firstHalf sends half of the layer, no faster than the Engine reports, and returns the other half once it may be sent.
func (r *registry) firstHalf(w http.ResponseWriter, request *http.Request, blob []byte) []byte {
	ticker := time.NewTicker(150 * time.Millisecond)
	defer ticker.Stop()
	const pieces = 8
	for range pieces / 2 {
		_, _ = w.Write(blob[:layerSize/pieces])
		_ = http.NewResponseController(w).Flush()
		blob = blob[layerSize/pieces:]
		select {
		case <-ticker.C:
		case <-request.Context().Done():
		}
	}
	select {
	case <-r.letGo:
	case <-request.Context().Done():
	}
	return blob
}

// startRegistry listens on the loopback, from where Engines pull without TLS.
func startRegistry(t *testing.T) *registry {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	content := make([]byte, layerSize)
	rand.Read(content)
	if err := w.WriteHeader(&tar.Header{Name: "content", Mode: 0o644, Size: layerSize}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := &registry{blobs: map[string][]byte{}, layer: digestOf(layer.Bytes()), letGo: make(chan struct{})}
	r.release = sync.OnceFunc(func() { close(r.letGo) })
	config := fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","config":{"Cmd":["/content"]},"rootfs":{"type":"layers","diff_ids":[%q]}}`, r.layer)
	r.blobs[r.layer], r.blobs[digestOf(config)] = layer.Bytes(), config
	r.manifest = fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,
		"config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":%d,"digest":%q},
		"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar","size":%d,"digest":%q}]}`,
		manifestType, len(config), digestOf(config), layer.Len(), r.layer)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	t.Cleanup(r.release) // first: nobody may wait for the rest when the server closes
	r.reference = strings.TrimPrefix(server.URL, "http://") + "/" + unique(t) + ":1"
	engine := environment.Engine(t)
	t.Cleanup(func() {
		_, err := engine.ImageRemove(context.Background(), r.reference, image.RemoveOptions{})
		if err != nil && !errdefs.IsNotFound(err) {
			t.Error(err)
		}
	})
	return r
}

const manifestType = "application/vnd.docker.distribution.manifest.v2+json"

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	switch path := request.URL.Path; {
	case path == "/v2/":
	case strings.Contains(path, "/manifests/"):
		w.Header().Set("Content-Type", manifestType)
		w.Header().Set("Docker-Content-Digest", digestOf(r.manifest))
		_, _ = w.Write(r.manifest)
	case strings.Contains(path, "/blobs/"):
		digest := path[strings.LastIndexByte(path, '/')+1:]
		blob, ok := r.blobs[digest]
		if !ok {
			http.NotFound(w, request)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
		if digest == r.layer {
			blob = r.firstHalf(w, request, blob)
		}
		_, _ = w.Write(blob) // an Engine that went away has no need of it
	default:
		http.NotFound(w, request)
	}
}
