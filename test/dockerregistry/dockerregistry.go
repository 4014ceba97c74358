// Package dockerregistry is Debian's docker-registry on a port of its own, for tests of what a real registry answers.
//
//	r := dockerregistry.New(t, dockerregistry.Options{})
//	r.Push(t, r.Address+"/app:1", image)
//	r.Stop()
//
// A test that needs less, or a registry that misbehaves, takes package memoryregistry.
package dockerregistry

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	dockerimage "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"golang.org/x/crypto/bcrypt"

	"mesos-docker-containerizer/test/environment"
)

// Registry is one registry, which ends with its test.
type Registry struct {
	Address string
	Login   registry.AuthConfig // empty where everybody may come

	stop func()

	mu  sync.Mutex
	log strings.Builder // guarded by mu
}

// Options say how a registry is reached.
type Options struct {
	Login   string // "user:password"; empty for none
	Address string // with a port of 0 for one of its own choice; empty for one on the loopback
	TLS     string // a directory with server.crt and server.key; empty for HTTP
}

// New starts a registry. Without the program the test is skipped, but in CI it fails.
func New(t testing.TB, o Options) *Registry {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		const message = "NOT TESTED, there is no docker-registry (Debian package docker-registry): %v"
		if os.Getenv("CI") == "true" {
			t.Fatalf(message, err)
		}
		t.Skipf(message, err)
	}
	r := &Registry{}
	process := exec.Command(program, "serve", r.configure(t, o))
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
		r.read(output, listening)
	}()
	r.stop = sync.OnceFunc(func() {
		_ = process.Process.Kill()
		<-ended
		_ = process.Wait()
	})
	t.Cleanup(func() {
		r.Stop()
		if t.Failed() {
			r.tell(t)
		}
	})
	var ok bool
	if r.Address, ok = <-listening; !ok {
		t.Fatal("docker-registry ended")
	}
	return r
}

// configure writes the registry's configuration and returns its path.
func (r *Registry) configure(t testing.TB, o Options) (path string) {
	t.Helper()
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	directory, auth, secure := t.TempDir(), "", ""
	if user, password, ok := strings.Cut(o.Login, ":"); ok {
		r.Login = registry.AuthConfig{Username: user, Password: password}
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
	if o.TLS != "" {
		secure = fmt.Sprintf(", tls: {certificate: %s/server.crt, key: %s/server.key}", o.TLS, o.TLS)
	}
	path = filepath.Join(directory, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: info, accesslog: {disabled: false}}\nstorage: {filesystem: {rootdirectory: %s/data}}\nhttp: {addr: %q%s}\n%s",
		directory, o.Address, secure, auth)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (r *Registry) read(output io.Reader, listening chan<- string) {
	address := regexp.MustCompile(`listening on ([0-9.]+:[0-9]+)`)
	for s := bufio.NewScanner(output); s.Scan(); {
		r.mu.Lock()
		r.log.WriteString(s.Text() + "\n")
		r.mu.Unlock()
		if found := address.FindStringSubmatch(s.Text()); found != nil {
			listening <- found[1]
		}
	}
}

// request is one in the registry's log: method and path, without the query, and the status.
var request = regexp.MustCompile(`"([A-Z]+ [^? "]+)[^"]* HTTP/1.1" ([0-9]+)`)

// tell writes the requests to the test's log.
func (r *Registry) tell(t testing.TB) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, found := range request.FindAllStringSubmatch(r.log.String(), -1) {
		t.Log(found[1], found[2])
	}
}

// Requests returns the parts of the registry's log that match.
func (r *Registry) Requests(pattern string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return regexp.MustCompile(pattern).FindAllString(r.log.String(), -1)
}

// Stop ends the registry: nobody listens at its address any more.
func (r *Registry) Stop() { r.stop() }

// Push gives an image of the Engine the name ref, which it keeps, and pushes it.
func (r *Registry) Push(t testing.TB, ref, image string) {
	t.Helper()
	docker := environment.Engine(t)
	if err := docker.ImageTag(t.Context(), image, ref); err != nil {
		t.Fatal(err)
	}
	auth, err := registry.EncodeAuthConfig(r.Login)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := docker.ImagePush(t.Context(), ref, dockerimage.PushOptions{RegistryAuth: auth})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	said, err := io.ReadAll(stream)
	if err != nil || bytes.Contains(said, []byte(`"error"`)) {
		t.Fatalf("push: %v: %s", err, said)
	}
}
