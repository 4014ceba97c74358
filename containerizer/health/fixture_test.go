package health

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is longer than anything here takes on a loaded machine.
const patience = 30 * time.Second

// server is the program of test/healthserver.
var server = sync.OnceValues(func() (string, error) {
	directory, err := os.MkdirTemp("", "health-server-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(directory)
	program := filepath.Join(directory, "server")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "mesos-docker-containerizer/test/healthserver")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", err
	}
	b, err := os.ReadFile(program)
	return string(b), err
})

func newEngine(t testing.TB, socket string) *engine.Client {
	t.Helper()
	c, err := engine.New(engine.Options{Socket: socket, Logger: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// run starts a container that is removed with the test.
func run(t testing.TB, host *container.HostConfig, command ...string) Target {
	t.Helper()
	socket := environment.Socket(t)
	api := environment.Engine(t)
	program, err := server()
	if err != nil {
		t.Fatal(err)
	}
	image := environment.Image(t, testimage.Spec{Files: map[string]testimage.File{"/bin/server": {Content: program, Mode: 0o755}}})
	config := &container.Config{Image: image, Cmd: command, Env: []string{"OF_THE_TASK=yes"}, Labels: map[string]string{testimage.Label: "1"}}
	created, err := api.ContainerCreate(t.Context(), config, host, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o := container.RemoveOptions{Force: true, RemoveVolumes: true}
		if err := api.ContainerRemove(context.Background(), created.ID, o); err != nil {
			t.Error(err)
		}
	})
	if err := api.ContainerStart(t.Context(), created.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	inspected, err := api.ContainerInspect(t.Context(), created.ID)
	if err != nil {
		t.Fatal(err)
	}
	return Target{ContainerID: created.ID, PID: inspected.State.Pid, Engine: newEngine(t, socket)}
}

// serve starts a container with the test server and waits until it answers on its loopback, over TCP, at the port.
func serve(t testing.TB, host *container.HostConfig, ready TCPSpec, arguments ...string) Target {
	t.Helper()
	target := run(t, host, append([]string{"server"}, arguments...)...)
	awaitSuccess(t, target, Spec{Kind: TCP, TCP: ready})
	return target
}

func awaitSuccess(t testing.TB, target Target, spec Spec) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last Result
	schedule(ctx, Spec{Interval: time.Millisecond}, time.Time{}, newProber(spec, target).probe, func(r Result) {
		if last = r; r.Succeeded {
			cancel()
		}
	})
	if !last.Succeeded {
		t.Fatalf("no success: %+v", last)
	}
}

// await waits until something is so.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !so() {
		if !pause(ctx, 10*time.Millisecond) {
			t.Fatalf("in vain waited for: %s", what)
		}
	}
}

func get(port uint32, path string) Spec {
	return Spec{Kind: HTTP, Timeout: patience, HTTP: HTTPSpec{Scheme: schemeHTTP, Port: port, Path: path}}
}

func script(text string, timeout time.Duration) Spec {
	return Spec{Kind: Command, Timeout: timeout, Command: CommandSpec{Argv: []string{"sh", "-c", text}}}
}
