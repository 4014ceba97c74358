package executor

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosexec "github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/executor/wire"
)

func sleeper() mesos.TaskInfo {
	return mesos.TaskInfo{Name: "sleeper", TaskID: mesos.TaskID{Value: "t"}, AgentID: mesos.AgentID{Value: "a"}}
}

func policy(d time.Duration) *mesos.KillPolicy {
	return &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: int64(d)}}
}

// run brings the executor to TASK_RUNNING, everything acknowledged.
func (h *harness) run(task mesos.TaskInfo) {
	h.t.Helper()
	h.launch(task)
	h.acknowledge(h.update(mesos.TASK_STARTING))
	h.say(wire.Message{Accepted: &wire.Accepted{PrepareDeadline: time.Now().Add(time.Minute)}})
	h.say(wire.Message{Created: &wire.Created{ContainerID: "c"}})
	h.say(wire.Message{Running: &wire.Running{IPv4: "172.17.0.2", Inspect: []byte(`{"Id":"c"}`)}})
	h.acknowledge(h.update(mesos.TASK_RUNNING))
	h.daemon.take()
}

func exited(code int) wire.Message {
	return wire.Message{Exited: &wire.Exited{Outcome: wire.OutcomeExited, Code: code}}
}

// killDeadline returns the deadline of the one kill among the messages.
func killDeadline(t *testing.T, sent []wire.Message) time.Duration {
	t.Helper()
	for _, m := range sent {
		if m.Kill != nil {
			return time.Until(m.Kill.Deadline)
		}
	}
	t.Fatalf("no kill among %+v", sent)
	return 0
}

func TestTaskRunsToItsEnd(t *testing.T) {
	inBubble(t, func(h *harness) {
		task := sleeper()
		task.Container = &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), NetworkInfos: []mesos.NetworkInfo{{Name: new("net")}}}
		h.launch(task)
		starting := h.update(mesos.TASK_STARTING)
		if len(starting.UUID) != 16 || starting.GetSource() != mesos.SOURCE_EXECUTOR || starting.GetExecutorID().GetValue() != "executor" {
			t.Errorf("an agent would refuse %+v", starting)
		}
		sent := h.daemon.take()
		if len(sent) != 2 || sent[0].Attach == nil || sent[1].Launch == nil || sent[1].Launch.Task != "t" {
			t.Fatalf("to the daemon: %+v", sent)
		}
		h.say(wire.Message{Created: &wire.Created{ContainerID: "c"}})
		out := newStream()
		h.sayWith(wire.Message{Output: &wire.Output{}}, out)
		h.say(wire.Message{Running: &wire.Running{IPv4: "10.0.0.2", IPv6: "fd00::2", Inspect: []byte(`{"Id":"c"}`)}})
		running := h.update(mesos.TASK_RUNNING)
		if string(running.Data) != `[{"Id":"c"}]` {
			t.Errorf("data %s", running.Data)
		}
		info := running.ContainerStatus.NetworkInfos[0]
		if info.GetName() != "net" || len(info.IPAddresses) != 2 || info.IPAddresses[1].GetProtocol() != mesos.IPv6 {
			t.Errorf("network info %+v", info)
		}

		out.w.Write(frame(1, "first\n"))
		h.say(exited(0))
		h.noUpdate() // the output is not at its end
		out.w.Write(frame(2, "last\n"))
		out.w.Close()
		h.settle()
		finished := h.update(mesos.TASK_FINISHED)
		if h.stdout.String() != "first\n" || h.stderr.String() != "last\n" {
			t.Errorf("stdout %q, stderr %q", h.stdout.String(), h.stderr.String())
		}
		if diff := cmp.Diff("Container exited with status 0", finished.GetMessage()); diff != "" {
			t.Error(diff)
		}
		h.acknowledge(starting)
		h.acknowledge(running)
		h.lives()
		h.daemon.take()
		h.acknowledge(finished)
		if sent := h.daemon.take(); len(sent) != 1 || sent[0].Done == nil {
			t.Errorf("at the end the daemon is told %+v", sent)
		}
		h.ends(nil)
	})
}

func TestLateAndForeignAcknowledgements(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		h.say(exited(1))
		failed := h.update(mesos.TASK_FAILED)
		foreign := failed
		foreign.UUID = make([]byte, 16)
		h.acknowledge(foreign)
		foreign.TaskID.Value, foreign.UUID = "other", failed.UUID
		h.acknowledge(foreign)
		h.lives()
		h.acknowledge(failed)
		h.ends(nil)
	})
}

// An agent may have dropped the task in a restart, and keeps the executor.
func TestExecutorWithoutATaskEnds(t *testing.T) {
	inBubble(t, func(h *harness) {
		time.Sleep(launchTimeout - time.Second)
		h.event(subscribed()) // to an agent that was restarted
		time.Sleep(launchTimeout - time.Second)
		h.lives()
		time.Sleep(time.Second)
		h.ends(nil)
	})
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		h.event(subscribed())
		time.Sleep(2 * launchTimeout)
		h.lives()
	})
}

func TestSecondLaunchFailsOnlyThatTask(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		second := sleeper()
		second.TaskID.Value = "second"
		h.launch(second)
		refused := h.update(mesos.TASK_FAILED)
		if refused.TaskID.Value != "second" || refused.GetMessage() != `Attempted to run multiple tasks using a "docker" executor` {
			t.Errorf("refusal: %+v", refused)
		}
		h.launch(sleeper()) // the first again
		h.noUpdate()
		h.say(exited(0))
		finished := h.update(mesos.TASK_FINISHED)
		h.acknowledge(finished)
		h.lives() // the refusal is not acknowledged
		h.acknowledge(refused)
		h.ends(nil)
	})
}

func TestLaunchGroupIsRefused(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.event(&agent.Event{Type: mesosexec.Event_LAUNCH_GROUP, LaunchGroup: &mesosexec.Event_LaunchGroup{
			TaskGroup: mesos.TaskGroupInfo{Tasks: []mesos.TaskInfo{sleeper()}}}})
		refused := h.update(mesos.TASK_FAILED)
		h.acknowledge(refused)
		h.ends(nil)
	})
}

func TestUnacknowledgedEnd(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		h.say(exited(0))
		h.update(mesos.TASK_FINISHED)
		time.Sleep(acknowledgementTimeout - time.Millisecond)
		h.settle()
		h.lives()
		time.Sleep(time.Millisecond)
		h.ends(nil)
	})
}

// An agent that is away cannot acknowledge an update, and gets it when it is back: its time begins then.
func TestUnacknowledgedEndWhileTheAgentIsAway(t *testing.T) {
	for name, before := range map[string]bool{"lost before the end": true, "lost after the end": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(h *harness) {
				h.run(sleeper())
				if before {
					h.event(agent.Away)
				}
				h.say(exited(0))
				finished := h.update(mesos.TASK_FINISHED)
				if !before {
					time.Sleep(acknowledgementTimeout / 2)
					h.event(agent.Away)
				}
				time.Sleep(agent.DefaultRecoveryTimeout - time.Millisecond) // then the connection has it shut down
				h.settle()
				h.lives()
				h.event(subscribed())
				time.Sleep(acknowledgementTimeout - time.Millisecond)
				h.settle()
				h.lives()
				h.acknowledge(finished)
				h.ends(nil)
			})
		})
	}
	t.Run("back and silent", func(t *testing.T) {
		inBubble(t, func(h *harness) {
			h.run(sleeper())
			h.event(agent.Away)
			h.say(exited(0))
			h.event(subscribed())
			time.Sleep(acknowledgementTimeout)
			h.ends(nil)
		})
	})
}

func TestOutputThatDoesNotEnd(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		h.sayWith(wire.Message{Output: &wire.Output{}}, newStream())
		h.say(exited(0))
		time.Sleep(drainTimeout - time.Millisecond)
		h.settle()
		h.noUpdate()
		time.Sleep(time.Millisecond)
		h.settle()
		h.acknowledge(h.update(mesos.TASK_FINISHED))
		h.ends(nil)
	})
}

// A slow reader gets all of the output of a container that has ended, however long that takes; only a standstill ends the wait.
func TestSlowReaderGetsTheWholeOutput(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		out := newStream()
		h.sayWith(wire.Message{Output: &wire.Output{}}, out)
		h.say(exited(0))
		for range 10 {
			out.w.Write(frame(1, "slow\n"))
			time.Sleep(drainTimeout - time.Second)
			h.settle()
			h.noUpdate()
		}
		out.w.Close()
		h.settle()
		h.update(mesos.TASK_FINISHED)
		if want := strings.Repeat("slow\n", 10); h.stdout.String() != want {
			t.Errorf("stdout %q", h.stdout.String())
		}
	})
}

// A stream that stands still holds up a killed task only for a moment if the Engine does not tell of its exit.
func TestStreamOfAnEngineThatHangs(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		out := newStream()
		h.sayWith(wire.Message{Output: &wire.Output{}}, out)
		h.kill("t", nil)
		h.say(wire.Message{Gone: &wire.Gone{}})
		time.Sleep(time.Hour)
		h.settle()
		h.noUpdate() // the daemon tells of the exit
		h.say(wire.Message{Exited: &wire.Exited{Outcome: wire.OutcomeUnknown, Gone: true}})
		time.Sleep(lostTimeout)
		h.settle()
		h.update(mesos.TASK_KILLED)
		out.w.Close()
	})
}

func TestLostOutputIsAskedFor(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		out := newStream()
		h.sayWith(wire.Message{Output: &wire.Output{}}, out)
		out.w.Write(frame(1, "before\n"))
		lastByte := time.Now()
		time.Sleep(time.Minute)
		out.w.Close()
		h.settle()
		sent := h.daemon.take()
		if len(sent) != 1 || sent[0].Resume == nil || !sent[0].Resume.Since.Equal(lastByte) {
			t.Fatalf("to the daemon: %+v, want resume since %v", sent, lastByte)
		}
		again := newStream()
		h.sayWith(wire.Message{Output: &wire.Output{Resumed: true}}, again)
		again.w.Write(frame(1, "after\n"))
		again.w.Close()
		h.say(exited(0))
		h.update(mesos.TASK_FINISHED)
		if h.stdout.String() != "before\nafter\n" {
			t.Errorf("stdout %q", h.stdout.String())
		}
	})
}

func TestNewDaemonIsToldEverything(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.launch(sleeper())
		deadline := time.Now().Add(time.Minute)
		h.say(wire.Message{Accepted: &wire.Accepted{PrepareDeadline: deadline}})
		h.say(wire.Message{Created: &wire.Created{ContainerID: "c"}})
		h.sayWith(wire.Message{Output: &wire.Output{}}, newStream())
		h.say(wire.Message{Running: &wire.Running{Inspect: []byte(`{}`)}})
		h.link <- linkEvent{err: errors.New("connection reset")}
		h.settle()
		h.daemon.take()
		h.kill("t", policy(time.Minute))
		if sent := h.daemon.take(); len(sent) != 0 {
			t.Errorf("sent to nobody: %+v", sent)
		}
		h.connect()
		sent := h.daemon.take()
		if len(sent) != 1 || sent[0].Attach == nil || sent[0].Attach.State == nil {
			t.Fatalf("to the new daemon: %+v", sent)
		}
		state := sent[0].Attach.State
		if state.Launch.Task != "t" || !state.PrepareDeadline.Equal(deadline) || state.ContainerID != "c" || !state.Running ||
			!state.HasOutput || state.Exited || state.Kill == nil || time.Until(state.Kill.Deadline) != time.Minute {
			t.Errorf("state: %+v", state)
		}
		h.say(wire.Message{Running: &wire.Running{Inspect: []byte(`{}`)}}) // told again
		h.update(mesos.TASK_STARTING)
		h.update(mesos.TASK_RUNNING)
		h.noUpdate()
	})
}

// What hooks of the agent add is said with each attach: a new daemon may have the container yet to create.
func TestTaskEnvironmentIsAttached(t *testing.T) {
	environment := map[string]string{"FROM": "hook"}
	daemon := &fakeDaemon{}
	e := newExecutor(Options{TaskEnvironment: environment})
	for range 2 {
		e.conn = daemon
		e.attach()
	}
	for _, m := range daemon.take() {
		if diff := cmp.Diff(environment, m.Attach.TaskEnvironment); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	}
}

func TestDaemonThatNeverAnswers(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.link <- linkEvent{err: errors.New("no such file")}
		h.launch(sleeper())
		h.update(mesos.TASK_STARTING)
		time.Sleep(daemonTimeout)
		h.settle()
		failed := h.update(mesos.TASK_FAILED)
		if !strings.Contains(failed.GetMessage(), "/daemon.sock") || failed.GetReason() != mesos.REASON_CONTAINER_LAUNCH_FAILED {
			t.Errorf("%v %q", failed.GetReason(), failed.GetMessage())
		}
	})
}

func TestRefusedByTheDaemon(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.launch(sleeper())
		h.update(mesos.TASK_STARTING)
		h.say(wire.Message{Refused: &wire.Refused{Reason: "not now"}})
		h.noUpdate()
		h.say(wire.Message{Refused: &wire.Refused{Reason: "too old", Permanent: true}})
		if failed := h.update(mesos.TASK_FAILED); !strings.Contains(failed.GetMessage(), "too old") {
			t.Errorf("message %q", failed.GetMessage())
		}
	})
}

// A daemon of an older version, or one that is confused, does not end a task whose container may run.
func TestRefusalDoesNotEndARunningTask(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.run(sleeper())
		h.say(wire.Message{Refused: &wire.Refused{Reason: "too new", Permanent: true}})
		h.noUpdate()
		h.lives()
	})
}

// A daemon that took the launch and went away for good leaves the task an end in bounded time, and at once after a kill.
func TestDaemonThatGoesAwayWhilePreparing(t *testing.T) {
	for name, test := range map[string]struct {
		kill, killBefore bool
		wait             time.Duration
		want             mesos.TaskState
	}{
		"waiting":       {false, false, daemonTimeout, mesos.TASK_FAILED},
		"killed":        {true, false, grace + killMargin, mesos.TASK_KILLED},
		"killed before": {false, true, grace + killMargin, mesos.TASK_KILLED},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(h *harness) {
				h.launch(sleeper())
				h.update(mesos.TASK_STARTING)
				h.say(wire.Message{Accepted: &wire.Accepted{}})
				if test.killBefore {
					h.kill("t", nil)
				}
				h.link <- linkEvent{err: errors.New("connection refused")}
				if test.kill {
					h.kill("t", nil)
				}
				for range 2 { // each attempt to reach it fails
					time.Sleep((test.wait - time.Millisecond) / 2)
					h.link <- linkEvent{err: errors.New("connection refused")}
				}
				h.settle()
				h.noUpdate()
				time.Sleep(time.Millisecond)
				h.settle()
				if s := h.update(test.want); !strings.Contains(s.GetMessage(), "connection refused") {
					t.Errorf("message %q", s.GetMessage())
				}
			})
		})
	}
}

// The agent may acknowledge in another order than the updates were sent.
func TestLastAcknowledgementIsOfAnEarlierUpdate(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.launch(sleeper())
		starting := h.update(mesos.TASK_STARTING)
		h.say(exited(0))
		h.acknowledge(h.update(mesos.TASK_FINISHED))
		h.lives()
		h.acknowledge(starting)
		h.ends(nil)
	})
}

// A log helper that hangs must not keep the executor from ending: the agent waits for that without limit.
func TestStuckOutputDoesNotKeepTheExecutor(t *testing.T) {
	inBubble(t, func(h *harness) {
		stuck, release := io.Pipe()
		defer stuck.Close()
		defer release.Close()
		h.executor.Stdout = release
		h.run(sleeper())
		out := newStream()
		h.sayWith(wire.Message{Output: &wire.Output{}}, out)
		go out.w.Write(frame(1, "never read"))
		h.settle()
		h.say(exited(0))
		time.Sleep(drainTimeout)
		h.settle()
		h.acknowledge(h.update(mesos.TASK_FINISHED))
		time.Sleep(stuckTimeout)
		h.ends(nil)
	})
}

func TestAgentThatRefusesForGood(t *testing.T) {
	inBubble(t, func(h *harness) {
		refusal := errors.New("401")
		h.agent.refuse <- refusal
		h.ends(refusal)
	})
}

// Messages that make no sense at their time change nothing.
func TestMessagesOutOfPlace(t *testing.T) {
	inBubble(t, func(h *harness) {
		for _, m := range []wire.Message{{}, exited(0), {Running: &wire.Running{}}, {Created: &wire.Created{}}, {Output: &wire.Output{}}} {
			h.say(m)
		}
		h.noUpdate()
		h.event(&agent.Event{Type: mesosexec.Event_UNKNOWN})
		h.event(&agent.Event{Type: mesosexec.Event_HEARTBEAT})
		h.event(&agent.Event{Type: mesosexec.Event_MESSAGE, Message: &mesosexec.Event_Message{Data: []byte("of the framework")}})
		h.event(&agent.Event{Type: mesosexec.Event_KILL})
		h.event(&agent.Event{Type: mesosexec.Event_ERROR})
		h.lives()
	})
}
