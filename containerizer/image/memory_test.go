package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer/image"
)

// memoryRegistry is a registry in this process that has one image, "app:v1" and "app@digest", and fails as a test wants. It
// speaks the part of the protocol that a pull needs.
type memoryRegistry struct {
	address string
	socket  string // of the Engine

	// fault, if not nil, sees a request first and says whether it has dealt with it.
	fault func(w http.ResponseWriter, r *http.Request) bool

	mu        sync.Mutex
	requests  []string // guarded by mu: "GET /v2/app/manifests/v1"
	blobs     map[string][]byte
	manifests map[string][]byte // by tag and digest
	layer     string            // digest of the only layer
}

// someLayer is the size of the layer of an image, several times the MiB in whose steps some Engines tell of progress.
const someLayer = 3 << 20

func newMemoryRegistry(t *testing.T) *memoryRegistry {
	t.Helper()
	r := &memoryRegistry{socket: realSocket(t), blobs: map[string][]byte{}, manifests: map[string][]byte{}}
	server := httptest.NewServer(r)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	r.address = server.Listener.Addr().String()
	r.manifests["v1"] = r.makeImage("amd64")
	return r
}

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// blob stores a blob and returns what a manifest says of it.
func (r *memoryRegistry) blob(mediaType string, content []byte) map[string]any {
	r.blobs[digestOf(content)] = content
	return map[string]any{"mediaType": mediaType, "size": len(content), "digest": digestOf(content)}
}

const manifestType = "application/vnd.docker.distribution.manifest.v2+json"

// makeImage stores an image with one layer of random content and returns its manifest.
func (r *memoryRegistry) makeImage(architecture string) []byte {
	content := make([]byte, someLayer)
	_, _ = rand.Read(content)
	var plain, packed bytes.Buffer
	archive := tar.NewWriter(&plain)
	_ = archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "content", Mode: 0o644, Size: int64(len(content))})
	_, _ = archive.Write(content)
	_ = archive.Close()
	zip, _ := gzip.NewWriterLevel(&packed, gzip.NoCompression)
	_, _ = zip.Write(plain.Bytes())
	_ = zip.Close()

	config, _ := json.Marshal(map[string]any{
		"architecture": architecture, "os": "linux", "config": map[string]any{"Cmd": []string{"/content"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digestOf(plain.Bytes())}},
	})
	r.layer = digestOf(packed.Bytes())
	manifest, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": r.blob("application/vnd.docker.container.image.v1+json", config),
		"layers": []any{r.blob("application/vnd.docker.image.rootfs.diff.tar.gzip", packed.Bytes())},
	})
	r.manifests[digestOf(manifest)] = manifest
	return manifest
}

func (r *memoryRegistry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, q.Method+" "+q.URL.Path)
	r.mu.Unlock()
	if r.fault != nil && r.fault(w, q) {
		return
	}
	kind, name := "", ""
	if parts := strings.Split(q.URL.Path, "/"); len(parts) > 4 {
		kind, name = parts[len(parts)-2], parts[len(parts)-1]
	}
	switch {
	case q.URL.Path == "/v2/":
		_, _ = w.Write([]byte("{}"))
	case kind == "manifests" && r.manifests[name] != nil:
		manifest := r.manifests[name]
		var typed struct{ MediaType string }
		_ = json.Unmarshal(manifest, &typed)
		w.Header().Set("Content-Type", typed.MediaType)
		w.Header().Set("Docker-Content-Digest", digestOf(manifest))
		http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(manifest))
	case kind == "blobs" && r.blobs[name] != nil:
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(r.blobs[name]))
	default:
		answer(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
	}
}

// answer is an error in the form of the protocol.
func answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"as the test wants"}]}`, code)
}

// count counts the requests so far whose method and path have the parts.
func (r *memoryRegistry) count(parts ...string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, request := range r.requests {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(request, part)
		}
		if all {
			n++
		}
	}
	return n
}

// times is a fault that happens the first n times that a request for a kind of thing comes.
func times(n int, kind string, fault http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/"+kind+"/") {
			return false
		}
		mu.Lock()
		n--
		again := n >= 0
		mu.Unlock()
		if again {
			fault(w, r)
		}
		return again
	}
}

// always is more often than any pull asks.
const always = 1 << 30

func status(code int, name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, code, name) }
}

// cut closes the connection without an answer.
func cut(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func (r *memoryRegistry) ref() string { return r.address + "/app:v1" }

// puller is a Puller on the Engine, with options as given.
func (r *memoryRegistry) puller(t *testing.T, o image.Options) *image.Puller {
	t.Helper()
	o.Engine = newEngine(t, r.socket)
	if o.InactivityTimeout == 0 {
		o.InactivityTimeout = time.Minute
	}
	p, err := image.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p.Hurry()
}

// pull pulls the image, and removes it at the end of the test.
func (r *memoryRegistry) pull(t *testing.T, o image.Options) error {
	t.Helper()
	t.Cleanup(func() { removeImage(r.socket, r.ref()) })
	_, err := r.puller(t, o).Pull(t.Context(), image.Request{Reference: r.ref()})
	return err
}
