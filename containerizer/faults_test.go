package containerizer

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// newFailingHost is a host whose server reaches the Engine through a proxy that fails on demand, from the start on or later.
func newFailingHost(t *testing.T, fromTheStart ...func(*fakeengine.Proxy)) (*host, *fakeengine.Proxy) {
	t.Helper()
	p := fakeengine.New(t, environment.Socket(t))
	for _, fault := range fromTheStart {
		fault(p)
	}
	h := newHost(t, func(o *Options) {
		failing := hostOptions(t, p.Socket)
		o.Engine, o.Images, o.Metrics = failing.Engine, failing.Images, failing.Metrics
	})
	<-h.server.Recovered()
	return h, p
}

// An answer that was lost leaves open whether the call took effect. Either way the task runs, once.
func TestLostAnswers(t *testing.T) {
	for name, fault := range map[string]struct {
		kind         fakeengine.Kind
		method, path string
	}{
		"create was done":     {fakeengine.LoseAnswer, http.MethodPost, `/containers/create`},
		"create was not done": {fakeengine.Break, http.MethodPost, `/containers/create`},
		"start was done":      {fakeengine.LoseAnswer, http.MethodPost, `/containers/.*/start`},
		"start was not done":  {fakeengine.Break, http.MethodPost, `/containers/.*/start`},
		"inspect":             {fakeengine.Break, http.MethodGet, `/containers/.*/json`},
		"attach":              {fakeengine.Break, http.MethodPost, `/containers/.*/attach`},
		"info":                {fakeengine.Break, http.MethodGet, `/info`},
		"remove was done":     {fakeengine.LoseAnswer, http.MethodDelete, `/containers/.*`},
		"remove was not done": {fakeengine.Break, http.MethodDelete, `/containers/.*`},
	} {
		t.Run(name, func(t *testing.T) {
			h, p := newFailingHost(t)
			p.Fault(fault.kind, fault.method, fault.path, 1)
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), "echo once; exit 5"))
			e.awaitRunning()
			if exit := e.awaitExit(); exit.Code != 5 {
				t.Errorf("exit %+v", exit)
			}
			if stdout, _ := e.readOutput(); stdout != "once\n" {
				t.Errorf("stdout %q", stdout)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}

// An internal error of the Engine says nothing of a container: neither a running one nor one just started is given up for it.
func TestInternalErrors(t *testing.T) {
	for name, path := range map[string]string{"inspect": `/containers/.*/json`, "list": `/containers/json`} {
		t.Run(name+" after a restart", func(t *testing.T) {
			h, p := newFailingHost(t)
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
			e.awaitRunning()
			h.stop()
			const failures = 2
			before := p.Count(http.MethodGet, path)
			p.Fault(fakeengine.Fail, http.MethodGet, path, failures)
			h.start()
			e.reconnect(h.socket)
			e.awaitRunning()
			environment.Eventually(t, patience, "the failures", func() bool { return p.Count(http.MethodGet, path) > before+failures })
			e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
			if exit := e.awaitExit(); exit.Code != 137 {
				t.Errorf("exit %+v", exit)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
	t.Run("inspect after the start", func(t *testing.T) {
		h, p := newFailingHost(t)
		p.Fault(fakeengine.Fail, http.MethodGet, `/containers/.*/json`, 2)
		e := h.newExecutor()
		e.launch(dockerTask(t, environment.Busybox(t), "exit 5"))
		e.awaitRunning()
		if exit := e.awaitExit(); exit.Code != 5 {
			t.Errorf("exit %+v", exit)
		}
		e.done()
		h.awaitNoContainers()
	})
}

// A kill that comes between a lost create and its effect leaves a tombstone too.
func TestContainerThatAppearsAfterALostCreate(t *testing.T) {
	h, p := newFailingHost(t)
	p.Fault(fakeengine.Late, http.MethodPost, `/containers/create`, 1)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	environment.Eventually(t, patience, "the look at the name", func() bool { return p.Count(http.MethodGet, `/containers/mdc-.*/json`) > 0 })
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(time.Hour)}})
	if exit := e.awaitExit(); exit.Outcome != wire.OutcomeFailed {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	p.Release()
	environment.Eventually(t, patience, "the container to be removed", func() bool { return p.Count(http.MethodDelete, `/containers/.*`) > 0 })
	h.awaitNoContainers()
}

// An executor whose connection broke before it heard of the container gets its output all the same, from the first byte.
func TestOutputAfterABrokenConnection(t *testing.T) {
	h, p := newFailingHost(t)
	p.Fault(fakeengine.Hang, http.MethodPost, `/containers/create`, 1)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "echo first; sleep 1000"))
	environment.Eventually(t, patience, "the create", func() bool { return p.Count(http.MethodPost, `/containers/create`) == 1 })
	e.conn.Close()
	p.Release()
	environment.Eventually(t, patience, "the start", func() bool { return p.Count(http.MethodPost, `/containers/.*/start`) == 1 })
	e.reconnect(h.socket)
	for e.output == nil {
		e.next()
	}
	awaitText(t, e, "first\n")
	e.end()
	h.awaitNoContainers()
}

// The last words of a container that ends while the Engine is away are in the Engine's log, and come before its exit.
func TestLastWordsWhileTheEngineIsAway(t *testing.T) {
	h, p := newFailingHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "trap 'echo last words; exit 0' TERM; echo ready; while :; do sleep 0.05; done"))
	e.awaitRunning()
	awaitText(t, e, "ready\n")
	since := time.Now()
	e.output.Close() // as the Engine's death closes it
	e.output = nil
	p.Away()
	e.send(wire.Message{Resume: &wire.Resume{Since: since, Ended: since.Add(-time.Minute)}}) // the Engine's death was a while ago
	environment.Eventually(t, patience, "the server to notice", func() bool { return h.server.watch.away() != nil })
	h.docker.ContainerKill(t.Context(), e.state.ContainerID, "TERM")
	environment.Eventually(t, patience, "the container's end", func() bool {
		c, err := h.docker.ContainerInspect(t.Context(), e.state.ContainerID)
		return err == nil && !c.State.Running
	})
	p.Back()
	e.awaitExit()
	if e.output == nil {
		t.Fatal("no output came before the exit")
	}
	if stdout, _ := e.readOutput(); !strings.HasSuffix(stdout, "last words\n") {
		t.Errorf("stdout %q", stdout)
	}
	e.done()
	h.awaitNoContainers()
}

// A question to the Engine that hangs holds up neither another task's kill nor its own.
func TestKillWhileInfoHangs(t *testing.T) {
	h, p := newFailingHost(t)
	p.Fault(fakeengine.Hang, http.MethodGet, `/info`, 100)
	var executors []*executor
	for i := range 3 {
		e := h.newExecutor()
		e.attach.Executor += fmt.Sprint(i)
		e.conn.Close()
		e.connect(h.socket)
		e.launch(dockerTask(t, environment.Busybox(t), "true"))
		executors = append(executors, e)
	}
	began := time.Now()
	for _, e := range executors {
		e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	}
	for _, e := range executors {
		e.awaitExit()
		e.done()
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the kills took %v", took)
	}
}

// The Engine goes away and comes back while a task runs: that is not an exit, and what happens later is seen.
func TestEngineAwayWhileRunning(t *testing.T) {
	h, p := newFailingHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	e.awaitRunning()
	p.Away()
	environment.Eventually(t, patience, "the server to notice", func() bool { return h.server.watch.away() != nil })
	p.Back()
	environment.Eventually(t, patience, "the server to see it again", func() bool { return h.server.watch.away() == nil })
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	if exit := e.awaitExit(); exit.Outcome != wire.OutcomeExited || exit.Code != 137 {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}

// A kill works while the Engine is away: the process is signalled directly, and the exit is reported when the Engine can
// confirm it.
func TestKillWhileTheEngineIsAway(t *testing.T) {
	h, p := newFailingHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	e.awaitRunning()
	p.Away()
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	environment.Eventually(t, patience, "the container's end", func() bool {
		c, err := h.docker.ContainerInspect(t.Context(), e.state.ContainerID)
		return err == nil && !c.State.Running
	})
	p.Back()
	if exit := e.awaitExit(); exit.Outcome != wire.OutcomeExited || exit.Code != 137 {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}

// A kill works while the Engine hangs over the signal.
func TestKillThatHangs(t *testing.T) {
	h, p := newFailingHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	e.awaitRunning()
	p.Fault(fakeengine.Hang, http.MethodPost, `/containers/.*/kill`, 100)
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	if exit := e.awaitExit(); exit.Code != 137 {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}

// A start that is answered late, after the deadline of a kill, is of a container that ran: its end is told like any other.
func TestKillDuringAStartThatHangs(t *testing.T) {
	h, p := newFailingHost(t)
	p.Fault(fakeengine.Hang, http.MethodPost, `/containers/.*/start`, 1)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	environment.Eventually(t, patience, "the start", func() bool { return p.Count(http.MethodPost, `/containers/.*/start`) == 1 })
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	environment.Eventually(t, patience, "the kill", func() bool { all := h.server.Tasks(); return len(all) == 1 && all[0].State == StateStopping })
	p.Release()
	if exit := e.awaitExit(); exit.Outcome != wire.OutcomeExited || exit.Code != 137 {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}

// Events are hints: an exit whose event never comes is seen all the same.
func TestExitWithoutEvent(t *testing.T) {
	h, _ := newFailingHost(t, func(p *fakeengine.Proxy) { p.Fault(fakeengine.Silence, http.MethodGet, `/events`, 100) })
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 0.2; exit 6"))
	e.awaitRunning()
	if exit := e.awaitExit(); exit.Code != 6 {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}

// A create that hangs beyond the task's end leaves a tombstone: the container that appears later is removed.
func TestContainerThatAppearsAfterItsTaskEnded(t *testing.T) {
	h, p := newFailingHost(t)
	p.Fault(fakeengine.Hang, http.MethodPost, `/containers/create`, 1)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "true"))
	environment.Eventually(t, patience, "the create", func() bool { return p.Count(http.MethodPost, `/containers/create`) == 1 })
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	mustName(t, e.awaitExit().Message, "killed before it was started")
	e.done()
	p.Release()
	// It is there for a moment; the event or the next look removes it.
	environment.Eventually(t, patience, "the create to take effect and the container to be removed", func() bool {
		return p.Count(http.MethodDelete, `/containers/.*`) > 0
	})
	h.awaitNoContainers()
	h.awaitFigures(map[string]float64{"containers_removed_total": 1})
}
