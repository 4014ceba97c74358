package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"mesos-docker-containerizer/test/environment"
	"mesos-docker-containerizer/test/fakeengine"
)

// The behaviours in this file are about a task's life.

func launch(t *testing.T) {
	h := newHost(t)
	info := shell(t, reportAndHold)
	bridge(&info)
	d := h.dropIn(t, info)
	running := d.await(t, mesos.TASK_RUNNING)
	found := inspected(t, running)
	if found.Name != "/"+d.container || found.ID != d.inspect(t).ID {
		t.Errorf("data is of %s (%s)", found.Name, found.ID)
	}
	wantOwnAddress(t, running, d.reported(t))
	d.destroy(t)
	d.endOnce(t, "STARTING RUNNING KILLING KILLED")
	d.awaitStopped(t)
}

// The task's time is over while it could take an hour to stop: it gets none of that.
func maxCompletionTime(t *testing.T) {
	h := newHost(t)
	info := probe(t, "hold", "-term", "ignore")
	info.MaxCompletionTime = &mesos.DurationInfo{Nanoseconds: int64(2 * time.Second)}
	info.KillPolicy = policy(time.Hour)
	began := time.Now()
	d := h.dropIn(t, info)
	status := d.await(t, mesos.TASK_FAILED)
	if took := time.Since(began); took < 2*time.Second || took > patience/2 {
		t.Errorf("it took %v", took)
	}
	wantForcedEnd(t, status, mesos.TASK_FAILED)
	if status.GetReason() != mesos.REASON_MAX_COMPLETION_TIME_REACHED {
		t.Errorf("reason %s", status.GetReason())
	}
	d.endOnce(t, "STARTING RUNNING FAILED")
}

func kill(t *testing.T) {
	h := newHost(t)
	d := h.dropIn(t, probe(t, "hold", "-term", "ignore"))
	d.await(t, mesos.TASK_RUNNING)
	d.awaitOutput(t, "holding")
	if err := d.Kill(d.info.TaskID.Value, nil); err != nil {
		t.Fatal(err)
	}
	wantForcedEnd(t, d.await(t, mesos.TASK_KILLED), mesos.TASK_KILLED)
	d.endOnce(t, "STARTING RUNNING KILLING KILLED") // and the executor's own status is 0
}

func taskKillingCapability(t *testing.T) {
	for name, test := range map[string]struct {
		plain bool
		want  string
	}{
		"with it":    {false, "STARTING RUNNING KILLING KILLED"},
		"without it": {true, "STARTING RUNNING KILLED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			d := h.dropIn(t, probe(t, "hold"), func(o *dropInOptions) { o.plain = test.plain })
			d.await(t, mesos.TASK_RUNNING)
			d.kill(t, grace)
			d.endOnce(t, test.want)
		})
	}
}

// Agent and daemon restart at once: both tasks go on in their containers, and their ends are told.
func recovery(t *testing.T) {
	h := newHost(t)
	first, second := h.dropIn(t, probe(t, "hold")), h.dropIn(t, probe(t, "hold", "-term-code", "7"))
	both := []*dropin{first, second}
	var before []string
	for _, d := range both {
		d.await(t, mesos.TASK_RUNNING)
		d.awaitOutput(t, "holding")
		before = append(before, d.inspect(t).ID)
	}
	for _, d := range both {
		d.die()
	}
	h.stopDaemon(t)
	h.start(t)
	for _, d := range both {
		d.recover(t, true)
	}
	for i, d := range both {
		if found := d.inspect(t); found.ID != before[i] || !found.State.Running {
			t.Errorf("container %s runs %v, it was %s", found.ID, found.State.Running, before[i])
		}
	}
	d := first
	d.kill(t, grace)
	d.end(t, "STARTING RUNNING KILLING KILLED")
	if err := h.docker.ContainerKill(t.Context(), second.container, "TERM"); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, second.await(t, mesos.TASK_FAILED), mesos.TASK_FAILED, "Container exited with status 7")
	second.end(t, "STARTING RUNNING FAILED")
}

// A container whose executor died while nobody looked is stopped and removed; the other is kept.
func killOrphans(t *testing.T) {
	h := newHost(t)
	orphan, known := h.dropIn(t, probe(t, "hold")), h.dropIn(t, probe(t, "hold"))
	orphan.await(t, mesos.TASK_RUNNING)
	known.await(t, mesos.TASK_RUNNING)
	h.stopDaemon(t)
	if err := orphan.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	orphan.awaitExit(t)
	if !orphan.runs(t) {
		t.Error("the orphan has ended without anybody to end it")
	}
	h.start(t)
	environment.Eventually(t, patience, "the orphan's removal", func() bool { return len(h.containers(t)) == 1 })
	if !known.runs(t) {
		t.Error("the known container was stopped")
	}
	known.kill(t, grace)
	known.endOnce(t, "STARTING RUNNING KILLING KILLED")
}

// Containers of others keep out of all this, whatever they are called.
func skipMalformedUUID(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{"mesos-malformed-" + newUUID(t), "mesos-" + newUUID(t)} {
		created, err := h.docker.ContainerCreate(t.Context(), &container.Config{Image: environment.Probe(t), Cmd: []string{"hold"}}, nil, nil, nil, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := h.docker.ContainerRemove(context.WithoutCancel(t.Context()), created.ID, container.RemoveOptions{Force: true}); err != nil {
				t.Error(err)
			}
		})
		if err := h.docker.ContainerStart(t.Context(), created.ID, container.StartOptions{}); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if found, err := h.docker.ContainerInspect(t.Context(), name); err != nil || !found.State.Running {
				t.Errorf("container %s: %+v, %v", name, found.State, err)
			}
		}()
	}
	d := h.dropIn(t, probe(t, "hold"))
	d.await(t, mesos.TASK_RUNNING)
	h.stopDaemon(t)
	h.start(t)
	d.kill(t, grace)
	d.endOnce(t, "STARTING RUNNING KILLING KILLED") // by then the daemon has recovered
}

// The container is running and the Engine does not say so yet when the kill comes; when it does, it is too late for RUNNING. That
// the executor was told of the start after it had sent KILLING shows in the address, which is in its later updates.
func noRunningAfterKilling(t *testing.T) {
	t.Run("of its health", noHealthAfterKilling)
	t.Run("of its start", noStartAfterKilling)
}

func noStartAfterKilling(t *testing.T) {
	h := newHost(t)
	engine := h.behindProxy(t, func(p *fakeengine.Proxy) { p.Fault(fakeengine.Hang, http.MethodGet, `/containers/[^/]+/json`, 1000) })
	info := probe(t, "hold", "-term", "ignore")
	bridge(&info)
	d := h.dropIn(t, info)
	environment.Eventually(t, patience, "the container to run", func() bool { return d.runs(t) })
	d.kill(t, 2*time.Second)
	killing := d.await(t, mesos.TASK_KILLING)
	engine.Release()
	killed := d.await(t, mesos.TASK_KILLED)
	if before, after := addresses(killing), addresses(killed); len(before) != 0 || len(after) != 1 {
		t.Errorf("KILLING has addresses %v, KILLED %v: the situation has not come about", before, after)
	}
	d.endOnce(t, "STARTING KILLING KILLED")
}

func noFinishedAfterKilling(t *testing.T) {
	h := newHost(t)
	d := h.dropIn(t, probe(t, "hold", "-term", "exit", "-term-code", "0"))
	d.await(t, mesos.TASK_RUNNING)
	d.awaitOutput(t, "holding")
	d.kill(t, patience)
	wantMessage(t, d.await(t, mesos.TASK_KILLED), mesos.TASK_KILLED, "Container exited with status 0")
	d.endOnce(t, "STARTING RUNNING KILLING KILLED")
}

// The kill's own grace period holds, not the task's.
func overrideKillPolicy(t *testing.T) {
	for name, test := range map[string]struct {
		tasks, kills, from, to time.Duration
	}{
		"shorter": {time.Hour, time.Second, time.Second, patience / 2},
		"longer":  {0, 3 * time.Second, 3 * time.Second, patience / 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			info := probe(t, "hold", "-term", "ignore")
			info.KillPolicy = policy(test.tasks)
			d := h.dropIn(t, info)
			d.await(t, mesos.TASK_RUNNING)
			d.awaitOutput(t, "holding")
			began := time.Now()
			d.kill(t, test.kills)
			d.await(t, mesos.TASK_KILLED)
			if took := time.Since(began); took < test.from || took > test.to {
				t.Errorf("it took %v, want %v to %v", took, test.from, test.to)
			}
			d.endOnce(t, "STARTING RUNNING KILLING KILLED")
		})
	}
}

func pullFailure(t *testing.T) {
	h := newHost(t)
	const reference = "127.0.0.1:1/e2e/missing:7"
	d := h.dropIn(t, ofImage(t, reference, false))
	status := d.await(t, mesos.TASK_FAILED)
	wantMessage(t, status, mesos.TASK_FAILED, reference, "connection refused")
	if status.GetReason() != mesos.REASON_CONTAINER_LAUNCH_FAILED {
		t.Errorf("reason %s", status.GetReason())
	}
	d.endOnce(t, "STARTING FAILED")
}

// A container that cannot start is waited for by nobody.
func startFailure(t *testing.T) {
	h := newHost(t)
	info := dockerTask(t, environment.Busybox(t), mesos.CommandInfo{Shell: new(false), Value: new("/no/such/program")})
	began := time.Now()
	d := h.dropIn(t, info)
	wantMessage(t, d.await(t, mesos.TASK_FAILED), mesos.TASK_FAILED, "/no/such/program")
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %v", took)
	}
	d.endOnce(t, "STARTING FAILED")
}

// A pull that is given up does not go on: the registry loses its connection.
func cancelPull(t *testing.T) {
	h := newHost(t)
	registry, left := patientRegistry(t)
	d := h.dropIn(t, ofImage(t, registry+"/app:1", false))
	d.await(t, mesos.TASK_STARTING)
	environment.Eventually(t, patience, "the registry to be asked", func() bool { return left() > 0 })
	began := time.Now()
	d.kill(t, time.Hour)
	wantMessage(t, d.await(t, mesos.TASK_KILLED), mesos.TASK_KILLED, "killed before it was started")
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %v", took)
	}
	d.endOnce(t, "STARTING KILLING KILLED")
	environment.Eventually(t, patience, "the pull's end", func() bool { return left() == 0 })
}

func logs(t *testing.T) {
	h := newHost(t)
	uuid := newUUID(t)
	d := h.finish(t, shell(t, fmt.Sprintf("echo out%s; echo err%s >&2", uuid, uuid)))
	if got, want := d.read(t, "stdout"), "out"+uuid+"\n"; got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
	if got, want := withoutLog(d.read(t, "stderr")), "err"+uuid+"\n"; got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
}
