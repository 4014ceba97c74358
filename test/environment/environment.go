// Package environment gives tests a real Docker Engine and images to run on it.
//
//	engine := environment.Engine(t)           // a client; the test ends here where there is no Engine
//	tag := environment.Probe(t)               // "probe" with a report of what the container sees, servers, signals, output
//	tag = environment.Image(t, testimage.Spec{Entrypoint: []string{"/bin/sh", "-c"}, User: "app"})
//
// The Engine is the one at DOCKER_HOST, else at /var/run/docker.sock; test/environment/with-engine COMMAND starts a private one
// for the command where none answers. A test without an Engine fails where CI=true is set and is skipped, saying so, elsewhere.
//
// Images are built from what is on the machine (package testimage); nothing is pulled. They stay in the Engine, so that the
// next test finds them. Containers belong to the test that creates them: it gives them names of its own, the label
// testimage.Label, and removes them.
package environment

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/client"

	"mesos-docker-containerizer/test/environment/testimage"
)

// Bounds, long enough for a loaded machine; a test hangs no longer than that on an Engine that does not answer.
const (
	pingTimeout = 10 * time.Second
	loadTimeout = 2 * time.Minute
)

// Host returns the address of the Engine that tests use, whether it answers or not.
func Host() string {
	if host := os.Getenv(client.EnvOverrideHost); host != "" {
		return host
	}
	return client.DefaultDockerHost
}

// Engine returns a client of the Engine, closed when the test ends.
func Engine(t testing.TB) *client.Client {
	t.Helper()
	engine, err := client.NewClientWithOpts(client.WithHost(Host()), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatalf("DOCKER_HOST: %v", err)
	}
	t.Cleanup(func() { engine.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), pingTimeout)
	defer cancel()
	if _, err := engine.Ping(ctx); err != nil {
		missing(t, err)
	}
	return engine
}

// missing ends a test for want of an Engine.
func missing(t testing.TB, err error) {
	t.Helper()
	const message = "NOT TESTED, no Engine answers at %s: %v\nrun it with test/environment/with-engine, or set DOCKER_HOST"
	if os.Getenv("CI") == "true" {
		t.Fatalf(message, Host(), err)
	}
	t.Skipf(message, Host(), err)
}

// Socket returns the path of the Engine's Unix socket, and fails the test if the Engine is reached in another way.
func Socket(t testing.TB) string {
	t.Helper()
	Engine(t)
	path, ok := strings.CutPrefix(Host(), "unix://")
	if !ok {
		t.Fatalf("this test needs the Engine at a Unix socket, not at %s", Host())
	}
	return path
}

// base is made once for all tests of a process.
var base = sync.OnceValues(testimage.Base)

func builder(t testing.TB) *testimage.Builder {
	t.Helper()
	engine := Engine(t)
	layer, err := base()
	if err != nil {
		t.Fatal(err)
	}
	return &testimage.Builder{Engine: engine, Base: layer}
}

// Image returns the tag of an image that is as the Spec says.
func Image(t testing.TB, spec testimage.Spec) string {
	t.Helper()
	b := builder(t)
	ctx, cancel := context.WithTimeout(t.Context(), loadTimeout)
	defer cancel()
	tag, err := b.Build(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

// Busybox returns the tag of an image that starts a shell.
func Busybox(t testing.TB) string {
	t.Helper()
	return Image(t, shell)
}

var shell = testimage.Spec{Cmd: []string{"sh"}}

// Probe returns the tag of an image whose entrypoint is the probe program; its command says what it does (command probe).
func Probe(t testing.TB) string {
	t.Helper()
	return Image(t, testimage.Spec{Entrypoint: []string{"/bin/probe"}})
}
