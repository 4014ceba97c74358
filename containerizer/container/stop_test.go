package container

import (
	"net/http"
	"os/exec"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"mesos-docker-containerizer/containerizer/engine"
	"mesos-docker-containerizer/containerizer/pidfd"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// A process that has ended while the Engine hangs over its signal is nobody's fault: the log has no complaint of it.
func TestKillOfAProcessThatHasEnded(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	p := fakeengine.New(t, environment.Socket(t))
	p.Fault(fakeengine.Hang, http.MethodPost, `/containers/.*/kill`, 1)
	e, err := engine.New(engine.Options{Socket: p.Socket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	c := New(Options{Engine: e, Logger: zap.New(core)})
	c.id = "of-a-process-that-has-ended"
	command, process := sleeper(t)
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // the signal that it died of
	c.process.Store(process)
	if err := c.Signal(t.Context(), "SIGTERM"); err != nil {
		t.Error(err)
	}
	if len(c.looks) != 1 {
		t.Error("nobody looks at what became of the container")
	}
	if n := logs.FilterMessageSnippet("cannot be signalled").Len(); n != 0 {
		t.Errorf("%d complaints", n)
	}
}

// sleeper starts a process that the test waits for.
func sleeper(t *testing.T) (*exec.Cmd, *pidfd.Process) {
	t.Helper()
	command := exec.Command("sleep", "1000")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	found, err := wire.FindProcess(command.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	process, err := pidfd.Open(found)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Close)
	return command, process
}

// A process does not outlive the end of its container, and nothing is done to it before.
func TestProcessThatOutlivesItsContainer(t *testing.T) {
	command, process := sleeper(t)
	w := New(Options{Logger: zap.NewNop()}).newWait()
	w.process.Store(process)
	w.killSurvivor()
	if process.Ended() {
		t.Fatal("it was killed while the container runs")
	}
	w.end = &End{Code: 255}
	w.killSurvivor()
	if err := command.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("it ended with %v", err)
	}
	w.killSurvivor() // of what has ended nothing is left to kill
}

// When SIGKILL is due: at the deadline, the grace after the signal, and no earlier than the order came.
func TestStopIsDue(t *testing.T) {
	for name, test := range map[string]struct {
		deadline, grace, sent time.Duration // from now on; sent is none if zero
		due                   time.Duration
	}{
		"in time":             {time.Minute, time.Minute, 0, time.Minute},
		"late":                {-time.Hour, time.Minute, 0, time.Minute},
		"late, without grace": {-time.Hour, 0, 0, 0},
		"sent":                {30 * time.Second, time.Minute, -20 * time.Second, 40 * time.Second},
		"sent long ago":       {-time.Hour, time.Minute, -time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := New(Options{Logger: zap.NewNop()})
				if due := c.stop.dueAt(); !due.IsZero() {
					t.Errorf("due at %v without an order", due)
				}
				now := time.Now()
				order := StopOrder{Deadline: now.Add(test.deadline), Grace: test.grace}
				if test.sent != 0 {
					order.Sent = now.Add(test.sent)
				}
				c.Stop(order)
				order.Sent = now.Add(time.Second) // by an Engine that hung for that long
				c.stop.sent(order)
				if due := c.stop.dueAt().Sub(now); due != test.due {
					t.Errorf("due after %v, want %v", due, test.due)
				}
			})
		})
	}
}

// A stop within a grace does not replace an earlier deadline that another goroutine orders at the same time.
func TestStopsAtTheSameTime(t *testing.T) {
	for range 1000 {
		c := New(Options{Logger: zap.NewNop()})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { c.StopWithin(time.Hour) })
		}
		all.Go(func() { c.Stop(StopOrder{Deadline: time.Now()}) })
		all.Go(func() { c.StopWithin(time.Hour) })
		all.Wait()
		if left := c.GraceLeft(0); left > time.Minute {
			t.Fatalf("the container may run for another %v", left)
		}
	}
}
