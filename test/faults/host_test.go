package faults

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/client"
	"go.uber.org/zap"

	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/environment/testimage"
	"mesos-docker-containerizer/test/fakeengine"
)

// patience bounds every wait for something that must happen, on a loaded machine.
const patience = 3 * time.Minute

// host is a machine: an Engine of its own, a proxy before it, the daemon as a process, and an agent in this process.
type host struct {
	directory string
	programs  string
	image     string
	docker    *client.Client // past the proxy
	proxy     *fakeengine.Proxy
	agent     *localagent.Agent
	dockerd   *exec.Cmd
	daemon    *exec.Cmd
	launched  int
	away      []span // of the Engine
}

func newHost(t *testing.T) *host {
	t.Helper()
	directory, err := os.MkdirTemp("", "faults-") // short: paths of sockets must be
	if err != nil {
		t.Fatal(err)
	}
	h := &host{directory: directory, programs: build(t)}
	t.Cleanup(func() { h.remove(t) })
	t.Setenv("DOCKER_HOST", "unix://"+directory+"/docker.sock")
	if h.docker, err = client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.docker.Close() })
	h.startEngine(t)
	t.Cleanup(func() { h.endEngine(t, syscall.SIGTERM) })
	h.image = environment.Image(t, testimage.Spec{Cmd: []string{"sh"}})
	h.proxy = fakeengine.New(t, directory+"/docker.sock")

	// A small file system of its own, so that it can be filled.
	own := h.own()
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", own, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(own, 0); err != nil {
			t.Errorf("unmount %s: %v", own, err)
		}
	})
	h.startDaemon(t)
	t.Cleanup(func() { h.endDaemon(t, syscall.SIGTERM) })
	h.agent, err = localagent.New(localagent.Options{
		WorkDir: directory + "/work", RegistrationTimeout: 10 * time.Minute, ReregistrationWindow: 15 * time.Second, Logger: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.agent.Close() })
	return h
}

// remove removes the host, but after a failure what shows how it came to it.
func (h *host) remove(t *testing.T) {
	t.Helper()
	if !t.Failed() {
		os.RemoveAll(h.directory)
		return
	}
	for _, name := range []string{"data", "exec"} {
		os.RemoveAll(filepath.Join(h.directory, name))
	}
	t.Logf("logs and sandboxes are kept in %s", h.directory)
}

// build makes the programs.
func build(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	command := exec.Command("go", "build", "-o", directory+"/", "mesos-docker-containerizer/cmd/mesos-docker-containerizer",
		"mesos-docker-containerizer/cmd/mesos-docker-executor")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return directory
}

// own holds the daemon's directories.
func (h *host) own() string    { return h.directory + "/own" }
func (h *host) socket() string { return h.own() + "/executor.sock" }

func (h *host) startDaemon(t *testing.T) {
	t.Helper()
	h.daemon = h.start(t, "daemon.log", filepath.Join(h.programs, "mesos-docker-containerizer"), "serve", "--docker_socket="+h.proxy.Socket,
		"--socket="+h.socket(), "--run_dir="+h.own()+"/run", "--docker_remove_delay=0ns", "--log_level=debug")
}

// endDaemon ends the daemon by a signal.
func (h *host) endDaemon(t *testing.T, signal os.Signal) {
	t.Helper()
	end(t, h.daemon, signal)
}

// settings writes dockerd's configuration.
func (h *host) settings(t *testing.T, liveRestore bool) {
	t.Helper()
	if err := os.WriteFile(h.directory+"/daemon.json", fmt.Appendf(nil, `{"live-restore": %v}`, liveRestore), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (h *host) startEngine(t *testing.T) {
	t.Helper()
	h.settings(t, true)
	path := os.Getenv("PATH")
	if programs := os.Getenv("ENGINE_PROGRAMS"); programs != "" {
		path = programs + ":" + path
	}
	h.dockerd = h.start(t, "dockerd.log", "env", "PATH="+path, "dockerd", "--config-file", h.directory+"/daemon.json",
		"--host", "unix://"+h.directory+"/docker.sock", "--data-root", h.directory+"/data", "--exec-root", h.directory+"/exec",
		"--pidfile", h.directory+"/pid", "--bridge", "none", "--iptables=false", "--exec-opt", "native.cgroupdriver=cgroupfs",
		"--cgroup-parent", "/"+filepath.Base(h.directory))
	h.eventually(t, "the Engine to answer", func() bool {
		_, err := h.docker.Ping(t.Context())
		return err == nil
	})
	if n := len(h.away); n > 0 {
		h.away[n-1].to = time.Now()
	}
}

func (h *host) endEngine(t *testing.T, signal os.Signal) {
	t.Helper()
	end(t, h.dockerd, signal)
	h.away = append(h.away, span{from: time.Now()})
}

// start runs a program in the background, its output in a file.
func (h *host) start(t *testing.T, log string, program ...string) *exec.Cmd {
	t.Helper()
	out, err := os.OpenFile(filepath.Join(h.directory, log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	command := exec.Command(program[0], program[1:]...)
	command.Stdout, command.Stderr = out, out
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if strings.HasPrefix(log, "dockerd") {
		command.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET // it removes the bridge of another Engine
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command
}

// end sends a signal to a process and waits for its end.
func end(t *testing.T, command *exec.Cmd, signal os.Signal) {
	t.Helper()
	if err := command.Process.Signal(signal); err != nil {
		t.Error(err)
	}
	_ = command.Wait() // killed, as it says
}

// eventually asks until a condition outside this process holds.
func (h *host) eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited %v for %s\nthe daemon's log ends:\n%s", patience, what, h.tail("daemon.log"))
		}
	}
}

// tail is the end of a log.
func (h *host) tail(log string) string {
	content, _ := os.ReadFile(filepath.Join(h.directory, log))
	return string(content[max(0, len(content)-6000):])
}

// sleep lets the time of a schedule pass.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
