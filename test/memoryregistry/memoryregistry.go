// Package memoryregistry is an image registry in the process of a test, with one image that no other test has and that has a
// shell. It speaks the part of the protocol that a pull needs, asks for a login and holds a layer back if the test wants that, and
// counts what it was asked.
//
//	r := memoryregistry.New(t)
//	r.Gate = make(chan struct{})
//	pull(r.Ref())
//	r.AwaitDownload(t)
//	close(r.Gate)
//
// The Engine must be on the same host.
package memoryregistry

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	dockerimage "github.com/docker/docker/api/types/image"

	"mesos-docker-containerizer/test/environment"
)

// Registry is one registry with its image, "app:1".
type Registry struct {
	Address string
	Login   string        // "user:password"; empty lets everybody in
	Gate    chan struct{} // the layer is served when it is closed; nil for at once

	blobs    map[string][]byte
	manifest []byte
	layer    string // the digest of the layer that no other image has

	mu       sync.Mutex
	requests []string // guarded by mu: "GET /v2/app/manifests/1"
}

// patience bounds every wait for something that must happen, on a loaded machine.
const patience = time.Minute

// New serves a new image until the test ends, and takes it out of the Engine then.
func New(t testing.TB) *Registry {
	t.Helper()
	r := &Registry{blobs: map[string][]byte{}}
	r.fill(t)
	server, docker := httptest.NewServer(r), environment.Engine(t)
	r.Address = server.Listener.Addr().String()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		_, _ = docker.ImageRemove(context.Background(), r.Ref(), dockerimage.RemoveOptions{Force: true})
	})
	return r
}

// Ref is the image's name.
func (r *Registry) Ref() string { return r.Address + "/app:1" }

// ByDigest is the image by its content.
func (r *Registry) ByDigest() string { return r.Address + "/app@" + sum(r.manifest) }

func sum(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar"
)

// blob stores a blob and returns what a manifest says of it.
func (r *Registry) blob(mediaType string, content []byte) map[string]any {
	r.blobs[sum(content)] = content
	return map[string]any{"mediaType": mediaType, "size": len(content), "digest": sum(content)}
}

// fill makes the image: that of the tests with one layer more.
func (r *Registry) fill(t testing.TB) {
	t.Helper()
	var own bytes.Buffer
	w := tar.NewWriter(&own)
	name := rand.Text()
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "unique", Mode: 0o644, Size: int64(len(name))}); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(name))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r.layer = sum(own.Bytes())
	var layers, diffs []any
	for _, content := range append(savedLayers(t), own.Bytes()) {
		layers, diffs = append(layers, r.blob(layerType, content)), append(diffs, sum(content))
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Env": []string{"PATH=/bin"}, "Cmd": []string{"sh"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.manifest, err = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": r.blob("application/vnd.docker.container.image.v1+json", config), "layers": layers,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// savedLayers are the layers of the image of the tests.
func savedLayers(t testing.TB) (layers [][]byte) {
	t.Helper()
	stream, err := environment.Engine(t).ImageSave(t.Context(), []string{environment.Busybox(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	files := map[string][]byte{}
	for archive := tar.NewReader(stream); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
	var manifests []struct{ Layers []string }
	if err := json.Unmarshal(files["manifest.json"], &manifests); err != nil {
		t.Fatal(err)
	}
	for _, name := range manifests[0].Layers {
		layers = append(layers, files[name])
	}
	return layers
}

func (r *Registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, q.Method+" "+q.URL.Path)
	r.mu.Unlock()
	user, password, _ := q.BasicAuth()
	if r.Login != "" && user+":"+password != r.Login {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	blob, isBlob := strings.CutPrefix(q.URL.Path, "/v2/app/blobs/")
	name, isManifest := strings.CutPrefix(q.URL.Path, "/v2/app/manifests/")
	switch {
	case q.URL.Path == "/v2/":
		_, _ = w.Write([]byte("{}"))
	case isManifest && (name == "1" || name == sum(r.manifest)):
		w.Header().Set("Content-Type", manifestType)
		w.Header().Set("Docker-Content-Digest", sum(r.manifest))
		http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(r.manifest))
	case isBlob && r.blobs[blob] != nil:
		if r.Gate != nil && blob == r.layer {
			select {
			case <-r.Gate:
			case <-q.Context().Done():
				return
			}
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(r.blobs[blob]))
	default:
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
	}
}

// refuse is an error in the form of the protocol.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"as the test wants"}]}`, code)
}

// Count counts the requests so far that have a part.
func (r *Registry) Count(part string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, request := range r.requests {
		if strings.Contains(request, part) {
			n++
		}
	}
	return n
}

// Downloads is how often the layer that is the registry's own was fetched.
func (r *Registry) Downloads() int { return r.Count("GET /v2/app/blobs/" + r.layer) }

// AwaitDownload waits until the layer is being fetched.
func (r *Registry) AwaitDownload(t testing.TB) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); r.Downloads() == 0; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("nobody downloads the image")
		}
	}
}

// Home is a directory with credentials for the registry, as an agent makes it of its docker_config.
func (r *Registry) Home(t testing.TB, login string) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "home")
	if err := os.MkdirAll(filepath.Join(directory, ".docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	content := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, r.Address, base64.StdEncoding.EncodeToString([]byte(login)))
	if err := os.WriteFile(filepath.Join(directory, ".docker/config.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return directory
}
