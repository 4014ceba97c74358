package containerizer

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// A daemon's restart costs a task nothing: not its life, not a byte of output, not its exit.
func TestTaskSurvivesTheDaemon(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), `trap 'echo last; exit 3' TERM; echo ready; while :; do sleep 0.05; done`))
	e.awaitRunning()
	id := e.state.ContainerID
	h.restart()
	e.reconnect(h.socket)
	if e.awaitRunning(); e.state.ContainerID != id {
		t.Errorf("the new daemon runs container %s, the old one %s", e.state.ContainerID, id)
	}
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(time.Hour)}})
	if exit := e.awaitExit(); exit.Code != 3 {
		t.Errorf("exit %+v", exit)
	}
	if stdout, _ := e.readOutput(); stdout != "ready\nlast\n" {
		t.Errorf("stdout %q", stdout)
	}
	e.done()
	h.awaitNoContainers()
}

func TestExitWhileTheDaemonIsAway(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), `echo ready; read -t 1000 line < /mnt/mesos/sandbox/fifo; exit 9`))
	e.awaitRunning()
	h.stop()
	h.docker.ContainerKill(context.Background(), e.state.ContainerID, "KILL")
	environment.Eventually(t, patience, "the exit", func() bool {
		c, err := h.docker.ContainerInspect(context.Background(), e.state.ContainerID)
		return err == nil && !c.State.Running
	})
	h.start()
	e.reconnect(h.socket)
	if exit := e.awaitExit(); exit.Outcome != wire.OutcomeExited || exit.Code == 0 {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}

// Once a container was created its absence is an unknown end and never a reason to create another.
func TestNeverTwice(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), `sleep 1000`))
	e.awaitRunning()
	h.stop()
	h.docker.ContainerRemove(context.Background(), e.state.ContainerID, container.RemoveOptions{Force: true})
	h.start()
	e.reconnect(h.socket)
	if exit := e.awaitExit(); exit.Outcome != wire.OutcomeUnknown {
		t.Errorf("exit %+v", exit)
	}
	if left := h.containers(); len(left) != 0 {
		t.Errorf("containers: %v", left)
	}
	e.done()
}

// onlyCreated stops the server and leaves what a crash between create and start leaves: the executor's container, created and
// not started. It returns the container's id.
func (h *host) onlyCreated(e *executor) string {
	h.t.Helper()
	inspected, err := h.docker.ContainerInspect(context.Background(), e.state.ContainerID)
	if err != nil {
		h.t.Fatal(err)
	}
	h.stop()
	h.docker.ContainerRemove(context.Background(), e.state.ContainerID, container.RemoveOptions{Force: true})
	created, err := h.docker.ContainerCreate(context.Background(), inspected.Config, inspected.HostConfig, nil, nil,
		strings.TrimPrefix(inspected.Name, "/"))
	if err != nil {
		h.t.Fatal(err)
	}
	return created.ID
}

// The daemon died after the create, before it could say so: the next one finds the container by its name and starts it.
func TestCreatedContainerIsAdopted(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), `echo once`))
	e.awaitExit()
	created := h.onlyCreated(e)
	h.start()
	e.state = wire.State{Launch: e.state.Launch}
	e.output.Close()
	e.output = nil
	e.reconnect(h.socket)
	e.awaitRunning()
	if e.state.ContainerID != created {
		t.Errorf("runs container %s, want %s", e.state.ContainerID, created)
	}
	if stdout, _ := e.readOutput(); stdout != "once\n" {
		t.Errorf("stdout %q", stdout)
	}
	e.awaitExit()
	e.done()
	h.awaitNoContainers()
}

// A task whose end was reported is not started any more, whatever its container looks like.
func TestEndedTaskIsNotStarted(t *testing.T) {
	for name, knowsContainer := range map[string]bool{"container known": true, "container not known": false} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), `echo once`))
			e.awaitExit()
			created := h.onlyCreated(e)
			h.start()
			e.state.Exited, e.state.ContainerID = true, ""
			if knowsContainer {
				e.state.ContainerID = created
			}
			e.reconnect(h.socket)
			<-h.server.Recovered()
			if c, err := h.docker.ContainerInspect(context.Background(), created); err == nil && c.State.StartedAt[:4] != "0001" {
				t.Error("the container was started")
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}

// What an executor says is its container is looked at before it is touched.
func TestForeignContainerIsNotTakenOver(t *testing.T) {
	h := newHost(t)
	foreign, err := h.docker.ContainerCreate(context.Background(), &container.Config{
		Image: environment.Busybox(t), Cmd: []string{"sleep", "1000"},
	}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "foreign-"+t.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer h.docker.ContainerRemove(context.Background(), foreign.ID, container.RemoveOptions{Force: true})
	if err := h.docker.ContainerStart(context.Background(), foreign.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	e := h.newExecutor()
	e.state = wire.State{
		Launch: launchOf(t, dockerTask(t, environment.Busybox(t), "true")), ContainerID: foreign.ID, Running: true,
		Kill: &wire.Kill{Deadline: time.Now()},
	}
	e.attach.Executor += "-again"
	e.reconnect(h.socket)
	mustName(t, e.awaitExit().Message, foreign.ID, "not this task's")
	e.done()
	if c, err := h.docker.ContainerInspect(context.Background(), foreign.ID); err != nil || !c.State.Running {
		t.Errorf("the container was touched: %v", err)
	}
}

// An executor that lost its stream, as after an Engine restart, gets a new one from the Engine's log, without a gap.
func TestOutputIsResumed(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), `trap 'echo last; exit 0' TERM; echo ready; while :; do sleep 0.05; done`))
	e.awaitRunning()
	awaitText(t, e, "ready\n")
	e.output.Close()
	e.send(wire.Message{Resume: &wire.Resume{Since: time.Now(), Broken: true}})
	for e.next().Output == nil {
	}
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(time.Hour)}})
	stdout, _ := e.readOutput()
	if !strings.HasSuffix(stdout, "last\n") {
		t.Errorf("stdout %q", stdout)
	}
	e.awaitExit()
	e.done()
	h.awaitNoContainers()
}

func TestExecutorKilled(t *testing.T) {
	const deaf = `trap '' TERM; while :; do sleep 0.05; done`
	t.Run("with the daemon there", func(t *testing.T) {
		h := newHost(t)
		p := h.newProcess(dockerTask(t, environment.Busybox(t), deaf), 200*time.Millisecond)
		p.awaitRunning(t)
		p.kill()
		h.awaitNoContainers()
	})
	t.Run("while the daemon is away", func(t *testing.T) {
		h := newHost(t)
		p := h.newProcess(dockerTask(t, environment.Busybox(t), deaf), 200*time.Millisecond)
		p.awaitRunning(t)
		h.stop()
		p.kill()
		h.start()
		h.awaitNoContainers()
	})
	t.Run("after the daemon came back", func(t *testing.T) {
		h := newHost(t)
		p := h.newProcess(dockerTask(t, environment.Busybox(t), deaf), 200*time.Millisecond)
		p.awaitRunning(t)
		h.restart()
		<-h.server.Recovered()
		if list := h.containers(); len(list) != 1 || list[0].State != container.StateRunning {
			t.Errorf("its executor lives and was to be waited for: %v", list)
		}
		p.kill() // it had not attached again
		h.awaitNoContainers()
	})
	t.Run("while the daemon is away, with a process that the Engine's stop leaves", func(t *testing.T) {
		h := newHost(t)
		p := h.newProcess(dockerTask(t, environment.Busybox(t), "sleep 1000"), 200*time.Millisecond)
		p.awaitRunning(t)
		left, _ := putInCgroup(t, h.containers()[0].ID, program(t))
		h.stop()
		p.kill()
		h.start()
		if err := left.wait(); err == nil || err.Error() != "signal: killed" {
			t.Errorf("it ended with %v", err)
		}
		h.awaitNoContainers()
	})
	t.Run("while pulling", func(t *testing.T) {
		h := newHost(t)
		p := h.newProcess(dockerTask(t, silentRegistry(t)+"/app:1", "true"), 0)
		var m wire.Message
		for m.Accepted == nil {
			if err := p.lines.Decode(&m); err != nil {
				t.Fatal(err)
			}
		}
		p.kill()
		environment.Eventually(t, patience, "the session to end", func() bool {
			h.server.mu.Lock()
			defer h.server.mu.Unlock()
			return len(h.server.sessions) == 0
		})
	})
}

func TestOrphansAreLeftWhereTheAdminSaysSo(t *testing.T) {
	h := newHost(t)
	p := h.newProcess(dockerTask(t, environment.Busybox(t), "sleep 1000"), 0)
	p.awaitRunning(t)
	h.stop()
	p.kill()
	h.options.KillOrphans = false
	h.start()
	<-h.server.Recovered()
	id := h.containers()[0].ID
	h.docker.ContainerKill(context.Background(), id, "KILL")
	h.restart() // a stopped one is never an orphan, only due for removal
	h.awaitNoContainers()
}

// Only what our labels name by its real name is ours: not a container of an image that was committed from ours, and not one
// of another daemon.
func TestForeignContainersAreNotTouched(t *testing.T) {
	h := newHost(t)
	create := func(name string, labels engine.Labels) string {
		created, err := h.docker.ContainerCreate(context.Background(), &container.Config{
			Image: environment.Busybox(t), Cmd: []string{"sleep", "1000"}, Labels: labels.Map(),
		}, &container.HostConfig{NetworkMode: "none"}, nil, nil, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			h.docker.ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true})
		})
		if err := h.docker.ContainerStart(context.Background(), created.ID, container.StartOptions{}); err != nil {
			t.Fatal(err)
		}
		return created.ID
	}
	h.stop()
	dead := engine.Labels{ExecutorPID: 1 << 22, BootID: "another boot"}
	committed, other, orphan := dead, dead, dead
	committed.Instance, committed.Name = h.server.instance.id, "of-the-original"
	other.Instance, other.Name = "another-instance", "foreign-other"
	orphan.Instance, orphan.Name = h.server.instance.id, "foreign-orphan"
	untouched := []string{create("foreign-committed", committed), create("foreign-other", other)}
	gone := create("foreign-orphan", orphan)
	h.start()
	environment.Eventually(t, patience, "the orphan to be removed", func() bool {
		_, err := h.options.Engine.Inspect(context.Background(), gone)
		return engine.IsNotFound(err)
	})
	for _, id := range untouched {
		if c, err := h.docker.ContainerInspect(context.Background(), id); err != nil || !c.State.Running {
			t.Errorf("container %s was touched: %v", id, err)
		}
		h.docker.ContainerRemove(context.Background(), id, container.RemoveOptions{Force: true})
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	o := Options{RunDirectory: t.TempDir(), Logger: zaptest.NewLogger(t)}
	first, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(o.RunDirectory, link); err != nil {
		t.Fatal(err)
	}
	for _, directory := range []string{o.RunDirectory, link} {
		o.RunDirectory = directory
		if _, err := New(o); !errors.Is(err, ErrRunDirectoryInUse) {
			t.Errorf("second daemon on %s: %v", directory, err)
		}
	}
	first.instance.release()
	again, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if again.instance.id != first.instance.id {
		t.Error("the same run directory has another identity")
	}
	again.instance.release()
}

// Without an Engine the daemon comes up, says what it waits for, takes kills, and tasks fail in time.
func TestEngineAbsent(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "no.sock")
	serve := func(t *testing.T, limit time.Duration) (*executor, func()) {
		o := hostOptions(t, absent)
		o.PrepareTimeout = limit
		h := &host{t: t, options: o, socket: filepath.Join(t.TempDir(), "executor.sock")}
		h.start()
		t.Cleanup(h.stop)
		e := h.newExecutor()
		e.launch(dockerTask(t, "busybox", "true"))
		return e, h.stop
	}
	t.Run("in time", func(t *testing.T) {
		e, _ := serve(t, 2*time.Second)
		var progress string
		for {
			m := e.next()
			if m.Progress != nil {
				progress = m.Progress.Message
			}
			if m.Exited != nil {
				mustName(t, m.Exited.Message, "2s", "waiting for the Docker Engine")
				break
			}
		}
		mustName(t, progress, "Waiting for the Docker Engine", absent)
	})
	t.Run("kill", func(t *testing.T) {
		e, _ := serve(t, time.Hour)
		e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(time.Hour)}})
		mustName(t, e.awaitExit().Message, "killed before it was started")
	})
}

// Whatever a client writes to the socket, the daemon answers or hangs up, and serves others.
func TestBadConversations(t *testing.T) {
	h := newHost(t)
	for name, bytes := range map[string][]byte{
		"nothing":           {},
		"truncated frame":   {0, 0, 1},
		"oversized frame":   {255, 255, 255, 255},
		"not JSON":          append([]byte{0, 0, 0, 3}, "abc"...),
		"launch first":      append([]byte{0, 0, 0, 13}, `{"launch":{}}`...),
		"incomplete attach": append([]byte{0, 0, 0, 13}, `{"attach":{}}`...),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("unix", h.socket)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.Write(bytes)
			c.(*net.UnixConn).CloseWrite()
			c.SetReadDeadline(time.Now().Add(patience))
			buffer := make([]byte, 4096)
			for {
				if _, err := c.Read(buffer); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal("the daemon neither answers nor hangs up")
				} else if err != nil {
					return
				}
			}
		})
	}
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "exit 4"))
	if exit := e.awaitExit(); exit.Code != 4 {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}

func TestNewerExecutorIsRefused(t *testing.T) {
	h := newHost(t)
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: h.socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	conn := wire.NewConn(c)
	defer conn.Close()
	conn.Send(wire.Message{Attach: &wire.Attach{Version: wire.Version + 1, Route: wire.RouteCustom, Framework: "f", Executor: "e", Sandbox: "/"}}, nil)
	m, _, err := conn.Receive()
	if err != nil || m.Refused == nil || !m.Refused.Permanent {
		t.Fatalf("%+v, %v", m, err)
	}
	mustName(t, m.Refused.Reason, "upgrade")
}

// A TaskInfo that is none fails its task, whatever the decoder makes of it.
func TestMalformedTaskInfo(t *testing.T) {
	for name, bytes := range map[string][]byte{
		"empty":          {},
		"text":           []byte("not a message"),
		"hostile length": {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"hostile group":  {0x62, 0x0b, 0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			e := h.newExecutor()
			e.send(wire.Message{Launch: &wire.Launch{Task: "t", TaskInfo: bytes}})
			if exit := e.awaitExit(); exit.Outcome != wire.OutcomeFailed {
				t.Errorf("exit %+v", exit)
			}
			e.done()
		})
	}
}

// As drop-in the container has exactly the name the agent demands and is kept, stopped, as long as its executor lives, because
// agents inspect it, and then for docker_remove_delay; a daemon that comes later counts from the container's end too.
func TestRemovalAsDropIn(t *testing.T) {
	h := newHost(t, func(o *Options) { o.RemoveDelay = time.Hour })
	name := "dropin-" + t.Name()
	p := h.startProcess(dockerTask(t, environment.Busybox(t), "exit 8"), wire.Attach{Route: wire.RouteDropIn, ContainerName: name})
	if exit := p.awaitExit(t); exit.Code != 8 {
		t.Errorf("exit %+v", exit)
	}
	kept := func(when string) {
		t.Helper()
		if list := h.containers(); len(list) != 1 || list[0].Names[0] != "/"+name || list[0].State != container.StateExited {
			t.Errorf("%s: %+v", when, list)
		}
	}
	kept("with its executor alive")
	p.kill()
	environment.Eventually(t, patience, "the server to notice the executor's death", func() bool {
		h.server.mu.Lock()
		defer h.server.mu.Unlock()
		return len(h.server.sessions) == 0
	})
	kept("before the delay is over")
	h.restart()
	<-h.server.Recovered()
	kept("with a new daemon")
	h.stop()
	h.options.RemoveDelay = 0
	h.start()
	h.awaitNoContainers()
}
