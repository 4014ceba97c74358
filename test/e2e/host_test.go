package e2e

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/containerizer"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/runspec/parameters"
	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
)

// mapped is where containers see their sandbox.
const mapped = "/mnt/mesos/sandbox"

// host is one machine: an agent, and a daemon that can be stopped and started again on the same run directory.
type host struct {
	agent    *localagent.Agent
	docker   *client.Client // to look at the Engine past the daemon
	executor string
	work     string // the agent's work_dir
	socket   string // the daemon's

	daemon containerizer.Options
	stop   func() error // stops the daemon; nil if it does not run
}

// newHost starts a machine. When the test ends whatever still runs on it is destroyed, which the daemon must see to the end.
func newHost(t *testing.T, change ...func(*localagent.Options)) *host {
	t.Helper()
	h := &host{docker: environment.Engine(t), work: t.TempDir()}
	var err error
	if h.executor, err = program(); err != nil {
		t.Fatal(err)
	}
	h.socket = filepath.Join(shortDirectory(t), "executor.sock")
	logger := zaptest.NewLogger(t)
	h.daemon = daemonOptions(t, logger.Named("daemon"))
	h.start(t)

	options := localagent.Options{WorkDir: h.work, Logger: logger.Named("agent")}
	for _, c := range change {
		c(&options)
	}
	if h.agent, err = localagent.New(options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.close(t) })
	return h
}

// shortDirectory is for sockets, whose paths must be short.
func shortDirectory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

func daemonOptions(t *testing.T, logger *zap.Logger) containerizer.Options {
	t.Helper()
	e, err := engine.New(engine.Options{Socket: environment.Socket(t), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	images, err := image.New(image.Options{Engine: e, InactivityTimeout: time.Minute, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	return containerizer.Options{
		Engine: e, Images: images, Parameters: parameters.NewSubprocess(),
		RunDirectory:   t.TempDir(),
		PrepareTimeout: patience, PrepareSource: "prepare_timeout",
		OrphanGrace: time.Second, KillOrphans: true,
		MappedDirectory: mapped,
		LogDriver:       "local",
		Logger:          logger,
	}
}

// start starts the daemon.
func (h *host) start(t *testing.T) {
	t.Helper()
	server, err := containerizer.New(h.daemon)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	h.stop = sync.OnceValue(func() error {
		cancel()
		return <-served
	})
}

// stopDaemon is what an upgrade or a crash of the daemon begins with.
func (h *host) stopDaemon(t *testing.T) {
	t.Helper()
	if err := h.stop(); err != nil {
		t.Errorf("daemon: %v", err)
	}
}

// close ends the machine: executors die, the daemon clears up after them, and nothing may remain.
func (h *host) close(t *testing.T) {
	if err := h.agent.Close(); err != nil {
		t.Errorf("agent: %v", err)
	}
	deadline := time.After(patience)
	for tick := time.NewTicker(20 * time.Millisecond); len(h.containers(t)) > 0; {
		select {
		case <-tick.C:
			continue
		case <-deadline:
		}
		tick.Stop()
		break
	}
	h.stopDaemon(t)
	for _, c := range h.containers(t) {
		t.Errorf("container %v (%s) was left behind", c.Names, c.State)
		h.docker.ContainerRemove(context.Background(), c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	}
}

// containers returns the containers of the host's tasks, whatever their state.
func (h *host) containers(t *testing.T) []container.Summary {
	t.Helper()
	all, err := h.docker.ContainerList(context.Background(), container.ListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	var ours []container.Summary
	for _, c := range all {
		if labels, _ := engine.ParseLabels(c.Labels); strings.HasPrefix(labels.Sandbox, h.work+"/") {
			ours = append(ours, c)
		}
	}
	return ours
}

// patiently is a context for one wait.
func patiently(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
