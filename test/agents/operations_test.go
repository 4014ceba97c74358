package agents

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
)

// operations are what operators and frameworks that restart do to tasks. Those that take the agent away stand at the end.
var operations = []scenario{
	{name: "limits, over an agent's restart", do: limits},
	{name: "memory limit is changed", do: changedMemory, known: map[route]string{
		custom: "the agent changes the group of the executor, which the container is in by cgroup_parent=executor alone (docs/custom-executor.md)",
	}},
	{name: "framework fails over", do: failedOver},
	{name: "task ends while its framework is away", do: endsWhileAway},
	{name: "framework does not come back", do: staysAway},
	{name: "agent is drained", do: drained},
	{name: "agent goes into maintenance", do: maintained},
}

// limitsOf reads what the kernel holds the task's container to: shares (or weight) of a processor, and bytes of memory.
func (r *run) limitsOf(task mesos.TaskInfo) (string, error) {
	of, ok := r.runs(task)
	if !ok {
		return "", errors.New("its container does not run")
	}
	const show = "cd /sys/fs/cgroup; if test -e cgroup.controllers; then cat cpu.weight memory.max; else cat cpu/cpu.shares memory/memory.limit_in_bytes; fi"
	out, err := exec.Command("docker", "--host=unix://"+r.socket, "exec", of.ID, "sh", "-c", show).Output()
	return strings.Join(strings.Fields(string(out)), " "), err
}

// limits looks at them before and after a restart of the agent, which sets them again when the executor is back.
func limits(r *run) (string, error) {
	task := r.task(r.image, waits, func(t *mesos.TaskInfo) { t.Resources = []mesos.Resource{scalar("cpus", 0.5), scalar("mem", 64)} })
	var before, after string
	seen, err := r.started(task, func(update) (err error) {
		if before, err = r.limitsOf(task); err != nil {
			return err
		}
		if err := r.restartAgent(func() error { return nil }); err != nil {
			return err
		}
		if after, err = r.limitsOf(task); err == nil && after != before {
			err = errors.New("the restart has changed them")
		}
		return err
	})
	return fmt.Sprintf("%s; limits %s, after the restart %s", seen, before, after), err
}

// changedMemory has the agent raise the limit of a task that runs. Version 1 of control groups refuses more than memory and swap
// together, which Docker makes twice the memory.
func changedMemory(r *run) (string, error) {
	task := r.task(r.image, waits)
	var before, after string
	seen, err := r.started(task, func(u update) (err error) {
		if before, err = r.limitsOf(task); err != nil {
			return err
		}
		response, err := r.callAgent(context.Background(), map[string]any{"type": "UPDATE_CONTAINER_MEMORY_LIMIT", "update_container_memory_limit": map[string]any{
			"container_id": map[string]any{"value": u.ContainerStatus.GetContainerID().GetValue()}, "memory_limit": map[string]any{"value": 48},
		}})
		if err != nil {
			return err
		}
		response.Body.Close()
		if after, err = r.limitsOf(task); err == nil && !strings.HasSuffix(after, fmt.Sprint(48<<20)) {
			err = errors.New("want 48 MiB")
		}
		return err
	})
	return fmt.Sprintf("%s; limits %s, then %s", seen, before, after), err
}

// failedOver has another instance of the framework take over and kill the task.
func failedOver(r *run) (string, error) {
	task := r.task(r.image, waits)
	return r.started(task, func(update) error {
		r.disconnect()
		if err := r.connect(); err != nil {
			return err
		}
		heard := len(r.heardOf(task))
		if err := r.send(context.Background(), calls.Reconcile()); err != nil {
			return err
		}
		_, err := r.await("the task's state", func() bool { return len(r.heard[task.TaskID.Value]) > heard })
		if last := r.heardOf(task); err == nil && last[len(last)-1].GetState() != mesos.TASK_RUNNING {
			err = errors.New("want TASK_RUNNING after the failover")
		}
		return err
	})
}

// heardOf is all that was heard of a task.
func (f *framework) heardOf(task mesos.TaskInfo) []update {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.heard[task.TaskID.Value]
}

func endsWhileAway(r *run) (string, error) {
	task := r.task(r.image, waits)
	if _, err := r.begin(task); err != nil {
		return r.history(task), err
	}
	of, _ := r.runs(task)
	r.disconnect()
	if err := r.docker.ContainerKill(context.Background(), of.ID, "KILL"); err != nil {
		return r.history(task), err
	}
	if err := r.awaitGone(task); err != nil {
		return r.history(task), err
	}
	if err := r.connect(); err != nil {
		return r.history(task), err
	}
	end, err := r.awaitEnd(task)
	if err == nil && (end.GetState() != mesos.TASK_FAILED || !strings.Contains(end.GetMessage(), "137")) {
		err = errors.New("want TASK_FAILED with status 137")
	}
	return r.history(task), err
}

// staysAway has the master end a framework whose time to come back is over.
func staysAway(r *run) (string, error) {
	r.disconnect()
	r.away = 200 * time.Millisecond
	if err := r.connect(); err != nil {
		return "", err
	}
	task := r.task(r.image, waits)
	if _, err := r.begin(task); err != nil {
		return r.history(task), err
	}
	r.disconnect()
	return r.history(task), r.awaitGone(task)
}

// drained drains the agent of a task with a long grace period, which the drain makes short, and takes the agent back.
func drained(r *run) (string, error) {
	task := r.task(r.image, deaf, func(t *mesos.TaskInfo) {
		t.KillPolicy = &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: int64(time.Hour)}}
	})
	up, err := r.begin(task)
	if err != nil {
		return r.history(task), err
	}
	agent := map[string]any{"agent_id": map[string]any{"value": up.GetAgentID().Value}}
	err = r.callMaster("DRAIN_AGENT", map[string]any{"agent_id": agent["agent_id"], "max_grace_period": map[string]any{"seconds": 1}})
	if errors.Is(err, errNoCall) {
		return r.history(task), errors.Join(err, r.endNow(task))
	}
	if err != nil {
		return r.history(task), err
	}
	end, err := r.awaitEnd(task)
	if err == nil && end.GetState() != mesos.TASK_KILLED {
		err = errors.New("want TASK_KILLED")
	}
	if err != nil {
		return r.history(task), err
	}
	if err := until("the agent to be taken back", func() bool { return r.callMaster("REACTIVATE_AGENT", agent) == nil }); err != nil {
		return r.history(task), err
	}
	// The master takes the agent back while that still ends the executor, and refuses tasks until it has.
	err = until("a task on the agent that was taken back", func() bool {
		_, err := r.ends(r.task(r.image, "exit 0"), mesos.TASK_FINISHED, "")
		return err == nil
	})
	return r.history(task), err
}

// endNow ends a task that a scenario does not need any more.
func (r *run) endNow(task mesos.TaskInfo) error {
	if _, err := r.kill(task, 0); err != nil {
		return err
	}
	_, err := r.awaitEnd(task)
	return err
}

// maintained starts the maintenance of the host, for which the master shuts the agent down, and starts the agent after it.
func maintained(r *run) (string, error) {
	task := r.task(r.image, waits)
	if _, err := r.begin(task); err != nil {
		return r.history(task), err
	}
	host, _, err := net.SplitHostPort(r.agent)
	if err != nil {
		return "", err
	}
	machines := []any{map[string]any{"hostname": host, "ip": host}}
	start := map[string]any{"nanoseconds": time.Now().UnixNano()}
	schedule := []any{map[string]any{"machine_ids": machines, "unavailability": map[string]any{"start": start}}}
	for _, call := range []struct {
		kind string
		body map[string]any
	}{
		{"UPDATE_MAINTENANCE_SCHEDULE", map[string]any{"schedule": map[string]any{"windows": schedule}}},
		{"START_MAINTENANCE", map[string]any{"machines": machines}},
	} {
		if err := r.callMaster(call.kind, call.body); err != nil {
			return r.history(task), err
		}
	}
	_, err = r.awaitEnd(task)
	seen := r.history(task)
	if err != nil {
		return seen, err
	}
	if err := r.awaitGone(task); err != nil {
		return seen, err
	}
	if err := r.callMaster("STOP_MAINTENANCE", map[string]any{"machines": machines}); err != nil {
		return seen, err
	}
	if err := r.restartAgent(func() error { return nil }); err != nil {
		return seen, err
	}
	again, err := r.ends(r.task(r.image, "exit 0"), mesos.TASK_FINISHED, "")
	return seen + "; the next: " + again, err
}
