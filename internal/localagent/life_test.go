package localagent

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/test/agentevent"
)

// gone waits for the process of a task's executor to have ended and returns its exit code.
func gone(t *testing.T, task *Task) int {
	t.Helper()
	exit, err := task.WaitExecutor(wait(t))
	if err != nil {
		t.Fatal(err)
	}
	if exit == nil {
		t.Fatal("the executor was never started")
	}
	return exit.ExitCode()
}

// life is how a task is expected to go.
type life struct {
	name   string
	kind   string
	act    func(*testing.T, *Agent, *Task) // done to it once it runs
	want   []string
	reason mesos.TaskStatus_Reason // of the last update, if the agent made it
	text   string
	exit   int
}

func lives() []life {
	kill := func(t *testing.T, a *Agent, task *Task) {
		if err := a.Kill(task.ID, nil); err != nil {
			t.Error(err)
		}
	}
	shutdown := func(t *testing.T, a *Agent, task *Task) {
		if err := a.Shutdown(task.ExecutorID); err != nil {
			t.Error(err)
		}
	}
	murder := func(t *testing.T, _ *Agent, task *Task) {
		if err := syscall.Kill(started(t, task), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	const crashed = mesos.REASON_EXECUTOR_TERMINATED
	return []life{
		{name: "finishes", kind: finishing, want: []string{"RUNNING", "FINISHED"}},
		{name: "is killed", kind: obedient, act: kill, want: []string{"RUNNING", "KILLED"}},
		{name: "is shut down", kind: obedient, act: shutdown, want: []string{"RUNNING", "KILLED"}},
		{name: "crashes", kind: crashing, want: []string{"RUNNING", "FAILED"}, reason: crashed, text: "Executor terminated", exit: 3},
		{name: "ignores shutdown", kind: deaf, act: shutdown,
			want: []string{"RUNNING", "FAILED"}, reason: crashed, text: "Executor terminated", exit: -1},
		{name: "is murdered", kind: obedient, act: murder,
			want: []string{"RUNNING", "FAILED"}, reason: crashed, text: "Executor terminated", exit: -1},
		{name: "never subscribes", kind: mute, want: []string{"FAILED"}, reason: mesos.REASON_EXECUTOR_REGISTRATION_TIMEOUT,
			text: "Executor did not register within 1secs", exit: -1},
	}
}

func TestLives(t *testing.T) {
	for _, tc := range lives() {
		t.Run(tc.name, func(t *testing.T) {
			options := Options{ShutdownGrace: patience}
			switch tc.kind {
			case mute:
				options.RegistrationTimeout = time.Second
			case deaf:
				options.ShutdownGrace = 200 * time.Millisecond
			}
			a := newAgent(t, options)
			task := launch(t, a, tc.kind)
			if tc.act != nil {
				await(t, task, mesos.TASK_RUNNING)
				tc.act(t, a, task)
			}
			tc.check(t, task)
			if err := a.Kill(task.ID, nil); !errors.Is(err, ErrUnknown) {
				t.Errorf("Kill after the executor's end: %v", err)
			}
		})
	}
}

// check waits for the end of a task and compares all that was said of it.
func (tc life) check(t *testing.T, task *Task) {
	t.Helper()
	last, err := task.Wait(wait(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tc.want, states(slices.Collect(task.Updates(wait(t))))); diff != "" {
		t.Errorf("updates (-want +got):\n%s", diff)
	}
	source := mesos.SOURCE_EXECUTOR
	if tc.text != "" {
		source = mesos.SOURCE_AGENT
	}
	if last.GetSource() != source || last.GetReason() != tc.reason || last.GetMessage() != tc.text {
		t.Errorf("last update: %s %s %q", last.GetSource(), last.GetReason(), last.GetMessage())
	}
	if got := gone(t, task); got != tc.exit {
		t.Errorf("exit code %d, want %d; stderr: %s", got, tc.exit, output(task, "stderr"))
	}
}

func TestEnvironmentIsTheContracts(t *testing.T) {
	t.Setenv("NOT_FOR_EXECUTORS", "1")
	checkpointed := []string{"MESOS_RECOVERY_TIMEOUT=15mins", "MESOS_SUBSCRIPTION_BACKOFF_MAX=2secs"}
	for _, tc := range []struct {
		name       string
		checkpoint bool
		options    Options
		command    *mesos.CommandInfo
		grace      time.Duration
		want       []string // beside those of every executor
	}{
		{name: "plain", checkpoint: true, want: append([]string{
			"MESOS_CHECKPOINT=1", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=5secs", "PATH=" + defaultPath}, checkpointed...)},
		{name: "no checkpoint", want: []string{
			"MESOS_CHECKPOINT=0", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=5secs", "PATH=" + defaultPath}},
		{name: "overlaid", checkpoint: true, grace: 1500 * time.Millisecond,
			options: Options{IP: "127.0.0.1", ExecutorEnvironment: map[string]string{"PATH": "/a", "B": "agent"}},
			command: &mesos.CommandInfo{Environment: &mesos.Environment{Variables: []mesos.Environment_Variable{
				{Name: "B", Value: new("a=b\nc")},
				{Name: "S", Type: mesos.Environment_Variable_SECRET.Enum(),
					Secret: &mesos.Secret{Type: mesos.Secret_VALUE, Value: &mesos.Secret_Value{Data: []byte("hush")}}},
			}}},
			want: append([]string{"MESOS_CHECKPOINT=1", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=3500ms",
				"PATH=/a", "B=a=b\nc", "S=hush", "LIBPROCESS_IP=127.0.0.1"}, checkpointed...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			framework := defaultFramework()
			framework.Checkpoint = &tc.checkpoint
			tc.options.Framework = framework
			a := newAgent(t, tc.options)
			task := launch(t, a, curious, func(r *LaunchRequest) {
				r.Task.Command = tc.command
				if tc.grace > 0 {
					r.Task.KillPolicy = &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: int64(tc.grace)}}
				}
			})
			await(t, task, mesos.TASK_RUNNING)
			var seen surroundings
			if err := json.Unmarshal([]byte(output(task, "stdout")), &seen); err != nil {
				t.Fatal(err)
			}
			want := append(tc.want,
				"LIBPROCESS_PORT=0", "MESOS_HTTP_COMMAND_EXECUTOR=0",
				"MESOS_FRAMEWORK_ID="+framework.ID.Value, "MESOS_EXECUTOR_ID="+task.ID, "MESOS_SLAVE_ID="+a.options.AgentID,
				"MESOS_DIRECTORY="+task.Sandbox, "MESOS_SANDBOX="+task.Sandbox,
				"MESOS_SLAVE_PID=slave(1)@"+a.Endpoint(), "MESOS_AGENT_ENDPOINT="+a.Endpoint())
			slices.Sort(want)
			slices.Sort(seen.Environment)
			if diff := cmp.Diff(want, seen.Environment); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
			if seen.Stdin != "" || seen.Directory != task.Sandbox || !seen.Leader {
				t.Errorf("stdin %q, directory %s, session leader %t", seen.Stdin, seen.Directory, seen.Leader)
			}
		})
	}
}

func TestSandboxHasTheAgentsLayout(t *testing.T) {
	dir := t.TempDir()
	a := newAgent(t, Options{WorkDir: dir})
	task := launch(t, a, finishing)
	want := filepath.Join(dir, "slaves", a.options.AgentID, "frameworks", task.FrameworkID, "executors", task.ID, "runs",
		task.ContainerID)
	if task.Sandbox != want {
		t.Errorf("sandbox %s, want %s", task.Sandbox, want)
	}
	gone(t, task)
	again := launch(t, a, finishing)
	latest, err := os.Readlink(filepath.Join(filepath.Dir(want), "latest"))
	if err != nil || latest != again.Sandbox {
		t.Errorf("latest leads to %q (%v), want %s", latest, err, again.Sandbox)
	}
	info, err := os.Stat(again.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != sandboxMode {
		t.Errorf("mode %o", info.Mode().Perm())
	}
	gone(t, again)
}

func TestCloseLeavesNoProcess(t *testing.T) {
	a := newAgent(t, Options{})
	task := launch(t, a, parental)
	await(t, task, mesos.TASK_RUNNING)
	parent := started(t, task)
	child, err := strconv.Atoi(strings.TrimSpace(output(task, "stdout")))
	if err != nil {
		t.Fatal(err)
	}
	if members := sessionMembers(parent); len(members) != 2 {
		t.Fatalf("session has processes %v, want parent and child", members)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if members := sessionMembers(parent); len(members) != 0 {
		t.Errorf("processes %v are left (parent %d, child %d)", members, parent, child)
	}
	if _, err := task.Wait(wait(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("Wait after Close: %v", err)
	}
	if _, err := a.Launch(LaunchRequest{Task: taskInfo("late"), Path: "/bin/true"}); !errors.Is(err, ErrClosed) {
		t.Errorf("Launch after Close: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestKillBeforeDelivery(t *testing.T) {
	a := newAgent(t, Options{ShutdownGrace: 100 * time.Millisecond})
	c := newClient(t, a)
	if err := a.Kill(c.task.ID, nil); err != nil {
		t.Fatal(err)
	}
	last, err := c.task.Wait(wait(t))
	if err != nil {
		t.Fatal(err)
	}
	if last.GetState() != mesos.TASK_KILLED || last.GetReason() != mesos.REASON_TASK_KILLED_DURING_LAUNCH ||
		last.GetMessage() != "Killed before delivery to the executor" || last.ContainerStatus != nil {
		t.Errorf("got %v", last)
	}
	if code := gone(t, c.task); code != -1 {
		t.Errorf("exit code %d: an executor with nothing to do was not destroyed", code)
	}
}

func TestKilledBeforeDeliveryIsShutDownWhenItSubscribes(t *testing.T) {
	a := newAgent(t, Options{})
	c := newClient(t, a)
	if err := a.Kill(c.task.ID, nil); err != nil {
		t.Fatal(err)
	}
	stream := c.subscribe()
	stream.next(executor.Event_SHUTDOWN)
	stream.end()
}

func TestSecondTaskOfOneExecutor(t *testing.T) {
	a := newAgent(t, Options{})
	info := &mesos.ExecutorInfo{ExecutorID: mesos.ExecutorID{Value: "shared"}}
	share := func(r *LaunchRequest) { r.Task.Executor = info }
	c := newClient(t, a, share)
	stream := c.subscribe()
	stream.next(executor.Event_SUBSCRIBED)
	stream.next(executor.Event_LAUNCH)

	second, err := a.Launch(LaunchRequest{Task: mesos.TaskInfo{Name: "second", TaskID: mesos.TaskID{Value: "second"}, Executor: info}})
	if err != nil {
		t.Fatal(err)
	}
	event := stream.next(executor.Event_LAUNCH)
	if event.Launch.Task.TaskID.Value != "second" || second.ContainerID != c.task.ContainerID {
		t.Errorf("second task was sent as %v in container %s", event.Launch.Task.TaskID, second.ContainerID)
	}
	if _, err := a.Launch(LaunchRequest{Task: mesos.TaskInfo{TaskID: mesos.TaskID{Value: "second"}, Executor: info}}); err == nil {
		t.Error("a task id was taken twice")
	}
	if err := a.Shutdown("shared"); err != nil {
		t.Fatal(err)
	}
	stream.next(executor.Event_SHUTDOWN)
	if _, err := a.Launch(LaunchRequest{Task: mesos.TaskInfo{TaskID: mesos.TaskID{Value: "third"}, Executor: info}}); err == nil {
		t.Error("an executor that is being shut down was given a task")
	}
}

func TestLaunchFailures(t *testing.T) {
	a := newAgent(t, Options{})
	for _, id := range []string{"", ".", "..", "a/b", "a\x00"} {
		if _, err := a.Launch(LaunchRequest{Task: taskInfo(id), Path: "/bin/true"}); err == nil {
			t.Errorf("task id %q was accepted", id)
		}
	}
	if _, err := a.Launch(LaunchRequest{Task: taskInfo("t"), Path: "true"}); err == nil {
		t.Error("a relative program was accepted")
	}
	for name, change := range map[string]func(*LaunchRequest){
		"no program": func(r *LaunchRequest) { r.Path = "/nonexistent/program" },
		"secret reference": func(r *LaunchRequest) {
			r.Task.Command = &mesos.CommandInfo{Environment: &mesos.Environment{Variables: []mesos.Environment_Variable{
				{Name: "S", Type: mesos.Environment_Variable_SECRET.Enum()},
			}}}
		},
		"missing file": func(r *LaunchRequest) {
			r.Task.Command = &mesos.CommandInfo{URIs: []mesos.CommandInfo_URI{{Value: "file:///nonexistent/file"}}}
		},
	} {
		task := launch(t, a, mute, change)
		last, err := task.Wait(wait(t))
		if err != nil {
			t.Fatal(err)
		}
		if last.GetState() != mesos.TASK_FAILED || last.GetReason() != mesos.REASON_CONTAINER_LAUNCH_FAILED ||
			!strings.HasPrefix(last.GetMessage(), "Failed to launch container: ") {
			t.Errorf("%s: got %s %s %q", name, last.GetState(), last.GetReason(), last.GetMessage())
		}
		if exit, err := task.WaitExecutor(wait(t)); exit != nil || err != nil {
			t.Errorf("%s: executor: %v %v", name, exit, err)
		}
	}
}

func TestEventsBeforeLaunch(t *testing.T) {
	a := newAgent(t, Options{})
	c := newClient(t, a, func(r *LaunchRequest) {
		r.BeforeLaunch = []agent.Event{agentevent.Kill(r.Task.TaskID.Value, nil)}
	})
	stream := c.subscribe()
	stream.next(executor.Event_SUBSCRIBED)
	stream.next(executor.Event_KILL)
	stream.next(executor.Event_LAUNCH)
	// The executor knows of the task but has said nothing of it: it names it, or it counts as lost.
	known := c.subscribe(func(s *executor.Call_Subscribe) { s.UnacknowledgedTasks = []mesos.TaskInfo{c.task.Info} })
	stream.end()
	known.next(executor.Event_SUBSCRIBED)
	c.subscribe().next(executor.Event_SUBSCRIBED)
	last, err := c.task.Wait(wait(t))
	if err != nil {
		t.Fatal(err)
	}
	if last.GetState() != mesos.TASK_DROPPED || last.GetReason() != mesos.REASON_AGENT_RESTARTED {
		t.Errorf("got %s %s", last.GetState(), last.GetReason())
	}
}

func TestHeldLaunches(t *testing.T) {
	a := newAgent(t, Options{})
	a.HoldLaunches(true)
	c := newClient(t, a)
	stream := c.subscribe()
	stream.next(executor.Event_SUBSCRIBED)
	if n := a.Subscribed(); n != 1 {
		t.Errorf("%d executors have subscribed", n)
	}
	if err := a.Send(c.task.ExecutorID, agentevent.Kill("other", nil)); err != nil {
		t.Fatal(err)
	}
	stream.next(executor.Event_KILL) // and not the LAUNCH
	a.HoldLaunches(false)
	stream.next(executor.Event_LAUNCH)
}

func TestIncompleteTaskIsRefused(t *testing.T) {
	a := newAgent(t, Options{})
	task := mesos.TaskInfo{TaskID: mesos.TaskID{Value: "t"}, Container: &mesos.ContainerInfo{}} // without its type
	if _, err := a.Launch(LaunchRequest{Task: task, Path: "/bin/true"}); err == nil || !strings.Contains(err.Error(), "incomplete") {
		t.Errorf("Launch: %v", err)
	}
}
