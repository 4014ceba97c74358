package image_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	dockerimage "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"
	"go.uber.org/zap/zaptest"
	"golang.org/x/crypto/bcrypt"

	"mesos-docker-containerizer/containerizer/engine"
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
	registry *registryProcess
	bare     *client.Client
}

func newHost(t *testing.T, o registryOptions) *host {
	t.Helper()
	h := &host{socket: realSocket(t), registry: startRegistry(t, o)}
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
	ref = h.registry.address + "/mdc-image-" + strings.ToLower(rand.Text()[:12]) + ":v1"
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
	auth, err := registry.EncodeAuthConfig(h.registry.login)
	if err != nil {
		t.Fatal(err)
	}
	drain(h.bare.ImagePush(t.Context(), ref, dockerimage.PushOptions{RegistryAuth: auth}))
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

// registryProcess is Debian's docker-registry on a port of its own.
type registryProcess struct {
	address string
	login   registry.AuthConfig

	mu  sync.Mutex
	log strings.Builder // guarded by mu
}

// requests counts the requests in the registry's log that match.
func (r *registryProcess) requests(pattern string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(regexp.MustCompile(pattern).FindAllString(r.log.String(), -1))
}

// registryOptions say how a registry is reached.
type registryOptions struct {
	login   string // "user:password"; empty for none
	address string // with a port of 0 for one of its own choice; empty for one on the loopback
	tls     string // a directory with server.crt and server.key; empty for HTTP
}

// startRegistry starts a registry.
func startRegistry(t *testing.T, o registryOptions) *registryProcess {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		missing(t, "this test needs the program docker-registry (Debian package docker-registry)")
	}
	if o.address == "" {
		o.address = "127.0.0.1:0"
	}
	directory, auth, secure := t.TempDir(), "", ""
	r := &registryProcess{}
	if user, password, ok := strings.Cut(o.login, ":"); ok {
		r.login = registry.AuthConfig{Username: user, Password: password}
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		users := filepath.Join(directory, "users")
		if err := os.WriteFile(users, []byte(user+":"+string(hash)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		auth = fmt.Sprintf("auth: {htpasswd: {realm: test, path: %s}}\n", users)
	}
	if o.tls != "" {
		secure = fmt.Sprintf(", tls: {certificate: %s/server.crt, key: %s/server.key}", o.tls, o.tls)
	}
	config := filepath.Join(directory, "config.yml")
	if err := os.WriteFile(config, []byte(fmt.Sprintf(
		"version: 0.1\nlog: {level: info, accesslog: {disabled: false}}\nstorage: {filesystem: {rootdirectory: %s/data}}\nhttp: {addr: %q%s}\n%s",
		directory, o.address, secure, auth)), 0o600); err != nil {
		t.Fatal(err)
	}
	process := exec.Command(program, "serve", config)
	process.Env = []string{"OTEL_TRACES_EXPORTER=none"}
	output, err := process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	process.Stdout = process.Stderr
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	listening, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(listening)
		address := regexp.MustCompile(`listening on ([0-9.]+:[0-9]+)`)
		for s := bufio.NewScanner(output); s.Scan(); {
			r.mu.Lock()
			r.log.WriteString(s.Text() + "\n")
			r.mu.Unlock()
			if found := address.FindStringSubmatch(s.Text()); found != nil {
				listening <- found[1]
			}
		}
	}()
	t.Cleanup(func() {
		_ = process.Process.Kill()
		<-ended
		_ = process.Wait()
		if t.Failed() {
			r.mu.Lock()
			defer r.mu.Unlock()
			for line := range strings.Lines(r.log.String()) {
				if strings.Contains(line, " HTTP/1.1\" ") && !strings.HasPrefix(line, "time=") { // one short line a request
					t.Log(strings.TrimSpace(line))
				}
			}
		}
	})
	var ok bool
	if r.address, ok = <-listening; !ok {
		t.Fatal("docker-registry ended")
	}
	return r
}
