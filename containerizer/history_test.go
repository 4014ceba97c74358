package containerizer

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"mesos-docker-containerizer/containerizer/image"
	"mesos-docker-containerizer/containerizer/metrics"
	"mesos-docker-containerizer/containerizer/record"
	"mesos-docker-containerizer/executor/wire"
)

// told is one change as the log, admins and metrics are told of it.
type told struct {
	level  zapcore.Level // -2 for no line
	word   record.State
	admin  TaskState
	metric metrics.TaskState
	text   string
}

const noLine zapcore.Level = -2

// The log, admins, metrics and the record agree, whatever happens to a task, and each change has one line.
func TestHistory(t *testing.T) {
	core, lines := observer.New(zap.DebugLevel)
	changes := 0
	h := &history{changed: func() { changes++ }}
	if state, _ := h.now(); shown[state].metrics != metrics.TaskAwaited {
		t.Error(state)
	}
	waiting := image.Progress{Status: image.Waiting, Try: 2, Trouble: "no answer", Next: time.Now()}
	for i, step := range []struct {
		do   func()
		want told
	}{
		{func() {
			h.open(record.Record{Task: "web.1"}, nil, nil, zap.New(core).With(zap.String("task", "web.1")))
		},
			told{zap.InfoLevel, record.Launched, StateStarting, metrics.TaskPreparing, "launched"}},
		{func() { h.enter(record.Waiting, "waiting for the Docker Engine") },
			told{zap.InfoLevel, record.Waiting, StateWaiting, metrics.TaskPreparing, "waiting for the Docker Engine"}},
		{func() { h.enter(record.Preparing, "a") }, told{zap.DebugLevel, record.Preparing, StateStarting, metrics.TaskPreparing, "a"}},
		{func() { h.enter(record.Pulling, "pulling app") }, told{zap.InfoLevel, record.Pulling, StatePulling, metrics.TaskPulling, "pulling app"}},
		{func() { h.pulling("app", image.Progress{Status: image.Asking}) },
			told{noLine, record.Pulling, StatePulling, metrics.TaskPulling, "pulling app: asking the registry"}},
		{func() { h.pulling("app", image.Progress{Status: image.Queued}) },
			told{zap.InfoLevel, record.Queued, StateWaiting, metrics.TaskPulling, "pulling app: waiting for other pulls on this host"}},
		{func() { h.pulling("app", waiting) },
			told{zap.WarnLevel, record.Retrying, StateWaiting, metrics.TaskPulling, "pulling app: waiting to try again after this failure: no answer"}},
		{func() { h.pulling("app", image.Progress{Status: image.Asking}) },
			told{zap.InfoLevel, record.Pulling, StatePulling, metrics.TaskPulling, "pulling app: asking the registry"}},
		{func() { h.enter(record.Starting, "b") }, told{zap.DebugLevel, record.Starting, StateStarting, metrics.TaskPreparing, "b"}},
		{func() { h.probed(false, "too early", false) }, told{noLine, record.Starting, StateStarting, metrics.TaskPreparing, "b"}},
		{func() { h.enter(record.Running, "running") }, told{zap.InfoLevel, record.Running, StateRunning, metrics.TaskRunning, "running"}},
		{func() { h.probed(false, "in the grace period", true) }, told{noLine, record.Running, StateRunning, metrics.TaskRunning, "running"}},
		{func() { h.probed(true, "", false) }, told{zap.InfoLevel, record.Healthy, StateRunning, metrics.TaskRunning, "running, healthy"}},
		{func() { h.probed(true, "", false) }, told{noLine, record.Healthy, StateRunning, metrics.TaskRunning, "running, healthy"}},
		{func() { h.probed(false, "503", true) }, told{zap.WarnLevel, record.Unhealthy, StateRunning, metrics.TaskRunning, "running, unhealthy"}},
		{func() { h.probed(false, "504", false) }, told{noLine, record.Unhealthy, StateRunning, metrics.TaskRunning, "running, unhealthy"}},
		{func() { h.stopping(record.Stop{By: "the agent asked for it", Deadline: time.Now()}) },
			told{zap.InfoLevel, record.Stopping, StateStopping, metrics.TaskRunning, "stopping because the agent asked for it"}},
		{func() { h.stopping(record.Stop{By: "again", Deadline: time.Now()}) }, told{noLine, record.Stopping, StateStopping, metrics.TaskRunning, "stopping because the agent asked for it"}},
		{func() { h.enter(record.Healthy, "a probe that was under way") }, told{noLine, record.Stopping, StateStopping, metrics.TaskRunning, "stopping because the agent asked for it"}},
		{func() { h.ended(wire.Exited{Outcome: wire.OutcomeExited, Code: 143}, "ended") }, told{zap.InfoLevel, record.Ended, StateEnded, metrics.TaskEnded, "ended"}},
		{func() { h.enter(record.Running, "late"); h.stopping(record.Stop{By: "late", Deadline: time.Now()}) }, told{noLine, record.Ended, StateEnded, metrics.TaskEnded, "ended"}},
	} {
		before := changes
		step.do()
		state, text := h.now()
		got := told{noLine, state, shown[state].admins, shown[state].metrics, text}
		if logged := lines.TakeAll(); len(logged) > 1 {
			t.Errorf("%d: %d lines", i, len(logged))
		} else if len(logged) == 1 {
			got.level = logged[0].Level
			fields := logged[0].ContextMap()
			if fields["task"] != "web.1" || fields["state"] != string(got.word) || logged[0].Message != "task "+string(got.word) {
				t.Errorf("%d: %s %v", i, logged[0].Message, fields)
			}
		}
		if got != step.want {
			t.Errorf("%d: %+v, want %+v", i, got, step.want)
		}
		if got.level != noLine && changes == before {
			t.Errorf("%d: nobody was told", i)
		}
	}
	var outputs []string
	for _, p := range h.record.Probes {
		outputs = append(outputs, p.Output)
	}
	if want := []string{"in the grace period", "503", "504"}; !slices.Equal(outputs, want) || h.record.Stop.By != "the agent asked for it" || h.record.Pull.Try != 2 {
		t.Errorf("%+v", h.record)
	}
}

// A daemon goes on with the record of the one before, and what the executor has not heard of has not happened.
func TestHistoryGoesOnAfterARestart(t *testing.T) {
	for name, exited := range map[string]bool{"its end is settled": true, "its end is open": false} {
		state := t.TempDir()
		of := record.Record{Task: "web.1", Container: "c"} // of an earlier version, which did not record the executor's process
		life := func(taken *wire.State, act func(*history)) *history {
			store := record.NewStore(state, zap.NewNop())
			h := &history{changed: func() {}}
			h.open(of, taken, store, zap.NewNop())
			act(h)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			store.Run(ctx)
			return h
		}
		life(nil, func(h *history) {
			h.enter(record.Running, "running")
			h.ended(wire.Exited{Outcome: wire.OutcomeExited, Code: 3}, "ended")
		})
		of.Process = record.Process{PID: 7}
		h := life(&wire.State{Exited: exited}, func(h *history) { h.ended(wire.Exited{Outcome: wire.OutcomeExited, Code: 4}, "ended") })
		want := 4
		if exited {
			want = 3
		}
		if h.record.End.Code != want || h.record.Steps[0].State != record.Launched || h.record.Process.PID != 7 {
			t.Errorf("%s: %+v", name, h.record)
		}
		life(nil, func(h *history) {
			if len(h.record.Steps) != 1 || h.record.End != nil {
				t.Errorf("%s: a task of the same name that is launched anew has %+v", name, h.record)
			}
		})
		if r, err := record.Find(state, "web"); err != nil || strings.Contains(r.Why(time.Now())[0], "failed") {
			t.Errorf("%v, %v", r, err)
		}
	}
}

// What a task asks for is known after a restart of the daemon as well as before, though no daemon translates it again.
func TestAskedOutlivesTheDaemon(t *testing.T) {
	s := new(session)
	s.at.changed = func() {}
	s.at.open(record.Record{Task: "web.1", Asked: record.Asked{Image: "app:1", CPUs: 2}}, nil, nil, zap.NewNop())
	s.learnTask(&mesos.TaskInfo{Container: &mesos.ContainerInfo{Docker: &mesos.ContainerInfo_DockerInfo{Image: "app:1"}}})
	if got := s.at.record.Asked; got.CPUs != 2 || got.Image != "app:1" {
		t.Errorf("asked: %+v", got)
	}
}
