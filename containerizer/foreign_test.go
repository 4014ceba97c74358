package containerizer

import (
	"net/http"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// A container that another has ended through the Engine has not finished, however well it took that. One that got a signal by which
// nothing is ended, or was to be stopped, is as any other.
func TestForeignEnds(t *testing.T) {
	const obedient = `trap 'exit 0' TERM; trap 'exit 0' USR1; trap 'exit 0' HUP; echo ready; while :; do sleep 0.05; done`
	ten := 10
	stop := func(h *host, e *executor) {
		if err := h.docker.ContainerStop(h.t.Context(), e.state.ContainerID, container.StopOptions{Timeout: &ten}); err != nil {
			h.t.Error(err)
		}
	}
	kill := func(signal string) func(*host, *executor) {
		return func(h *host, e *executor) {
			if err := h.docker.ContainerKill(h.t.Context(), e.state.ContainerID, signal); err != nil {
				h.t.Error(err)
			}
		}
	}
	for name, test := range map[string]struct {
		end     func(*host, *executor)
		away    bool // the daemon is, meanwhile
		code    int
		foreign string // the signal, empty if the end is not foreign
	}{
		"docker stop":                 {stop, false, 0, "SIGTERM"},
		"docker stop, daemon away":    {stop, true, 0, "SIGTERM"},
		"docker kill":                 {kill("KILL"), false, 137, "SIGKILL"},
		"a signal that is not to end": {kill("USR1"), false, 0, ""},
		"killed by the framework": {func(h *host, e *executor) {
			e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now().Add(time.Hour)}})
		}, false, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), obedient))
			e.awaitRunning()
			awaitText(t, e, "ready\n")
			if test.away {
				h.stop()
			}
			test.end(h, e)
			if test.away {
				h.start()
				e.reconnect(h.socket)
			}
			exit := e.awaitExit()
			if exit.Outcome != wire.OutcomeExited || exit.Code != test.code || exit.Foreign != (test.foreign != "") {
				t.Errorf("exit %+v", exit)
			}
			if test.foreign != "" {
				mustName(t, exit.Message, test.foreign+" came through the Docker Engine", "docker stop")
			} else if exit.Message != "" {
				t.Errorf("message %q", exit.Message)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}

// Of many signals the latest are known, and with them the one that a container ends by, whether its session has heard them or is yet to.
func TestLatestKillsAreKnown(t *testing.T) {
	f := &foreignKills{died: make(chan struct{})}
	w := newWatch(nil, "", nil, nil)
	last := engine.Event{Name: "c", Action: "kill", Signal: "15"}
	for range 3 * maxMissed {
		f.hear(engine.Event{Name: "c", Action: "kill", Signal: "1"})
		w.wakeFor(engine.Event{Name: "c", Action: "kill", Signal: "1"})
	}
	f.hear(last)
	if n := len(f.kills); n > maxMissed || f.kills[n-1] != last {
		t.Errorf("the session knows %+v", f.kills)
	}
	w.wakeFor(last)
	w.wakeFor(engine.Event{Name: "c", Action: "die"})
	var told []engine.Event
	defer w.subscribe("c", func(e engine.Event) { told = append(told, e) })()
	if n := len(told); n > maxMissed || told[n-1].Action != "die" || told[n-2] != last {
		t.Errorf("a session that comes later is told %+v", told)
	}
}

// Without events nothing is known of a foreign end, and the end is told all the same.
func TestForeignEndWithoutEvents(t *testing.T) {
	h, _ := newFailingHost(t, func(p *fakeengine.Proxy) { p.Fault(fakeengine.Silence, http.MethodGet, `/events`, 100) })
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), `exit 0`))
	if exit := e.awaitExit(); exit.Code != 0 || exit.Foreign {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}
