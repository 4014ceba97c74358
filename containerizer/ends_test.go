package containerizer

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	ours "mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

const (
	anyInspect = `/containers/[0-9a-f]{64}/json`
	always     = 1_000_000
)

// forget has the Engine not know a container the next n times that it is asked for it, and come back so that it is asked.
func forget(p *fakeengine.Proxy, n int) {
	p.Fault(fakeengine.Forget, http.MethodGet, anyInspect, n)
	p.Fault(fakeengine.Forget, http.MethodPost, `/containers/.*/(kill|wait)`, n)
	p.Away()
	p.Back()
}

// removeForgotten removes the container that only the real Engine knows, and returns how it has ended.
func (h *host) removeForgotten(id string) (code int) {
	h.t.Helper()
	var c container.InspectResponse
	environment.Eventually(h.t, patience, "the container's end", func() (ended bool) {
		var err error
		c, err = h.docker.ContainerInspect(context.Background(), id)
		return err == nil && !c.State.Running
	})
	if err := h.docker.ContainerRemove(context.Background(), id, container.RemoveOptions{Force: true}); err != nil {
		h.t.Error(err)
	}
	return c.State.ExitCode
}

// A container that the Engine does not know any more, as after a rollback, has not ended as long as its process runs. The process is
// stopped, and then the end is told.
func TestForgottenContainer(t *testing.T) {
	const obedient, deaf = "trap 'exit 3' TERM; ", "trap '' TERM; "
	for name, test := range map[string]struct {
		line  string
		grace time.Duration
		then  func(h *host, e *executor) // once the container is forgotten
		code  int
	}{
		"obeys":     {obedient, time.Hour, nil, 3},
		"is killed": {deaf, 500 * time.Millisecond, nil, 137},
		"of a killed task": {deaf, time.Hour, func(_ *host, e *executor) {
			e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(500 * time.Millisecond)}})
		}, 137},
		"after a restart of the daemon": {deaf, 500 * time.Millisecond, func(h *host, e *executor) {
			h.restart()
			e.reconnect(h.socket)
		}, 137},
		"of a task killed after a restart of the daemon": {obedient, time.Hour, func(h *host, e *executor) {
			h.stop()
			e.state.Kill = &wire.Kill{Deadline: time.Now().Add(time.Hour)}
			h.start()
			e.reconnect(h.socket)
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := newFailingHost(t)
			e := h.newExecutor()
			e.attach.Executor, e.attach.StopGrace = t.Name()+"-again", test.grace
			e.conn.Close()
			e.connect(h.socket)
			e.launch(dockerTask(t, environment.Busybox(t), test.line+"echo ready; while :; do sleep 0.05; done"))
			e.awaitRunning()
			awaitText(t, e, "ready\n")
			forget(p, always)
			if test.then != nil {
				test.then(h, e)
			}
			exit := e.awaitExit()
			if exit.Outcome != wire.OutcomeUnknown || !exit.Gone {
				t.Errorf("exit %+v", exit)
			}
			mustName(t, exit.Message, "does not know the container", "was stopped")
			if code := h.removeForgotten(e.state.ContainerID); code != test.code {
				t.Errorf("the container ended with %d, want %d", code, test.code)
			}
			e.done()
		})
	}
}

// A task goes on whose container the Engine knows again, even if it was told to stop, and its end is that which the Engine tells.
func TestForgottenContainerIsKnownAgain(t *testing.T) {
	for name, test := range map[string]struct{ told, restart bool }{
		"at once": {false, false}, "after the stop signal": {true, false}, "after a restart of the daemon": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := newFailingHost(t)
			e := h.newExecutor()
			e.attach.Executor, e.attach.StopGrace = t.Name()+"-again", time.Hour
			e.conn.Close()
			e.connect(h.socket)
			e.launch(dockerTask(t, environment.Busybox(t),
				`trap 'touch "$MESOS_SANDBOX/told"' TERM; echo ready; until [ -e "$MESOS_SANDBOX/end" ]; do sleep 0.05; done; exit 4`))
			e.awaitRunning()
			awaitText(t, e, "ready\n")
			told := func() bool {
				_, err := os.Stat(filepath.Join(e.attach.Sandbox, "told"))
				return err == nil
			}
			if test.restart {
				h.stop()
			}
			before := p.Count(http.MethodGet, anyInspect)
			if test.told {
				forget(p, always)
			} else {
				forget(p, 1)
			}
			if test.restart {
				h.start()
				e.reconnect(h.socket)
			}
			if test.told {
				environment.Eventually(t, patience, "the stop signal", told)
				p.Mend()
			}
			environment.Eventually(t, patience, "the container to be known again", func() bool { return p.Count(http.MethodGet, anyInspect) > before+1 })
			if told() != test.told {
				t.Errorf("the task was told to stop: %t", told())
			}
			if err := os.WriteFile(filepath.Join(e.attach.Sandbox, "end"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if exit := e.awaitExit(); exit.Outcome != wire.OutcomeExited || exit.Code != 4 {
				t.Errorf("exit %+v", exit)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}

// An agent's docker run goes the same way.
func TestOwnersContainerIsForgotten(t *testing.T) {
	owners(t, func(t *testing.T, h *host, p *fakeengine.Proxy, o containerOwner) {
		name := ownedName()
		o.begin(name, "trap 'exit 3' TERM; while :; do sleep 0.05; done")
		var id string
		environment.Eventually(t, patience, "the container", func() bool {
			c, err := h.docker.ContainerInspect(t.Context(), name)
			if err != nil || !c.State.Running {
				return false
			}
			id = c.ID
			return p.Count(http.MethodGet, anyInspect) > 0
		})
		forget(p, always)
		got, text := o.await()
		if got.Ran {
			t.Errorf("%+v", got)
		}
		mustName(t, text, "does not know the container", "was stopped")
		if code := h.removeForgotten(id); code != 3 {
			t.Errorf("the container ended with %d", code)
		}
	})
}

// A process that another executor's claim would stop is left alone where the Engine does not say whose it is.
func TestForgottenContainerOfAnotherUser(t *testing.T) {
	h, p := newFailingHost(t)
	victim := h.newExecutor()
	victim.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	victim.awaitRunning()
	c := ours.New(ours.Options{Engine: h.options.Engine, Logger: h.options.Logger})
	p.Fault(fakeengine.Forget, http.MethodGet, anyInspect, 1)
	if _, err := c.FindByID(t.Context(), victim.state.ContainerID); err == nil || !strings.Contains(err.Error(), ours.ErrVanished.Error()) {
		t.Errorf("error %v", err)
	}
	victim.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	if exit := victim.awaitExit(); exit.Code != 137 {
		t.Errorf("exit %+v", exit)
	}
	victim.done()
	h.awaitNoContainers()
}

// breakAll has each request fail in a way, but for those on the stream of events that is open.
func breakAll(p *fakeengine.Proxy, kind fakeengine.Kind, path string) {
	for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodPost, http.MethodDelete} {
		p.Fault(kind, method, path, always)
	}
}

// impatient restarts the server, for which the Engine may owe an exit for a moment only.
func (h *host) impatient() {
	h.adjust = func(s *Server) { s.lostExit, s.stoppedExit = time.Second, stoppedExitTimeout }
	h.restart()
	<-h.server.Recovered()
}

// The Engine may owe the exit of a container whose process is gone for as long as it answers nothing at all, and its word counts when
// it is back. One that answers other questions owes it no longer than the limit.
func TestSilentEngine(t *testing.T) {
	const program = `echo ready; until [ -e "$MESOS_SANDBOX/end" ]; do sleep 0.05; done; exit 4`
	for name, test := range map[string]struct {
		path string
		want wire.Exited
	}{
		"silent":                  {`/.*`, wire.Exited{Outcome: wire.OutcomeExited, Code: 4}},
		"silent on the container": {`/containers/.*`, wire.Exited{Outcome: wire.OutcomeUnknown, Fault: wire.FaultHost, Gone: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := newFailingHost(t)
			h.impatient()
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), program))
			e.awaitRunning()
			awaitText(t, e, "ready\n")
			breakAll(p, fakeengine.Break, test.path)
			if err := os.WriteFile(filepath.Join(e.attach.Sandbox, "end"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			for e.next().Gone == nil {
			}
			told := p.Count(http.MethodHead, `/_ping`)
			if test.want.Outcome == wire.OutcomeExited {
				// More than the limit passes between two looks, of which each asks once or twice.
				environment.Eventually(t, patience, "questions", func() bool { return p.Count(http.MethodHead, `/_ping`) >= told+5 })
				p.Mend()
			}
			exit := *e.awaitExit()
			if exit.Outcome == wire.OutcomeUnknown {
				mustName(t, exit.Message, "process is gone and the Docker Engine has not reported its exit within")
				exit.Message = ""
			}
			if exit != test.want {
				t.Errorf("exit %+v, want %+v", exit, test.want)
			}
			p.Mend()
			e.done()
			h.awaitNoContainers()
		})
	}
}

// A task that is killed while the Engine hangs is known to have ended soon after, whether the daemon was restarted meanwhile or not.
func TestKillWhileTheEngineIsSilent(t *testing.T) {
	for name, test := range map[string]struct {
		grace   time.Duration
		restart bool
	}{"at once": {0, false}, "in time": {2 * time.Second, false}, "after a restart": {0, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := newFailingHost(t)
			h.impatient()
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), "trap '' TERM; echo ready; while :; do sleep 0.05; done"))
			e.awaitRunning()
			awaitText(t, e, "ready\n")
			if test.restart {
				h.stop()
			}
			breakAll(p, fakeengine.Hang, `/.*`)
			deadline := time.Now().Add(test.grace)
			kill := &wire.Kill{Deadline: deadline}
			if test.restart {
				e.state.Kill = kill
				h.start()
				e.reconnect(h.socket)
			} else {
				e.send(wire.Message{Kill: kill})
			}
			exit := e.awaitExit()
			if took := time.Since(deadline); took > 5*time.Second && !test.restart || took > 15*time.Second {
				t.Errorf("it took %v from the deadline on", took)
			}
			if exit.Outcome != wire.OutcomeUnknown || !exit.Gone {
				t.Errorf("exit %+v", exit)
			}
			p.Release()
			e.done()
			h.awaitNoContainers()
		})
	}
}

// An orphan that the Engine does not know any more when its executor dies is stopped, too.
func TestForgottenOrphan(t *testing.T) {
	h, p := newFailingHost(t)
	e := h.newProcess(dockerTask(t, environment.Busybox(t), "trap 'exit 3' TERM; while :; do sleep 0.05; done"), time.Hour)
	e.awaitRunning(t)
	id := h.containers()[0].ID
	h.restart()
	<-h.server.Recovered()
	p.Fault(fakeengine.Forget, http.MethodGet, anyInspect, always)
	e.kill()
	if code := h.removeForgotten(id); code != 3 {
		t.Errorf("the container ended with %d", code)
	}
}

// The restart of a container, as by docker restart, ends its task: a program that the daemon has not started is not the task's. Where the
// container is inspected between the two runs, the end of the first is known.
func TestContainerRestartedBehindOurBack(t *testing.T) {
	for name, test := range map[string]struct {
		unseen bool // the Engine tells nothing until the second has begun
		line   string
	}{
		"seen":                 {false, "sleep 1000"},
		"unseen":               {true, "sleep 1000"},
		"the second ends, too": {true, `echo >> "$MESOS_SANDBOX/runs"; [ $(wc -l < "$MESOS_SANDBOX/runs") = 2 ] || sleep 1000`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := newFailingHost(t)
			e := h.newExecutor()
			e.attach.Executor = t.Name() + "-again"
			e.conn.Close()
			e.connect(h.socket)
			e.launch(dockerTask(t, environment.Busybox(t), test.line))
			e.awaitRunning()
			if test.unseen {
				p.Fault(fakeengine.Fail, http.MethodGet, anyInspect, always)
			}
			if err := h.docker.ContainerRestart(t.Context(), e.state.ContainerID, container.StopOptions{Timeout: new(0)}); err != nil {
				t.Fatal(err)
			}
			p.Mend()
			exit := e.awaitExit()
			if told := exit.Outcome == wire.OutcomeExited && exit.Code == 137; !told || test.unseen {
				if exit.Outcome != wire.OutcomeUnknown || !exit.Gone {
					t.Errorf("exit %+v", exit)
				}
				mustName(t, exit.Message, "started again", "docker restart")
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}
