package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

// killExecutor is kill -9.
func (k *task) killExecutor(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(k.pid(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// wantTerminated waits for what the agent says of an executor that died.
func (k *task) wantTerminated(t *testing.T) {
	t.Helper()
	status, err := k.Wait(patiently(t))
	if err != nil {
		t.Fatal(err)
	}
	if status.GetState() != mesos.TASK_FAILED || status.GetReason() != mesos.REASON_EXECUTOR_TERMINATED {
		t.Errorf("%s, reason %s", story([]mesos.TaskStatus{status}), status.GetReason())
	}
}

// The executor's death is the order to stop its container: asked first, killed when its grace is over, then removed.
func TestExecutorDies(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, term := range map[string]string{"obedient": "exit", "deaf": "ignore"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := h.launch(t, shell(t, `exec /bin/probe hold -term `+term+` >"$MESOS_SANDBOX/kept"`))
			k.await(t, mesos.TASK_RUNNING)
			environment.Eventually(t, patience, "the task to be ready", func() bool { return strings.Contains(k.output(t, "kept"), "holding") })
			began := time.Now()
			k.killExecutor(t)
			k.awaitNoContainer(t)
			if took := time.Since(began); took > grace+10*time.Second {
				t.Errorf("the container was removed after %v", took)
			}
			k.wantTerminated(t)
			if got := k.output(t, "kept"); !strings.Contains(got, "received terminated") {
				t.Errorf("the task was not asked to stop: %q", got)
			}
		})
	}
}

func TestExecutorDiesWhilePulling(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, ofImage(t, silentRegistry(t)+"/app:1", false))
	k.await(t, mesos.TASK_STARTING)
	k.killExecutor(t)
	k.wantTerminated(t)
	if _, err := k.WaitExecutor(patiently(t)); err != nil {
		t.Error(err)
	}
}

// An executor that dies at any moment of a launch leaves nothing.
func TestExecutorDiesWhileLaunching(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, delay := range []time.Duration{0, 20, 50, 100, 200, 400} {
		t.Run((delay * time.Millisecond).String(), func(t *testing.T) {
			t.Parallel()
			k := h.launch(t, shell(t, "sleep 1000"))
			k.await(t, mesos.TASK_STARTING)
			timer := time.NewTimer(delay * time.Millisecond)
			<-timer.C // the moment itself is what varies
			k.killExecutor(t)
			k.wantTerminated(t)
			k.awaitNoContainer(t)
		})
	}
}

// An executor that died while the daemon was away has left an orphan, which the next daemon stops.
func TestExecutorDiesWithoutDaemon(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, probe(t, "hold", "-term", "ignore"))
	k.awaitReady(t)
	h.stopDaemon(t)
	k.killExecutor(t)
	k.wantTerminated(t)
	if k.container(t) == "" {
		t.Error("the container is gone without a daemon")
	}
	h.start(t)
	k.awaitNoContainer(t)
}

// A daemon may be replaced at any time: the task runs on, and its output and its end arrive whole.
func TestDaemonRestart(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	const lines = 400
	k := h.launch(t, probe(t, "write", "-stdout", "400", "-stderr", "400", "-interval", "5ms", "-code", "3"))
	running := k.await(t, mesos.TASK_RUNNING)
	pid := k.pid(t)
	for _, line := range []string{"out 00000020\n", "out 00000100\n", "out 00000200\n"} {
		environment.Eventually(t, patience, line, func() bool { return strings.Contains(k.output(t, "stdout"), line) })
		h.stopDaemon(t)
		h.start(t)
	}
	if k.pid(t) != pid {
		t.Error("the executor is another")
	}
	wantMessage(t, k.end(t), mesos.TASK_FAILED, "Container exited with status 3")
	wantNumbered(t, k.output(t, "stdout"), "out", lines)
	wantNumbered(t, withoutLog(k.output(t, "stderr")), "err", lines)
	k.wantStates(t, "STARTING RUNNING FAILED")
	if inspected(t, running).ID == "" {
		t.Error("no container")
	}
}

// withoutLog leaves out the executor's own lines, which go to the same file.
func withoutLog(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, `{"level":`) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// A task may begin, write and end without a daemon to see it.
func TestDaemonAway(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, shell(t, `until [ -e "$MESOS_SANDBOX/go-on" ]; do sleep 0.05; done; echo last words; exit 9`))
	running := k.await(t, mesos.TASK_RUNNING)
	h.stopDaemon(t)
	if err := os.WriteFile(k.Sandbox+"/go-on", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	environment.Eventually(t, patience, "the end of the container", func() bool {
		c, err := h.docker.ContainerInspect(t.Context(), inspected(t, running).ID)
		return err == nil && !c.State.Running
	})
	late := h.launch(t, shell(t, "echo late"))
	late.await(t, mesos.TASK_STARTING)
	h.start(t)
	wantMessage(t, k.end(t), mesos.TASK_FAILED, "Container exited with status 9")
	if got := withoutLog(k.output(t, "stdout")); got != "last words\n" {
		t.Errorf("stdout %q", got)
	}
	late.finish(t)
}

func TestKillWithoutDaemon(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, probe(t, "hold", "-term", "ignore"))
	k.awaitReady(t)
	h.stopDaemon(t)
	if err := h.agent.Kill(k.ID, nil); err != nil {
		t.Fatal(err)
	}
	k.await(t, mesos.TASK_KILLING)
	h.start(t)
	wantForcedEnd(t, k.end(t), mesos.TASK_KILLED)
	k.wantStates(t, "STARTING RUNNING KILLING KILLED")
}

// SIGTERM, as an operator or a shutdown of the host sends it, stops the task and tells its end.
func TestExecutorIsTerminated(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, probe(t, "hold", "-term-code", "4"))
	k.awaitReady(t)
	if err := syscall.Kill(k.pid(t), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, k.end(t), mesos.TASK_KILLED, "Container exited with status 4")
	k.wantStates(t, "STARTING RUNNING KILLING KILLED")
}

// A process whose first thread has ended lives as long as others run. runc takes it for dead, so that the Engine's signals succeed and
// reach nobody. A kill ends it all the same.
func TestFirstThreadEnds(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, probe(t, "hold", "-end-first-thread"))
	k.awaitReady(t)
	c, err := h.docker.ContainerInspect(t.Context(), k.container(t))
	if err != nil {
		t.Fatal(err)
	}
	process, err := wire.FindProcess(c.State.Pid)
	if err != nil {
		t.Fatal(err)
	}
	environment.Eventually(t, patience, "the first thread to end", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.State.Pid))
		return err == nil && strings.Contains(string(stat), ") Z ")
	})
	k.kill(t)
	environment.Eventually(t, patience, "the process to be gone", func() bool {
		alive, err := process.Alive()
		return err == nil && !alive
	})
	k.awaitNoContainer(t)
}

// A container that another process kills has failed, and is not confused with one that was to be killed.
func TestContainerIsKilled(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, probe(t, "hold"))
	k.awaitReady(t)
	if err := h.docker.ContainerKill(t.Context(), k.container(t), "KILL"); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, k.end(t), mesos.TASK_FAILED, "Container exited with status 137: SIGKILL came through the Docker Engine")
	k.wantStates(t, "STARTING RUNNING FAILED")
}
