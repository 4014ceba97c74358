package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/cmd/mesos-docker-containerizer/internal/overlay"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeagent"
)

// mesosHost is a file tree with Mesos's helpers and our programs installed, and an agent that tells its flags.
type mesosHost struct {
	t                            *testing.T
	libexec, overlay, etc, agent string
	programs                     string
	flags                        atomic.Pointer[map[string]string] // the agent's
}

// runsWith restarts the agent with these flags.
func (h *mesosHost) runsWith(flags map[string]string) { h.flags.Store(&flags) }

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func newMesosHost(t *testing.T) *mesosHost {
	t.Helper()
	root, err := os.MkdirTemp("", "mesos-")
	must(t, err, os.Chmod(root, 0o755))
	t.Cleanup(func() { os.RemoveAll(root) })
	h := &mesosHost{
		t: t, libexec: filepath.Join(root, "libexec", "mesos"), overlay: filepath.Join(root, "overlay"), etc: filepath.Join(root, "mesos-slave"),
		programs: filepath.Join(root, "ours"),
	}
	h.runsWith(map[string]string{"launcher_dir": h.libexec, "docker": "docker", "containerizers": "mesos"})
	must(t, os.MkdirAll(h.libexec, 0o755), os.Mkdir(h.etc, 0o755), os.Mkdir(h.programs, 0o755))
	must(t, buildMore())
	for from, to := range map[string]string{
		"stock": filepath.Join(h.libexec, "mesos-docker-executor"), "mesos-docker-cli": filepath.Join(h.programs, "docker"), overlay.ExecutorName: filepath.Join(h.programs, overlay.ExecutorName),
	} {
		content, err := os.ReadFile(filepath.Join(installed, from))
		must(t, err, os.WriteFile(to, content, 0o755))
	}
	for _, name := range []string{"mesos-executor", "mesos-tcp-connect", "mesos-fetcher"} {
		must(t, os.WriteFile(filepath.Join(h.libexec, name), []byte("#!/bin/sh\n"), 0o755))
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/version" {
			fmt.Fprint(w, `{"version":"1.9.0"}`)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"flags": *h.flags.Load()})
	}))
	t.Cleanup(server.Close)
	h.agent = server.Listener.Addr().String()
	return h
}

// buildMore adds to the installed programs.
var buildMore = sync.OnceValue(func() error {
	for name, of := range map[string]string{"stock": "mesos-docker-containerizer/test/stockexecutor", "mesos-docker-cli": "mesos-docker-containerizer/cmd/mesos-docker-cli"} {
		command := exec.Command("go", "build", "-o", filepath.Join(installed, name), of)
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	return nil
})

// setup runs the subcommand.
func (h *mesosHost) setup(args ...string) *process {
	h.t.Helper()
	all := append([]string{"setup", "--overlay", h.overlay, "--agent-directory=" + h.etc, "--agent=" + h.agent, "--programs=" + h.programs}, args...)
	p := start(h.t, all...)
	<-p.ended
	return p
}

func (h *mesosHost) file(name string) string {
	content, _ := os.ReadFile(filepath.Join(h.etc, name))
	return strings.TrimSpace(string(content))
}

// stockExecutor is one of Mesos's own, started before.
type stockExecutor struct {
	t      *testing.T
	in     io.Writer
	answer *bufio.Scanner
}

func (h *mesosHost) stockExecutor(directory string) *stockExecutor {
	h.t.Helper()
	command := exec.Command(filepath.Join(directory, "mesos-docker-executor"), "--launcher_dir="+directory)
	in, errIn := command.StdinPipe()
	out, errOut := command.StdoutPipe()
	must(h.t, errIn, errOut, command.Start())
	h.t.Cleanup(func() { in.Close(); _ = command.Wait() })
	return &stockExecutor{h.t, in, bufio.NewScanner(out)}
}

func (e *stockExecutor) isFine(when string) {
	e.t.Helper()
	fmt.Fprintln(e.in)
	if !e.answer.Scan() || e.answer.Text() != "fine" {
		e.t.Errorf("a stock executor %s: %q", when, e.answer.Text())
	}
}

// TestSetupKeepsTasks is the life of a host: stock tasks run through the switch, ours through the undo, and through the restarts
// of the agent that both need.
func TestSetupKeepsTasks(t *testing.T) {
	h := newMesosHost(t)
	stock := h.stockExecutor(h.libexec)
	flags, socket := serveFlags(t)
	daemonFlags := flags[1:]
	daemon := start(t, flags...)
	daemon.await("the daemon serves")

	made := h.setup("--mesos-libexec", h.libexec, "--write")
	made.wantStatus(exitOK)
	if h.file("launcher_dir") != h.overlay || h.file("docker") != h.overlay+"/docker" || h.file("containerizers") != "docker,mesos" {
		t.Errorf("files: %s", made.out())
	}
	for _, want := range []string{"MESOS-10084", "running tasks are recognised", "restart the agent"} {
		if !strings.Contains(made.out(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	stock.isFine("after the switch")

	h.runsWith(map[string]string{"launcher_dir": h.overlay, "docker": h.overlay + "/docker", "containerizers": "docker,mesos"})
	task := h.launch(socket)
	refused := h.setup(append(daemonFlags, "--undo")...)
	refused.wantStatus(exitFailed)
	if !strings.Contains(refused.err(), task.id) || h.file("launcher_dir") != h.overlay {
		t.Error("it does not refuse for the task's sake")
	}

	forced := h.setup(append(daemonFlags, "--undo", "--force")...)
	forced.wantStatus(exitOK)
	if h.file("launcher_dir")+h.file("docker")+h.file("containerizers") != "" || !strings.Contains(forced.out(), "1 task left running: "+task.id) || !strings.Contains(forced.out(), "stays") {
		t.Errorf("undone: %s", forced.out())
	}
	stock.isFine("after the undo")
	h.runsWith(map[string]string{"launcher_dir": h.libexec})
	task.Stop()
	must(t, task.Start(true), task.Reconnect())
	must(t, task.Kill(task.id, nil))
	if status, err := task.Await(t.Context(), mesos.TASK_KILLED); err != nil {
		t.Errorf("%v %v", status, err)
	}
	<-task.exited
	if err := task.Violations(); err != nil || !task.process.ProcessState.Success() {
		t.Errorf("our executor ended with %v; %v", task.process.ProcessState, err)
	}
	h.setup(append(daemonFlags, "--undo")...).wantStatus(exitOK)
	if _, err := os.Stat(h.overlay); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the overlay is left: %v", err)
	}
	daemon.signal(syscall.SIGTERM)
	daemon.wantStatus(exitOK)
}

// droppedIn is a task whose executor the agent started from its launcher_dir.
type droppedIn struct {
	*fakeagent.Agent
	id      string
	process *exec.Cmd
	exited  chan struct{}
}

// launch starts our executor as an agent does, and waits until its task runs.
func (h *mesosHost) launch(socket string) *droppedIn {
	h.t.Helper()
	a, err := fakeagent.New(fakeagent.Options{})
	must(h.t, err)
	uuid, err := os.ReadFile("/proc/sys/kernel/random/uuid")
	must(h.t, err)
	d := &droppedIn{Agent: a, id: unique(h.t), exited: make(chan struct{})}
	sandbox := h.t.TempDir()
	d.process = exec.Command(filepath.Join(h.overlay, overlay.ExecutorName), "--container=mesos-"+strings.TrimSpace(string(uuid)), "--docker="+h.overlay+"/docker",
		"--docker_socket=/var/run/docker.sock", "--launcher_dir="+h.overlay, "--mapped_directory=/mnt/mesos/sandbox", "--sandbox_directory="+sandbox,
		"--stop_timeout=0ns", "--socket="+socket)
	d.process.Dir, d.process.Env = sandbox, a.Environ(true, sandbox)
	image, network, script := environment.Busybox(h.t), mesos.ContainerInfo_DockerInfo_NONE, "exec sleep 1000"
	must(h.t, a.Launch(mesos.TaskInfo{
		Name: "t", TaskID: mesos.TaskID{Value: d.id}, AgentID: mesos.AgentID{Value: "agent-S0"},
		Resources: []mesos.Resource{{Name: "cpus", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: 0.1}}},
		Container: &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: &mesos.ContainerInfo_DockerInfo{Image: image, Network: &network}},
		Command:   &mesos.CommandInfo{Value: &script}, KillPolicy: &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: int64(time.Second)}},
	}), d.process.Start())
	var reaping sync.WaitGroup
	reaping.Go(func() { _ = d.process.Wait(); close(d.exited) })
	h.t.Cleanup(func() { _ = d.process.Process.Kill(); reaping.Wait(); a.Stop() })
	if _, err := a.Await(h.t.Context(), mesos.TASK_RUNNING); err != nil {
		h.t.Fatal(err)
	}
	return d
}

func TestSetupPrints(t *testing.T) {
	h := newMesosHost(t)
	p := h.setup() // the agent says where Mesos's helpers are
	p.wantStatus(exitOK)
	for _, want := range []string{"5 links made", "echo " + h.overlay + " > " + h.etc + "/launcher_dir", "--write does"} {
		if !strings.Contains(p.out(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if entries, err := os.ReadDir(h.etc); err != nil || len(entries) > 0 {
		t.Errorf("files: %v %v", entries, err)
	}
	if p = h.setup("--run_dir=" + t.TempDir()); !strings.Contains(p.out(), "note: start the daemon before the agent is restarted") {
		t.Error("it does not say that there is no daemon")
	}
	p = h.setup()
	p.wantStatus(exitOK)
	if !strings.Contains(p.out(), "is up to date") {
		t.Error("a second setup does something")
	}
}

func TestSetupRefuses(t *testing.T) {
	h := newMesosHost(t)
	for want, args := range map[string][]string{
		"goes without --write":    {"--undo", "--write"},
		"--force with --undo":     {"--force"},
		"unexpected argument":     {"x"},
		"nothing has been set up": {"--undo"},
		"its launcher_dir":        {"--mesos-libexec=/usr/bin"},
		"not a version":           {"--mesos-version=new"},
		"HOST:PORT":               {"--agent=localhost"},
		"none of /nowhere":        {"--programs=/nowhere"},
	} {
		p := h.setup(args...)
		p.wantStatus(exitUsage)
		if !strings.Contains(p.err(), want) {
			t.Errorf("%v: it does not say %q", args, want)
		}
	}
	if _, err := os.Stat(h.overlay); !errors.Is(err, os.ErrNotExist) {
		t.Error("an overlay was made")
	}
	startWith(t, func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		c.Path = "/proc/self/exe" // the folder of the programs is root's
	}, "setup", "--write").wantStatus(exitEnvironment)
}

// While the agent is down anybody can listen on its port. What is told there does not lead root's agent to a user's programs.
func TestSetupBelievesNoStranger(t *testing.T) {
	h := newMesosHost(t)
	must(t, os.Chown(h.libexec, 65534, 65534))
	p := h.setup()
	p.wantStatus(exitUsage)
	if !strings.Contains(p.err(), "others than root can change "+h.libexec) {
		t.Error("it does not say whose folder that is")
	}
	if _, err := os.Stat(h.overlay); !errors.Is(err, os.ErrNotExist) {
		t.Error("an overlay was made")
	}
	h.setup("--mesos-libexec=" + h.libexec).wantStatus(exitOK)

	h.runsWith(map[string]string{"containerizers": "mesos;reboot"})
	p = h.setup("--write")
	p.wantStatus(exitUsage)
	if !strings.Contains(p.err(), "is that the agent?") || h.file("containerizers") != "" {
		t.Errorf("containerizers %q", h.file("containerizers"))
	}
}

func TestAgentDirectory(t *testing.T) {
	root := t.TempDir()
	one, two := filepath.Join(root, "mesos-slave"), filepath.Join(root, "mesos-agent")
	if _, err := agentDirectory([]string{one, two}); err == nil {
		t.Error("none is found")
	}
	must(t, os.Mkdir(two, 0o755))
	if path, err := agentDirectory([]string{one, two}); err != nil || path != two {
		t.Error(path, err)
	}
	must(t, os.Mkdir(one, 0o755))
	if _, err := agentDirectory([]string{one, two}); err == nil || !strings.Contains(err.Error(), "--agent-directory") {
		t.Error(err)
	}
}
