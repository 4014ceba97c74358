package executor

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/wire"
)

var step = wire.Message{Progress: &wire.Progress{Message: "pulling", Pull: &wire.Pull{Bytes: 5}}}

// preparing brings an executor to where the daemon reports progress, with that interval if it is not nil.
func (h *harness) preparing(interval *time.Duration) {
	h.launch(sleeper())
	starting := h.update(mesos.TASK_STARTING)
	h.say(wire.Message{Accepted: &wire.Accepted{ProgressInterval: interval}})
	h.say(step)
	h.noUpdate() // one is unacknowledged
	h.acknowledge(starting)
}

func TestProgressIsLimited(t *testing.T) {
	minute := time.Minute
	for _, tt := range []struct {
		name     string
		interval *time.Duration
		first    time.Duration
	}{
		{"as configured", &minute, time.Minute},
		{"daemon that does not say", nil, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(h *harness) {
				h.preparing(tt.interval)
				h.say(step) // at once
				first := h.update(mesos.TASK_STARTING)
				if first.GetMessage() != "pulling" || !strings.Contains(string(first.Data), `"bytes":5`) {
					t.Errorf("%q %s", first.GetMessage(), first.Data)
				}
				h.acknowledge(first)
				interval := tt.first
				for range progressUpdates - 1 {
					time.Sleep(interval - time.Millisecond)
					h.say(step)
					h.noUpdate() // too early
					time.Sleep(time.Millisecond)
					h.say(step)
					h.acknowledge(h.update(mesos.TASK_STARTING))
					interval = time.Duration(float64(interval) * progressGrowth)
				}
				time.Sleep(24 * time.Hour)
				h.say(step)
				h.noUpdate() // enough
			})
		})
	}
}

// A report that nobody has acknowledged holds up all that follow, and none of these is made up for later.
func TestProgressWaitsForAcknowledgement(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.preparing(nil)
		h.say(step)
		first := h.update(mesos.TASK_STARTING)
		for range 5 {
			time.Sleep(time.Minute)
			h.say(step)
		}
		h.noUpdate()
		h.acknowledge(first)
		h.noUpdate()
		h.say(wire.Message{Progress: &wire.Progress{Message: "further"}})
		if got := h.update(mesos.TASK_STARTING); got.GetMessage() != "further" {
			t.Errorf("%q", got.GetMessage())
		}
	})
}

// The daemon repeats what it waits for, in case that was dropped; the framework hears it once.
func TestProgressIsNotRepeated(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.preparing(nil)
		waiting := wire.Message{Progress: &wire.Progress{Message: "Waiting for the Docker Engine"}}
		h.say(waiting)
		h.acknowledge(h.update(mesos.TASK_STARTING))
		time.Sleep(time.Hour)
		h.say(waiting)
		h.noUpdate()
		h.say(step)
		h.acknowledge(h.update(mesos.TASK_STARTING))
		time.Sleep(time.Hour)
		h.say(waiting) // again, after something else
		h.update(mesos.TASK_STARTING)
	})
}

func TestProgressTurnedOff(t *testing.T) {
	inBubble(t, func(h *harness) {
		off := time.Duration(0)
		h.preparing(&off)
		time.Sleep(time.Hour)
		h.say(step)
		h.noUpdate()
	})
}

// A daemon that comes back says again what it had said, and the intervals keep their growth.
func TestProgressIntervalSaidAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgress(wire.RouteDropIn)
		p.configure(time.Second)
		for range 3 {
			time.Sleep(time.Minute)
			p.note(time.Now())
		}
		p.configure(time.Second)
		if p.interval != 2250*time.Millisecond {
			t.Errorf("interval %v", p.interval)
		}
		if p.configure(0); p.due(time.Now().Add(time.Hour)) {
			t.Error("due after it was turned off")
		}
	})
}

// A terminal is shown every step but those that nobody could see, whatever is configured for frameworks.
func TestProgressOnATerminal(t *testing.T) {
	p := newProgress(wire.RouteLocal)
	p.configure(0)
	now := time.Now()
	for range 2 * progressUpdates {
		if !p.due(now) || p.due(now.Add(-time.Hour)) && p.sent > 0 {
			t.Fatalf("after %d updates", p.sent)
		}
		p.note(now)
		now = now.Add(terminalInterval)
	}
}

// What the daemon notes about a start is the message of TASK_RUNNING.
func TestNoteAboutTheStart(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.launch(sleeper())
		h.update(mesos.TASK_STARTING)
		h.say(wire.Message{Running: &wire.Running{Note: "from the cached image"}})
		if got := h.update(mesos.TASK_RUNNING); got.GetMessage() != "from the cached image" {
			t.Errorf("%q", got.GetMessage())
		}
	})
}
