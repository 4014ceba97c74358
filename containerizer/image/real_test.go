package image_test

import (
	"encoding/base64"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/test/dockerregistry"
)

func newPuller(t *testing.T, h *host, dockerConfig []byte) *image.Puller {
	t.Helper()
	var configs []image.DockerConfig
	if dockerConfig != nil {
		configs = append(configs, image.DockerConfig{Source: "docker_config", Content: dockerConfig})
	}
	p, err := image.New(image.Options{Engine: newEngine(t, h.socket), InactivityTimeout: time.Minute, DockerConfigs: configs})
	if err != nil {
		t.Fatal(err)
	}
	return p.Hurry()
}

func pullError(t *testing.T, p *image.Puller, ref string) error {
	t.Helper()
	_, err := p.Pull(t.Context(), image.Request{Reference: ref})
	return err
}

func wantKind(t *testing.T, err error, want image.Kind, parts ...string) {
	t.Helper()
	failed, ok := errors.AsType[*image.Error](err)
	if !ok || failed.Kind != want {
		t.Fatalf("kind is not %v: %v", want, err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}

const (
	manifestRequests = `(GET|HEAD) /v2/mdc-image-[^/ ]*/manifests/v1`
	blobRequests     = `GET /v2/mdc-image-[^/ ]*/blobs/`
)

func TestPullFromARegistry(t *testing.T) {
	h := newHost(t, dockerregistry.Options{})
	p := newPuller(t, h, nil)
	ref := h.publish(t, 3<<20)
	ctx := t.Context()

	var wg sync.WaitGroup
	last := make([]image.Progress, 10)
	for i := range last {
		wg.Go(func() {
			_, err := p.Pull(ctx, image.Request{Reference: ref, Progress: func(p image.Progress) { last[i] = p }})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	shared := 0
	for _, progress := range last {
		if progress == (image.Progress{}) {
			continue // came after the pull
		}
		shared++
		if progress.Status != image.Complete || progress.Layers != 1 || progress.LayersDone != 1 ||
			progress.BytesTotal > 0 && progress.BytesTotal < 3<<20 || progress.BytesDone != progress.BytesTotal {
			t.Errorf("at the end: %+v", progress)
		}
	}
	if shared == 0 {
		t.Error("nobody saw progress")
	}
	blobs := len(h.registry.Requests(blobRequests))
	manifests := len(h.registry.Requests(manifestRequests))

	if _, err := p.Pull(ctx, image.Request{Reference: ref}); err != nil {
		t.Fatal(err)
	}
	if n := len(h.registry.Requests(manifestRequests)); n != manifests {
		t.Error("registry was asked for an image that is present")
	}
	if _, err := p.Pull(ctx, image.Request{Reference: ref, Force: true}); err != nil {
		t.Fatal(err)
	}
	if n := len(h.registry.Requests(manifestRequests)); n == manifests {
		t.Error("registry was not asked by force")
	}
	if n := len(h.registry.Requests(blobRequests)); n != blobs {
		t.Errorf("%d blobs downloaded again though nothing has changed", n-blobs)
	}

	before, err := h.bare.ImageInspect(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	h.push(t, ref, 1000) // the tag moves
	moved, err := h.bare.ImageInspect(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.bare.ImageTag(ctx, before.ID, ref); err != nil { // here the tag is where it was
		t.Fatal(err)
	}
	if _, err := p.Pull(ctx, image.Request{Reference: ref, Force: true}); err != nil {
		t.Fatal(err)
	}
	if after, err := h.bare.ImageInspect(ctx, ref); err != nil || after.ID != moved.ID {
		t.Errorf("got %s, want %s, %v", after.ID, moved.ID, err)
	}
	_, _ = h.bare.ImageRemove(ctx, before.ID, dockerRemove)
}

func TestPullByDigest(t *testing.T) {
	h := newHost(t, dockerregistry.Options{})
	ref := h.publish(t, 1000)
	p := newPuller(t, h, nil)
	if _, err := p.Pull(t.Context(), image.Request{Reference: ref}); err != nil {
		t.Fatal(err)
	}
	inspected, err := h.bare.ImageInspect(t.Context(), ref)
	if err != nil || len(inspected.RepoDigests) != 1 {
		t.Fatalf("%v, %v", inspected.RepoDigests, err)
	}
	byDigest := inspected.RepoDigests[0]
	h.remove(t, ref)
	_, digest, _ := strings.Cut(byDigest, "@")
	for range 2 { // absent, then present
		if _, err := p.Pull(t.Context(), image.Request{Reference: ref + "@" + digest}); err != nil {
			t.Fatal(err)
		}
	}
	h.remove(t, byDigest)
}

func TestPullWithCredentials(t *testing.T) {
	const login = "user:geheim"
	h := newHost(t, dockerregistry.Options{Login: login})
	ref := h.publish(t, 1000)
	encoded := base64.StdEncoding.EncodeToString([]byte(login))
	entry := `{"` + h.registry.Address + `":{"auth":"` + encoded + `"}}`
	sandbox := func(path, content string) string {
		directory := t.TempDir()
		path = filepath.Join(directory, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return directory
	}
	wrong := strings.ReplaceAll(entry, encoded, base64.StdEncoding.EncodeToString([]byte("user:falsch")))

	for _, tt := range []struct {
		name, sandbox string
		admin         string
	}{
		{"config.json", sandbox(".docker/config.json", `{"auths":`+entry+`}`), ""},
		{".dockercfg", sandbox(".dockercfg", entry), ""},
		{"docker_config", "", `{"auths":` + entry + `}`},
		{"legacy docker_config", t.TempDir(), entry},
		{"sandbox before docker_config", sandbox(".dockercfg", entry), wrong},
	} {
		var admin []byte
		if tt.admin != "" {
			admin = []byte(tt.admin)
		}
		p := newPuller(t, h, admin)
		if _, err := p.Pull(t.Context(), image.Request{Reference: ref, SandboxDirectory: tt.sandbox}); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		h.remove(t, ref)
	}

	_, err := newPuller(t, h, nil).Pull(t.Context(), image.Request{Reference: ref})
	wantKind(t, err, image.Denied, ref, "without credentials")
	_, err = newPuller(t, h, []byte(entry)).Pull(t.Context(), image.Request{Reference: ref, SandboxDirectory: sandbox(".dockercfg", wrong)})
	wantKind(t, err, image.Denied, ref, ".dockercfg of the sandbox")
	if strings.Contains(err.Error(), "falsch") {
		t.Errorf("%v tells the password", err)
	}
}

func TestPullThatFails(t *testing.T) {
	h := newHost(t, dockerregistry.Options{})
	p := newPuller(t, h, nil)
	ref := h.publish(t, 1000)
	wantKind(t, pullError(t, p, strings.TrimSuffix(ref, "v1")+"v2"), image.NotFound, ":v2", "not found")
	wantKind(t, pullError(t, p, h.registry.Address+"/no/such:name"), image.NotFound, "no/such:name")

	nobody, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := nobody.Addr().String()
	_ = nobody.Close()
	wantKind(t, pullError(t, p, address+"/app"), image.Unreachable, "connection refused")
}
