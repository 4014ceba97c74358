package containerizer

import (
	"net/http"
	"testing"
	"time"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// A kill that was asked for while there was no daemon is carried out by the next. The task gets its stop signal, however long ago
// its grace period would have been over.
func TestKillWhileTheDaemonIsAway(t *testing.T) {
	longAgo := time.Now().Add(-time.Hour)
	for name, test := range map[string]struct {
		kill wire.Kill
		code int
	}{
		"grace is over":          {wire.Kill{Deadline: longAgo, Grace: patience}, 3},
		"signal was sent":        {wire.Kill{Deadline: longAgo, Grace: time.Minute, Sent: longAgo}, 137},
		"no grace":               {wire.Kill{Deadline: longAgo}, 137},
		"an executor before 1.0": {wire.Kill{Deadline: time.Now().Add(time.Hour)}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			e := h.newExecutor()
			e.launch(dockerTask(t, environment.Busybox(t), `trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done`))
			e.awaitRunning()
			awaitText(t, e, "ready\n")
			h.stop()
			e.state.Kill = &test.kill
			h.start()
			e.reconnect(h.socket)
			if exit := e.awaitExit(); exit.Code != test.code {
				t.Errorf("exit %+v, want status %d", exit, test.code)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}

// A stop signal that one daemon has sent is not sent by the next, and the grace period goes on.
func TestStopSignalIsSentOnce(t *testing.T) {
	h, p := newFailingHost(t) // which counts
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), `trap '' TERM; echo ready; while :; do sleep 0.05; done`))
	e.awaitRunning()
	awaitText(t, e, "ready\n")
	kill := wire.Kill{Deadline: time.Now().Add(time.Second), Grace: time.Second}
	e.send(wire.Message{Kill: &kill})
	for e.state.Kill == nil {
		e.state.Kill = e.next().Kill
	}
	if said := *e.state.Kill; !said.Deadline.Equal(kill.Deadline) || said.Sent.IsZero() {
		t.Errorf("of %+v the daemon says %+v", kill, said)
	}
	h.restart()
	e.reconnect(h.socket)
	if exit := e.awaitExit(); exit.Code != 137 || time.Since(e.state.Kill.Sent) < kill.Grace {
		t.Errorf("exit %+v", exit)
	}
	if n := p.Count(http.MethodPost, `/containers/.*/kill`); n != 2 {
		t.Errorf("%d signals were sent, want TERM and KILL", n)
	}
	e.done()
	h.awaitNoContainers()
}
