package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/dockercli"
	"mesos-docker-containerizer/containerizer/dockercli/protocol"
)

// program is the built one, which the tests run against a daemon of theirs.
var program string

func TestMain(m *testing.M) {
	directory, err := os.MkdirTemp("", "docker-")
	if err == nil {
		err = os.Chmod(directory, 0o755) // others run it, too
	}
	if err == nil {
		program = filepath.Join(directory, "docker")
		build := exec.Command("go", "build", "-o", program, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		os.RemoveAll(directory)
		os.Exit(status)
	}))
}

// limit is far more than any program under test needs.
const limit = time.Minute

// docker prepares the program, on the daemon of the run directory. It is killed with the test.
func docker(t *testing.T, runDirectory string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, program, append([]string{"--run_dir=" + runDirectory, "-H", "unix:///var/run/docker.sock"}, args...)...)
	c.Env = []string{"HOME=/home", "DOCKER_HOST=tcp://elsewhere"}
	return c
}

// outcome is what a program under test prints and how it ends.
type outcome struct {
	status         int
	stdout, stderr string
}

// run runs a prepared program to its end.
func outcomeOf(t *testing.T, c *exec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if c.Stdout == nil {
		c.Stdout = &stdout
	}
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // how it ended is in its state
	return outcome{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// daemon serves a run directory, and carries out commands by a function of the test.
type daemon struct {
	runDirectory string
	end          func() // returns when nothing of it is left
}

type answering func(context.Context, dockercli.Call) int

func startDaemon(t *testing.T, runDirectory string, answer answering) *daemon {
	t.Helper()
	handler := dockercli.NewHandler(answer, zap.NewNop())
	mux := http.NewServeMux()
	handler.Handle(mux)
	return serve(t, runDirectory, mux, handler.Wait)
}

// serve starts what is to be found in the place of the daemon.
func serve(t *testing.T, runDirectory string, handler http.Handler, wait func()) *daemon {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(runDirectory, protocol.AdminSocket))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer wait()
		if err := containerizer.ServeAdmin(ctx, listener, handler); err != nil {
			t.Error(err)
		}
	}()
	d := &daemon{runDirectory, func() { cancel(); <-done }}
	t.Cleanup(d.end)
	return d
}

// inProcess is a client within the test, whose patience is short.
func inProcess(runDirectory, command string, stdout, stderr *bytes.Buffer) *client {
	return &client{
		socket: filepath.Join(runDirectory, protocol.AdminSocket), patience: 200 * time.Millisecond, policy: retryPolicyOf(command),
		stdin: &bytes.Buffer{}, stdout: stdout, stderr: stderr, terminal: &terminal{},
	}
}

func askInProcess(runDirectory, command string) outcome {
	var stdout, stderr bytes.Buffer
	c := inProcess(runDirectory, command, &stdout, &stderr)
	status := c.ask(newCall([]string{command}, c.terminal))
	return outcome{status, stdout.String(), stderr.String()}
}
