package containerizer

import (
	"os"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	ours "mesos-docker-containerizer/containerizer/container"
	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// A loss of the Engine that the executor noted by a clock which was set back since leaves out nothing of what is written after it.
func TestOutputAfterTheClockWasSetBack(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	e.launch(dockerTask(t, environment.Busybox(t), `echo before; until [ -e "$MESOS_SANDBOX/lost" ]; do sleep 0.05; done; echo after; sleep 1000`))
	e.awaitRunning()
	awaitText(t, e, "before\n")
	e.output.Close()
	e.output = nil
	later := time.Now().Add(time.Hour)
	position := wire.Position{Stdout: int64(len("before\n")), Ends: 1}
	e.send(wire.Message{Resume: &wire.Resume{Ended: later, Broken: true, Position: &position}})
	var past *wire.Past
	for past == nil {
		if m := e.next(); m.Output != nil {
			past = m.Output.Past
		}
	}
	if past.Until.After(time.Now()) {
		t.Errorf("the log is read until %v", past.Until)
	}
	if stdout, _ := e.readOutput(); stdout != "before\n" {
		t.Errorf("before the loss the log has %q", stdout)
	}
	e.output.Close()
	e.output = nil
	position.Until, position.Ends = past.Until, 2
	if err := os.WriteFile(e.attach.Sandbox+"/lost", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e.send(wire.Message{Resume: &wire.Resume{Ended: time.Now(), Position: &position}})
	for e.output == nil {
		e.next()
	}
	awaitText(t, e, "after\n")
	e.end()
	h.awaitNoContainers()
}

// Points in time of the Engine's that are yet to come, as after the clock was set back, hold nothing up.
func TestEnginesTimeIsYetToCome(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct{ noted, events, removal time.Duration }{
		"not at all":         {-time.Minute, -time.Minute, 9 * time.Minute},
		"forward by an hour": {-time.Hour, -time.Hour, -50 * time.Minute},
		"back by an hour":    {time.Hour, 0, 10 * time.Minute},
	} {
		noted := now.Add(c.noted)
		want := now.Add(c.events)
		if c.events == 0 {
			want = time.Unix(1, 0)
		}
		if got := eventsSince(noted, now); !got.Equal(want) {
			t.Errorf("%s: events are asked for from %v on", name, got)
		}
		s := &Server{options: Options{RemoveDelay: 10 * time.Minute}, hold: &ours.RemovalHold{}}
		ended := &engine.Container{}
		ended.ContainerJSONBase = &container.ContainerJSONBase{State: &container.State{FinishedAt: noted.UTC().Format(time.RFC3339Nano)}}
		ended.Config = &container.Config{Labels: engine.Labels{Route: string(wire.RouteDropIn)}.Map()}
		if got := s.removalTime(ended, now).Sub(now).Round(time.Millisecond); got != c.removal {
			t.Errorf("%s: the container is removed after %v, want %v", name, got, c.removal)
		}
	}
}
