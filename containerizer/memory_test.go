package containerizer

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"golang.org/x/sys/unix"

	"mesos-docker-containerizer/containerizer/cgroup"
	"mesos-docker-containerizer/executor/wire"
	"mesos-docker-containerizer/test/environment"
)

func TestJudgeMemory(t *testing.T) {
	const mib = 1 << 20
	one := cgroup.Memory{Limit: 32 * mib, Peak: 32 * mib, Kills: 1}
	for name, test := range map[string]struct {
		code    int
		flag    bool
		seen    cgroup.Memory
		killed  bool
		message string // of the Engine
		oom     bool
		want    string
	}{
		"no kill for memory":            {137, false, cgroup.Memory{Limit: 32 * mib, Peak: 32 * mib}, false, "", false, ""},
		"the Engine's words stay":       {1, false, cgroup.Memory{}, false, "boom", false, "boom"},
		"by memory":                     {137, true, one, false, "", true, "limit 32MiB, peak 32MiB, 1 process killed"},
		"of which the Engine is silent": {137, false, one, false, "", true, "limit 32MiB, peak 32MiB, 1 process killed"},
		"which the kernel did not tell": {137, true, cgroup.Memory{Limit: 32 * mib}, false, "", true, "limit 32MiB"},
		"of the host": {137, true, cgroup.Memory{Peak: 5 * mib, Kills: 3}, false, "boom", true,
			"no limit, peak 5MiB, 3 processes killed; boom"},
		"a child, then success": {0, true, one, false, "", false,
			"a process in it was killed for lack of memory at some time (limit 32MiB, peak 32MiB, 1 process killed)"},
		"a child, then failure": {3, true, one, false, "", false,
			"a process in it was killed for lack of memory at some time (limit 32MiB, peak 32MiB, 1 process killed)"},
		"a child, then a kill": {137, true, one, true, "boom", false,
			"a process in it was killed for lack of memory at some time (limit 32MiB, peak 32MiB, 1 process killed); boom"},
		"a kill alone": {137, false, cgroup.Memory{}, true, "", false, ""},
	} {
		given := wire.Exited{Outcome: wire.OutcomeExited, Code: test.code, OOM: test.flag, Message: test.message}
		want := given
		want.OOM, want.Message = test.oom, test.want
		if got := judgeMemory(given, test.seen, test.killed); got != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestOutOfMemory has a process of a container killed by the kernel, and then the container end in each way.
func TestOutOfMemory(t *testing.T) {
	const note = "a process in it was killed for lack of memory at some time (limit 32MiB, peak 32MiB, 1 process killed)"
	const waits = "exec 2>/dev/null; tail /dev/zero; echo ready; while :; do sleep 0.05; done" // tail keeps a line that has no end
	for name, test := range map[string]struct {
		line string
		end  func(t *testing.T, h *host, e *executor) // once the line has said that it is ready
		want wire.Exited
	}{
		"the first process":         {"exec tail /dev/zero", nil, wire.Exited{Code: 137, OOM: true, Message: "limit 32MiB, peak 32MiB, 1 process killed"}},
		"a child, whose end counts": {"tail /dev/zero; exit $?", nil, wire.Exited{Code: 137, OOM: true, Message: "limit 32MiB, peak 32MiB, 1 process killed"}},
		"a child, then success":     {"tail /dev/zero; exit 0", nil, wire.Exited{Message: note}},
		"a child, then failure":     {"tail /dev/zero; exit 3", nil, wire.Exited{Code: 3, Message: note}},
		"a child, then a kill on request": {waits, func(t *testing.T, _ *host, e *executor) {
			e.send(wire.Message{Kill: &wire.Kill{Deadline: time.Now()}})
		}, wire.Exited{Code: 137, Message: note}},
		"a child, then a kill by another": {waits, func(t *testing.T, h *host, e *executor) {
			if err := h.docker.ContainerKill(t.Context(), e.state.ContainerID, "KILL"); err != nil {
				t.Error(err)
			}
		}, wire.Exited{Code: 137, Foreign: true, Message: "SIGKILL came through the Docker Engine and not from Mesos, as by docker stop, docker kill or an Engine that is stopped; " + note}},
		"a child, then a signal and a kill by the host": {waits, func(t *testing.T, h *host, e *executor) {
			if err := h.docker.ContainerKill(t.Context(), e.state.ContainerID, "WINCH"); err != nil {
				t.Error(err)
			}
			var c container.InspectResponse
			if err := json.Unmarshal(e.running.Inspect, &c); err != nil {
				t.Fatal(err)
			}
			if err := unix.Kill(c.State.Pid, unix.SIGKILL); err != nil {
				t.Error(err)
			}
		}, wire.Exited{Code: 137, OOM: true, Message: "limit 32MiB, peak 32MiB, 1 process killed"}}, // docs/operating.md says that it cannot be told apart
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each takes the time of a container
			h := newHost(t)
			e := h.newExecutor()
			task := dockerTask(t, environment.Busybox(t), test.line)
			task.Container.Docker.Parameters = []mesos.Parameter{{Key: "memory-swap", Value: "32m"}}
			e.launch(task)
			if test.end != nil {
				e.awaitRunning()
				awaitText(t, e, "ready\n")
				test.end(t, h, e)
			}
			test.want.Outcome = wire.OutcomeExited
			if exit := e.awaitExit(); *exit != test.want {
				t.Errorf("exit %+v", exit)
			}
			e.done()
			h.awaitNoContainers()
		})
	}
}

// The figures outlive the daemon that saw them only as far as the Engine has them.
func TestOutOfMemoryWhileTheDaemonIsAway(t *testing.T) {
	h := newHost(t)
	e := h.newExecutor()
	task := dockerTask(t, environment.Busybox(t), "trap 'exec tail /dev/zero' USR1; echo ready; while :; do sleep 0.05; done")
	task.Container.Docker.Parameters = []mesos.Parameter{{Key: "memory-swap", Value: "32m"}}
	e.launch(task)
	e.awaitRunning()
	awaitText(t, e, "ready\n")
	environment.Eventually(t, patience, "the figures of its memory", func() bool { // they are looked at once the container is known to run
		all := h.server.Tasks()
		return len(all) == 1 && all[0].Used.Limit == 32<<20 && all[0].Used.Usage > 0 && all[0].Used.Peak >= all[0].Used.Usage
	})
	h.stop()
	if err := h.docker.ContainerKill(t.Context(), e.state.ContainerID, "USR1"); err != nil {
		t.Fatal(err)
	}
	ended, failed := h.docker.ContainerWait(t.Context(), e.state.ContainerID, container.WaitConditionNotRunning)
	select {
	case <-ended:
	case err := <-failed:
		t.Fatal(err)
	}
	h.start()
	e.reconnect(h.socket)
	if exit := e.awaitExit(); exit.Code != 137 || !exit.OOM || !strings.HasPrefix(exit.Message, "limit 32MiB") {
		t.Errorf("exit %+v", exit)
	}
	e.done()
	h.awaitNoContainers()
}
