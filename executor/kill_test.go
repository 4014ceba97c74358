package executor

import (
	"io"
	"reflect"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosexec "github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/executor/wire"
)

func TestKillBeforeLaunch(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.kill("t", nil)
		killed := h.update(mesos.TASK_KILLED)
		h.kill("t", nil)
		h.launch(sleeper())
		h.noUpdate()
		for _, m := range h.daemon.take() {
			if m.Launch != nil {
				t.Error("the task was launched all the same")
			}
		}
		h.acknowledge(killed)
		h.ends(nil)
	})
}

func TestKillWhilePreparing(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.launch(sleeper())
		h.update(mesos.TASK_STARTING)
		h.daemon.take()
		h.kill("t", nil)
		killDeadline(t, h.daemon.take())
		h.say(wire.Message{Running: &wire.Running{Inspect: []byte(`{}`)}}) // it was too late
		h.noUpdate()
		h.say(wire.Message{Exited: &wire.Exited{Outcome: wire.OutcomeFailed, Message: "killed before it was started"}})
		if s := h.update(mesos.TASK_KILLED); s.Reason != nil {
			t.Errorf("reason %v", s.GetReason())
		}
	})
}

// Contract 3.4: the kill's policy, then the task's, then the shutdown grace period; repeated kills count anew, but are
// announced once.
func TestKillPolicies(t *testing.T) {
	inBubble(t, func(h *harness) {
		task := sleeper()
		task.KillPolicy = policy(30 * time.Second)
		h.run(task)
		h.kill("other", nil)
		if sent := h.daemon.take(); len(sent) != 0 {
			t.Errorf("a kill of another task reached the daemon: %+v", sent)
		}
		h.kill("t", nil)
		if d := killDeadline(t, h.daemon.take()); d != 30*time.Second {
			t.Errorf("the task's policy gives %v", d)
		}
		h.update(mesos.TASK_KILLING)
		h.kill("t", policy(time.Second))
		if d := killDeadline(t, h.daemon.take()); d != time.Second {
			t.Errorf("the kill's policy gives %v", d)
		}
		h.kill("t", policy(-time.Second))
		if d := killDeadline(t, h.daemon.take()); d != 0 {
			t.Errorf("a negative grace period gives %v", d)
		}
		h.noUpdate()
		h.say(exited(0))
		h.update(mesos.TASK_KILLED) // never FINISHED
		h.kill("t", nil)
		if sent := h.daemon.take(); len(sent) != 0 {
			t.Errorf("a kill after the end reached the daemon: %+v", sent)
		}
	}, mesos.FrameworkInfo_Capability_TASK_KILLING_STATE)
}

// A master repeats a kill that the agent has not confirmed, as after the agent's restart. That gives the task no more time.
func TestRepeatedKillKeepsItsDeadline(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		for _, step := range []struct {
			grace, left time.Duration
		}{
			{30 * time.Second, 30 * time.Second},
			{30 * time.Second, 20 * time.Second},
			{time.Minute, time.Minute}, // the framework has changed its mind
			{time.Minute, 50 * time.Second},
		} {
			h.kill("t", policy(step.grace))
			if d := killDeadline(t, h.daemon.take()); d != step.left {
				t.Errorf("a kill with %v leaves %v, want %v", step.grace, d, step.left)
			}
			time.Sleep(10 * time.Second)
		}
	})
}

// While the daemon is away a kill keeps its grace period, which begins when a daemon says that it has sent the stop signal.
func TestKillWithoutADaemon(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		h.link <- linkEvent{err: io.EOF}
		h.kill("t", policy(10*time.Second))
		asked := time.Now()
		attached := func() wire.Kill {
			h.connect()
			sent := h.daemon.take()
			return *sent[len(sent)-1].Attach.State.Kill
		}
		time.Sleep(time.Minute)
		want := wire.Kill{Deadline: asked.Add(10 * time.Second), Grace: 10 * time.Second, Why: "the agent asked for it, for the framework or the master"}
		if got := attached(); !reflect.DeepEqual(got, want) {
			t.Errorf("the next daemon is told %+v, want %+v", got, want)
		}
		want.Sent = time.Now()
		h.say(wire.Message{Kill: &wire.Kill{Deadline: asked, Sent: time.Now()}}) // of another
		h.say(wire.Message{Kill: &want})
		if got := attached(); !reflect.DeepEqual(got, want) {
			t.Errorf("the daemon after it is told %+v, want %+v", got, want)
		}
	})
}

// A shutdown leaves a task that has not got its stop signal the time it may have, and one that has no more than the rest.
func TestShutdownOverAKill(t *testing.T) {
	for name, test := range map[string]struct {
		asked, left time.Duration
		sent        bool
	}{
		"sent":              {10 * time.Second, 2 * time.Second, true},
		"not sent":          {10 * time.Second, grace - shutdownMargin, false},
		"short, not sent":   {time.Second, time.Second, false},
		"over, but not yet": {8 * time.Second, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(h *harness) {
				h.run(sleeper())
				h.kill("t", policy(test.asked))
				kill := h.daemon.take()[0].Kill
				if test.sent {
					h.say(wire.Message{Kill: &wire.Kill{Deadline: kill.Deadline, Grace: kill.Grace, Sent: time.Now()}})
				}
				time.Sleep(8 * time.Second)
				h.event(&agent.Event{Type: mesosexec.Event_SHUTDOWN})
				kill = h.daemon.take()[0].Kill
				left := time.Until(kill.Deadline)
				if kill.Sent.IsZero() {
					left = max(left, kill.Grace)
				}
				if left != test.left {
					t.Errorf("%v are left, want %v", left, test.left)
				}
			})
		})
	}
}

func TestKillingIsNotSentToFrameworksThatDoNotKnowIt(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		h.kill("t", nil)
		if d := killDeadline(t, h.daemon.take()); d != grace {
			t.Errorf("without a policy: %v", d)
		}
		h.noUpdate()
	})
}

func TestMaxCompletionTime(t *testing.T) {
	inBubble(t, func(h *harness) {
		task := sleeper()
		task.KillPolicy = policy(time.Hour)
		task.MaxCompletionTime = &mesos.DurationInfo{Nanoseconds: int64(time.Minute)}
		h.run(task)
		time.Sleep(time.Minute - time.Millisecond)
		h.settle()
		if sent := h.daemon.take(); len(sent) != 0 {
			t.Errorf("too early: %+v", sent)
		}
		time.Sleep(time.Millisecond)
		h.settle()
		if d := killDeadline(t, h.daemon.take()); d != 0 {
			t.Errorf("the container gets %v", d)
		}
		h.noUpdate()
		h.say(exited(137))
		if s := h.update(mesos.TASK_FAILED); s.GetReason() != mesos.REASON_MAX_COMPLETION_TIME_REACHED {
			t.Errorf("reason %v", s.GetReason())
		}
	}, mesos.FrameworkInfo_Capability_TASK_KILLING_STATE)
}

func TestShutdown(t *testing.T) {
	shutdown := &agent.Event{Type: mesosexec.Event_SHUTDOWN}
	t.Run("nothing to run", func(t *testing.T) {
		inBubble(t, func(h *harness) {
			h.event(shutdown)
			h.ends(nil)
		})
	})
	t.Run("margin for the update", func(t *testing.T) {
		inBubble(t, func(h *harness) {
			h.run(sleeper())
			h.event(shutdown)
			if d := killDeadline(t, h.daemon.take()); d != grace-shutdownMargin {
				t.Errorf("the container gets %v of %v", d, grace)
			}
			h.event(shutdown)
			h.say(exited(143))
			killed := h.update(mesos.TASK_KILLED)
			h.acknowledge(killed)
			h.ends(nil)
		})
	})
	t.Run("never later than a kill", func(t *testing.T) {
		inBubble(t, func(h *harness) {
			h.run(sleeper())
			h.kill("t", policy(time.Second))
			h.daemon.take()
			h.event(shutdown)
			if d := killDeadline(t, h.daemon.take()); d != time.Second {
				t.Errorf("the container gets %v", d)
			}
		})
	})
	t.Run("bounded", func(t *testing.T) {
		inBubble(t, func(h *harness) {
			h.run(sleeper())
			h.event(shutdown)
			time.Sleep(grace - time.Millisecond)
			h.settle()
			h.lives()
			time.Sleep(time.Millisecond)
			h.ends(ErrShutdownTimeout)
		})
	})
	t.Run("by SIGTERM", func(t *testing.T) {
		inBubble(t, func(h *harness) {
			h.run(sleeper())
			h.stop()
			h.settle()
			killDeadline(t, h.daemon.take())
			h.say(exited(0))
			h.acknowledge(h.update(mesos.TASK_KILLED))
			h.ends(nil)
		})
	})
}

// An admin's stop is a kill: with the task's grace period unless the admin has another, announced, and reported as TASK_KILLED.
func TestStopByAdmin(t *testing.T) {
	for name, c := range map[string]struct {
		grace *time.Duration
		want  time.Duration
	}{
		"the task's": {nil, 30 * time.Second},
		"own":        {new(time.Second), time.Second},
		"negative":   {new(-time.Second), 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(h *harness) {
				task := sleeper()
				task.KillPolicy = policy(30 * time.Second)
				h.connect()
				h.run(task)
				h.daemon.take()
				h.say(wire.Message{Stop: &wire.Stop{Grace: c.grace, Reason: "stopped by an admin"}})
				if d := killDeadline(t, h.daemon.take()); d != c.want {
					t.Errorf("a grace period of %v, want %v", d, c.want)
				}
				h.update(mesos.TASK_KILLING)
				h.say(exited(143))
				if s := h.update(mesos.TASK_KILLED); s.GetMessage() != "Container exited with status 143: stopped by an admin" {
					t.Errorf("message %q", s.GetMessage())
				}
				h.say(wire.Message{Stop: &wire.Stop{Reason: "late"}})
				if sent := h.daemon.take(); len(sent) != 0 {
					t.Errorf("a stop after the end reached the daemon: %+v", sent)
				}
			}, mesos.FrameworkInfo_Capability_TASK_KILLING_STATE)
		})
	}
}
