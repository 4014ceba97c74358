package e2e

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosexec "github.com/mesos/mesos-go/api/v1/lib/executor"

	"mesos-docker-containerizer/executor/agent"
	"mesos-docker-containerizer/internal/localagent"
	"mesos-docker-containerizer/test/agentevent"
	"mesos-docker-containerizer/test/environment"
)

// outage is long enough for an executor to run into every answer that an agent gives while it starts.
var outage = localagent.Outage{Down: 200 * time.Millisecond, Starting: 200 * time.Millisecond, Recovering: 200 * time.Millisecond}

// pid is the executor's process, which a test may use to see that it is still the same.
func (k *task) pid(t *testing.T) int {
	t.Helper()
	pid, err := k.ExecutorProcess()
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// awaitReady waits until `probe hold` has said that it is ready and the framework has heard that it runs.
func (k *task) awaitReady(t *testing.T) {
	t.Helper()
	k.awaitOutput(t, "holding")
	k.await(t, mesos.TASK_RUNNING)
}

// An agent that restarts finds its task as it was: the same executor and container, and no update lost or doubled.
func TestAgentRestart(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, probe(t, "hold"))
	k.await(t, mesos.TASK_RUNNING)
	pid, container := k.pid(t), k.container(t)
	for range 2 {
		if err := h.agent.Restart(patiently(t), outage); err != nil {
			t.Fatal(err)
		}
		// A call other than SUBSCRIBE is refused until the window is over, so a kill waits for that.
		environment.Eventually(t, patience, "the executor to subscribe again", func() bool { return h.agent.Kill("of-no-task", nil) != nil })
	}
	if k.pid(t) != pid || k.container(t) != container {
		t.Error("the executor or its container is another")
	}
	// KILL is lost if it meets a broken stream; a framework repeats it.
	repeat(t, 100*time.Millisecond, func() { h.agent.Kill(k.ID, nil) }, func() { k.await(t, mesos.TASK_KILLED) })
	k.end(t)
	k.wantStates(t, "STARTING RUNNING KILLING KILLED")
}

// repeat does something until something else is over.
func repeat(t *testing.T, interval time.Duration, do func(), until func()) {
	t.Helper()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for ticker := time.NewTicker(interval); ; {
			do()
			select {
			case <-ticker.C:
			case <-stop:
				ticker.Stop()
				return
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	until()
}

// What happens while the agent is away is told when it is back.
func TestTaskEndsWhileTheAgentIsAway(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, probe(t, "hold", "-term-code", "5"))
	running := k.await(t, mesos.TASK_RUNNING)
	k.awaitOutput(t, "holding") // from here on it takes signals
	if err := h.agent.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := h.docker.ContainerKill(t.Context(), inspected(t, running).ID, "TERM"); err != nil {
		t.Fatal(err)
	}
	environment.Eventually(t, patience, "the end of the container", func() bool {
		c, err := h.docker.ContainerInspect(t.Context(), k.container(t))
		return err == nil && !c.State.Running
	})
	for _, step := range []func() error{h.agent.Start, h.agent.Recover, h.agent.Reconnect} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	wantMessage(t, k.end(t), mesos.TASK_FAILED, "Container exited with status 5")
	k.wantStates(t, "STARTING RUNNING FAILED")
}

// Acknowledgements that are lost with the agent make the executor send its updates again, and the agent store them once.
func TestAcknowledgementsLostWithTheAgent(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.agent.HoldAcknowledgements(true)
	k := h.launch(t, probe(t, "exit", "0"))
	k.await(t, mesos.TASK_FINISHED)
	wantAlive(t, k)
	if err := h.agent.Restart(patiently(t), outage); err != nil {
		t.Fatal(err)
	}
	h.agent.HoldAcknowledgements(false)
	k.end(t)
	k.wantStates(t, "STARTING RUNNING FINISHED")
}

// wantAlive sees that the executor does not exit for a while.
func wantAlive(t *testing.T, k *task) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if exit, err := k.WaitExecutor(ctx); err == nil {
		t.Errorf("the executor has ended: %v", exit)
	}
}

// The executor stays until its terminal update is acknowledged, and the container with it.
func TestLateAcknowledgement(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, probe(t, "hold"))
	k.await(t, mesos.TASK_RUNNING)
	h.agent.HoldAcknowledgements(true)
	if err := h.agent.Kill(k.ID, nil); err != nil {
		t.Fatal(err)
	}
	k.await(t, mesos.TASK_KILLED)
	wantAlive(t, k)
	if k.container(t) == "" {
		t.Error("the container was removed before the terminal update was acknowledged")
	}
	h.agent.HoldAcknowledgements(false)
	k.end(t)
	k.wantStates(t, "STARTING RUNNING KILLING KILLED")
}

// Streams break at any time, and nothing is lost by it.
func TestDroppedStreams(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, probe(t, "hold"))
	k.await(t, mesos.TASK_STARTING) // a LAUNCH that meets a broken stream is lost, and the agent says so
	repeat(t, 50*time.Millisecond, h.agent.DropStreams, func() { k.await(t, mesos.TASK_RUNNING) })
	pid := k.pid(t)
	h.agent.DropStreams()
	repeat(t, 100*time.Millisecond, func() { h.agent.Kill(k.ID, nil) }, func() { k.await(t, mesos.TASK_KILLED) })
	h.agent.DropStreams()
	if last, err := k.WaitExecutor(patiently(t)); err != nil || last.Pid() != pid || !last.Success() {
		t.Errorf("executor: %v, %v", last, err)
	}
	k.wantStates(t, "STARTING RUNNING KILLING KILLED")
}

func TestRefusedCalls(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]localagent.Refusal{
		"503 to all":             {Calls: 4, Code: http.StatusServiceUnavailable, Text: "Agent has not finished recovery"},
		"404 to SUBSCRIBE":       {Calls: 2, Type: mesosexec.Call_SUBSCRIBE, Code: http.StatusNotFound},
		"503 to UPDATE":          {Calls: 3, Type: mesosexec.Call_UPDATE, Code: http.StatusServiceUnavailable},
		"403 to UPDATE":          {Calls: 1, Type: mesosexec.Call_UPDATE, Code: http.StatusForbidden, Text: "Executor is not subscribed"},
		"no answer to UPDATE":    {Calls: 2, Type: mesosexec.Call_UPDATE},
		"answer to UPDATE lost":  {Calls: 2, Type: mesosexec.Call_UPDATE, AfterHandling: true},
		"no answer to SUBSCRIBE": {Calls: 2, Type: mesosexec.Call_SUBSCRIBE},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.agent.Refuse(refusal)
			k := h.launch(t, probe(t, "exit", "0"))
			k.finish(t)
			k.wantStates(t, "STARTING RUNNING FINISHED")
		})
	}
}

func TestKillTwice(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, probe(t, "hold", "-term", "ignore"))
	k.awaitReady(t)
	if err := h.agent.Kill(k.ID, policy(time.Hour)); err != nil {
		t.Fatal(err)
	}
	k.awaitOutput(t, "received terminated")
	if err := h.agent.Send(k.ExecutorID, agentevent.Kill("another-task", nil), agentevent.Kill(k.ID, policy(300*time.Millisecond))); err != nil {
		t.Fatal(err)
	}
	wantForcedEnd(t, k.end(t), mesos.TASK_KILLED)
	k.wantStates(t, "STARTING RUNNING KILLING KILLED")
}

func TestKillBeforeLaunch(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	info := shell(t, `echo ran >"$MESOS_SANDBOX/ran"`)
	k := h.launch(t, info, func(r *localagent.LaunchRequest) {
		r.BeforeLaunch = []agent.Event{agentevent.Kill(info.TaskID.Value, nil)}
	})
	wantMessage(t, k.end(t), mesos.TASK_KILLED, "killed before it was launched")
	k.wantStates(t, "KILLED")
	if got := k.output(t, "ran"); got != "" {
		t.Error("the task was run")
	}
}

// A kill that comes while the image is pulled from a registry that does not answer ends the task at once.
func TestKillWhilePulling(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, ofImage(t, silentRegistry(t)+"/app:1", false))
	k.await(t, mesos.TASK_STARTING)
	began := time.Now()
	if err := h.agent.Kill(k.ID, policy(time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, k.end(t), mesos.TASK_KILLED, "killed before it was started")
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %v", took)
	}
	if got := states(k.updates(t)); got != "STARTING KILLING KILLED" {
		t.Errorf("states %s", got)
	}
}

// A second LAUNCH fails for itself; the task that runs is not touched. The executor stays until both ends are acknowledged.
func TestSecondLaunch(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	toCustom := custom(t, h, nil)
	k := h.launch(t, probe(t, "hold"), toCustom)
	k.awaitReady(t)
	if err := h.agent.Send(k.ExecutorID, agentevent.Unknown(), agentevent.Launch(k.Info)); err != nil {
		t.Fatal(err)
	}
	second := h.launch(t, shell(t, "true"), toCustom, func(r *localagent.LaunchRequest) { r.Task.Executor = k.Info.Executor })
	status, err := second.Wait(patiently(t))
	if err != nil {
		t.Fatal(err)
	}
	wantMessage(t, status, mesos.TASK_FAILED, `Attempted to run multiple tasks using a "docker" executor`)
	if second.ContainerID != k.ContainerID || len(h.containers(t)) != 1 {
		t.Errorf("%d containers", len(h.containers(t)))
	}
	k.kill(t)
	k.wantStates(t, "STARTING RUNNING KILLING KILLED")
}

// SHUTDOWN leaves the task its grace period less two seconds, so that its end can be told before the agent's patience is over.
func TestShutdown(t *testing.T) {
	t.Parallel()
	const shutdownGrace = 4 * time.Second
	for name, test := range map[string]struct {
		term     string
		status   string
		from, to time.Duration
	}{
		"obedient": {"exit", "Container exited with status 0", 0, 2 * time.Second},
		"deaf":     {"ignore", "Container exited with status 137", 1500 * time.Millisecond, shutdownGrace},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, func(o *localagent.Options) { o.ShutdownGrace = shutdownGrace })
			info := probe(t, "hold", "-term", test.term)
			info.KillPolicy = nil // it would raise the grace period
			k := h.launch(t, info)
			k.awaitReady(t)
			began := time.Now()
			if err := h.agent.Shutdown(k.ExecutorID); err != nil {
				t.Fatal(err)
			}
			status, err := k.Wait(patiently(t))
			if took := time.Since(began); err != nil || took < test.from || took > test.to {
				t.Errorf("it took %v, want %v to %v; %v", took, test.from, test.to, err)
			}
			wantMessage(t, status, mesos.TASK_KILLED, test.status)
			k.end(t)
			k.wantStates(t, "STARTING RUNNING KILLING KILLED")
		})
	}
}

// Of a framework that does not checkpoint nothing outlives the agent.
func TestNoCheckpoint(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(o *localagent.Options) {
		o.Framework = &mesos.FrameworkInfo{Name: "forgetful", ID: &mesos.FrameworkID{Value: "forgetful"}, Checkpoint: new(false)}
	})
	info := probe(t, "hold", "-term", "ignore")
	info.KillPolicy = policy(2 * time.Second) // so that the executor has more than its margin
	k := h.launch(t, info)
	k.awaitReady(t)
	if err := h.agent.Stop(); err != nil {
		t.Fatal(err)
	}
	environment.Eventually(t, patience, "the stop signal", func() bool { return strings.Contains(k.output(t, "stdout"), "received terminated") })
	k.awaitNoContainer(t)
	if _, err := k.WaitExecutor(patiently(t)); err != nil {
		t.Error(err)
	}
}

// An agent that stays away for longer than the recovery timeout is not waited for any longer.
func TestRecoveryTimeout(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(o *localagent.Options) { o.RecoveryTimeout = time.Second })
	k := h.launch(t, probe(t, "hold"))
	k.awaitReady(t)
	if err := h.agent.Stop(); err != nil {
		t.Fatal(err)
	}
	k.awaitOutput(t, "received terminated")
	if _, err := k.WaitExecutor(patiently(t)); err != nil {
		t.Error(err)
	}
	k.awaitNoContainer(t)
}

// TASK_KILLING goes only to frameworks that have said they know it.
func TestFrameworkWithoutCapabilities(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(o *localagent.Options) {
		o.Framework = &mesos.FrameworkInfo{Name: "plain", ID: &mesos.FrameworkID{Value: "plain"}, Checkpoint: new(true)}
	})
	k := h.launch(t, probe(t, "hold"))
	k.awaitReady(t)
	k.kill(t)
	k.wantStates(t, "STARTING RUNNING KILLED")
}

// TASK_RUNNING brings what frameworks read out of it.
func TestRunningStatus(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	k := h.launch(t, probe(t, "hold"))
	running := k.await(t, mesos.TASK_RUNNING)
	if !bytes.HasPrefix(running.Data, []byte("[")) {
		t.Errorf("data: %.100q", running.Data)
	}
	found := inspected(t, running)
	if found.ID != k.container(t) || !found.State.Running || !strings.Contains(found.Name, "mdc-local-") {
		t.Errorf("inspect of %s (%s), the container is %s", found.ID, found.Name, k.container(t))
	}
	status := running.GetContainerStatus()
	if running.GetSource() != mesos.SOURCE_EXECUTOR || running.ExecutorID.GetValue() != k.ExecutorID || status.GetContainerID().GetValue() != k.ContainerID {
		t.Errorf("status %+v", running)
	}
	k.kill(t)
}
