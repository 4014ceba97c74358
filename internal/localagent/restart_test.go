package localagent

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
)

func restart(t *testing.T, a *Agent, outage Outage) {
	t.Helper()
	if err := a.Restart(wait(t), outage); err != nil {
		t.Fatal(err)
	}
}

func TestExecutorSurvivesARestart(t *testing.T) {
	a := newAgent(t, Options{ReregistrationWindow: time.Second})
	task := launch(t, a, obedient)
	await(t, task, mesos.TASK_RUNNING)
	pause := 120 * time.Millisecond
	restart(t, a, Outage{Down: pause, Starting: pause, Recovering: pause})

	// Recovery ends, and then the task can be killed as ever.
	ctx := wait(t)
	for a.Kill(task.ID, nil) != nil {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("the agent did not finish recovery")
		}
	}
	if diff := cmp.Diff([]string{"RUNNING", "KILLED"}, states(await(t, task, mesos.TASK_KILLED))); diff != "" {
		t.Errorf("updates (-want +got):\n%s", diff)
	}
	if code := gone(t, task); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestExecutorThatMissesTheWindowIsDestroyed(t *testing.T) {
	for _, tc := range []struct {
		capabilities []mesos.FrameworkInfo_Capability
		want         mesos.TaskState
	}{
		{nil, mesos.TASK_LOST},
		{[]mesos.FrameworkInfo_Capability{{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE}}, mesos.TASK_GONE},
	} {
		framework := defaultFramework()
		framework.Capabilities = tc.capabilities
		a := newAgent(t, Options{ReregistrationWindow: 300 * time.Millisecond, Framework: framework})
		task := launch(t, a, fickle)
		await(t, task, mesos.TASK_RUNNING)
		restart(t, a, Outage{})
		last, err := task.Wait(wait(t))
		if err != nil {
			t.Fatal(err)
		}
		if last.GetState() != tc.want || last.GetReason() != mesos.REASON_EXECUTOR_REREGISTRATION_TIMEOUT ||
			last.GetMessage() != "Executor did not reregister within 300ms" || last.GetSource() != mesos.SOURCE_AGENT {
			t.Errorf("got %v", last)
		}
		if code := gone(t, task); code != -1 {
			t.Errorf("exit code %d", code)
		}
	}
}

func TestDeathWhileTheAgentIsDownIsNoticedInRecovery(t *testing.T) {
	a := newAgent(t, Options{})
	task := launch(t, a, obedient)
	await(t, task, mesos.TASK_RUNNING)
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	pid := started(t, task)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone(t, task)
	if got := states(seen(a, task)); len(got) != 1 {
		t.Errorf("an agent that is down reported %v", got)
	}
	for _, step := range []func() error{a.Start, a.Recover, a.Reconnect} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	last, err := task.Wait(wait(t))
	if err != nil {
		t.Fatal(err)
	}
	if last.GetState() != mesos.TASK_FAILED || last.GetReason() != mesos.REASON_EXECUTOR_TERMINATED {
		t.Errorf("got %v", last)
	}
}

func TestWithoutCheckpointNothingSurvives(t *testing.T) {
	framework := defaultFramework()
	framework.Checkpoint = nil
	a := newAgent(t, Options{Framework: framework, Hostname: "host"})
	task := launch(t, a, mute)
	c := clientOf(t, a, task)
	stream := c.subscribe()
	stream.next(executor.Event_SUBSCRIBED)
	stream.next(executor.Event_LAUNCH)
	c.must(c.update(mesos.TASK_RUNNING))
	restart(t, a, Outage{})
	last, err := task.Wait(wait(t))
	if err != nil {
		t.Fatal(err)
	}
	if last.GetState() != mesos.TASK_GONE || last.GetSource() != mesos.SOURCE_MASTER ||
		last.GetReason() != mesos.REASON_AGENT_DISCONNECTED || last.GetMessage() != "Slave host disconnected" {
		t.Errorf("got %v", last)
	}
	if code := gone(t, task); code != -1 {
		t.Errorf("exit code %d", code)
	}
	if code, text := c.send(c.update(mesos.TASK_RUNNING)); code != 400 || text != "Framework cannot be found" {
		t.Errorf("UPDATE answered %d %q", code, text)
	}
}

func TestUnacknowledgedStateIsTakenWithTheSubscription(t *testing.T) {
	a := newAgent(t, Options{})
	c, stream := withTask(t, a)
	a.LoseAcknowledgements(1)
	stored := c.update(mesos.TASK_STARTING)
	c.must(stored)
	restart(t, a, Outage{})
	stream.end()

	unsent := c.update(mesos.TASK_RUNNING)
	broken := c.update(mesos.TASK_RUNNING)
	broken.Update.Status.UUID = []byte("short")
	again := c.subscribe(func(s *executor.Call_Subscribe) {
		s.UnacknowledgedTasks = []mesos.TaskInfo{c.task.Info}
		s.UnacknowledgedUpdates = []executor.Call_Update{*stored.Update, *broken.Update, *unsent.Update}
	})
	again.acknowledged(stored)
	again.acknowledged(unsent)
	again.next(executor.Event_SUBSCRIBED)
	if diff := cmp.Diff([]string{"STARTING", "RUNNING"}, states(seen(a, c.task))); diff != "" {
		t.Errorf("stored updates (-want +got):\n%s", diff)
	}
}

func TestQueuedTaskIsDroppedByARestart(t *testing.T) {
	a := newAgent(t, Options{})
	c := newClient(t, a)
	restart(t, a, Outage{})
	c.subscribe().next(executor.Event_SUBSCRIBED)
	last, err := c.task.Wait(wait(t))
	if err != nil {
		t.Fatal(err)
	}
	if last.GetState() != mesos.TASK_DROPPED || last.GetMessage() != "Task launched during agent restart" {
		t.Errorf("got %v", last)
	}
}

func TestPhasesComeInOrder(t *testing.T) {
	a := newAgent(t, Options{})
	for name, step := range map[string]func() error{"Start": a.Start, "Recover": a.Recover, "Reconnect": a.Reconnect} {
		if step() == nil {
			t.Errorf("%s of a running agent succeeded", name)
		}
	}
	restart(t, a, Outage{}) // with nobody to wait for, recovery is over at once
	if _, err := a.Launch(LaunchRequest{Task: taskInfo("t"), Path: "/bin/true"}); err != nil {
		t.Error(err)
	}
}
