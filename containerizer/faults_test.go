package containerizer

import (
	"net/http"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// newFailingHost is a host whose server reaches the Engine through a proxy that fails on demand.
func newFailingHost(t *testing.T) (*host, *fakeengine.Proxy) {
	t.Helper()
	p := fakeengine.New(t, environment.Socket(t))
	h := newHost(t, func(o *Options) {
		logger := zaptest.NewLogger(t)
		e, err := engine.New(engine.Options{Socket: p.Socket, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		images, err := image.New(image.Options{Engine: e, InactivityTimeout: time.Minute, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		o.Engine, o.Images = e, images
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

// The Engine goes away and comes back while a task runs: that is not an exit, and what happens later is seen.
func TestEngineAwayWhileRunning(t *testing.T) {
	h, p := newFailingHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), "sleep 1000"))
	e.awaitRunning()
	p.Away()
	eventually(t, "the server to notice", func() bool { return h.server.watch.away() != nil })
	p.Back()
	eventually(t, "the server to see it again", func() bool { return h.server.watch.away() == nil })
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
	eventually(t, "the container's end", func() bool {
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

// Events are hints: an exit whose event never comes is seen all the same.
func TestExitWithoutEvent(t *testing.T) {
	p := fakeengine.New(t, environment.Socket(t))
	p.Fault(fakeengine.Silence, http.MethodGet, `/events`, 100)
	h := newHost(t, func(o *Options) {
		logger := zaptest.NewLogger(t)
		e, err := engine.New(engine.Options{Socket: p.Socket, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		o.Engine = e
	})
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
	eventually(t, "the create", func() bool { return p.Count(http.MethodPost, `/containers/create`) == 1 })
	e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
	mustName(t, e.awaitExit().Message, "killed before it was started")
	e.done()
	p.Release()
	// It is there for a moment; the event or the next look removes it.
	eventually(t, "the create to take effect and the container to be removed", func() bool {
		return p.Count(http.MethodDelete, `/containers/.*`) > 0
	})
	h.awaitNoContainers()
}
